from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.api import (
    DROP,
    KEEP,
    Body,
    Emission,
    Filter,
    Metric,
    Outcome,
    Problem,
    Replace,
)
from fluent_eql.errors import FilterError
from fluent_eql.event import Event, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.options import duration, option, text
from fluent_eql.shim import PythonFilter
from fluent_eql.testing import (
    SECOND,
    Failure,
    FilterDriver,
    Result,
    Sent,
    make_event,
    make_options,
    read_ndjson,
)

Process = Callable[[Sequence[Event], int], Outcome]


@dataclass(frozen=True, slots=True)
class ScriptedOptions:
    word: str = option("word", text, "required")
    ttl: int = option("state.ttl", duration, "a duration", default=1)
    names: tuple[str, ...] = option("names", text, "a list", default=(), many=True)


@dataclass(slots=True)
class Scripted:
    """A filter that answers what the test says."""

    on_process: Process = lambda events, now: Outcome()
    on_advance: Callable[[int], Outcome] = lambda now: Outcome()
    on_flush: Callable[[int], Outcome] = lambda now: Outcome()
    offsets: Callable[[Body], Sequence[int] | None] = lambda body: None
    deadlines: list[int] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    options: ScriptedOptions | None = None

    Options = ScriptedOptions

    @classmethod
    def create(cls, options: ScriptedOptions) -> Filter:
        return cls(options=options)

    def screen(self, body: Body) -> Sequence[int] | None:
        return self.offsets(body)

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        self.calls.append(("process", [event.record for event in events]))
        return self.on_process(events, now)

    def advance(self, now: int) -> Outcome:
        self.calls.append(("advance", now))
        self.deadlines = [deadline for deadline in self.deadlines if deadline > now]
        return self.on_advance(now)

    def next_deadline(self) -> int | None:
        return min(self.deadlines, default=None)

    def flush(self, now: int) -> Outcome:
        self.calls.append(("flush", now))
        return self.on_flush(now)

    def metrics(self) -> Iterable[Metric]:
        yield Metric("seen_total", "Seen.", "counter", 3, (("kind", "a"),))
        yield Metric("held", "Held.", "gauge", 1)


class Holder(Scripted):
    """Holds every event for ten seconds, then keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Event] = []

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        self.waiting += events
        self.deadlines.append(now + 10 * SECOND)
        return Outcome(held=list(events))

    def advance(self, now: int) -> Outcome:
        super().advance(now)
        return self.flush(now)

    def flush(self, now: int) -> Outcome:
        decided, self.waiting = self.waiting, []
        return Outcome(decided=[(event, KEEP) for event in decided])


def numbered(*numbers: int) -> list[dict[str, int]]:
    return [{"n": number} for number in numbers]


def test_an_event_is_made_of_a_record() -> None:
    event = make_event({"a": 1}, tag="app", time=7)
    assert (event.tag, event.time, event.record) == ("app", 7, {"a": 1})


def test_ndjson_is_read_without_its_empty_lines() -> None:
    assert read_ndjson('{"a": 1}\n\n  {"b": [2]}  \n') == [{"a": 1}, {"b": [2]}]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('{"a": 1}\n{"a": \n', "line 2: Expecting value"),
        ("\n[1]", r"line 2: expected an object, f"),
    ],
)
def test_a_line_that_is_no_object_is_an_error_with_its_number(source: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_ndjson(source)


def test_options_are_made_of_texts_as_a_configuration_has_them() -> None:
    made = make_options(Scripted, {"word": "w", "state.ttl": "2s", "names": ["a", "b"]})
    assert made == ScriptedOptions(word="w", ttl=2 * SECOND, names=("a", "b"))
    assert make_options(Scripted, {"word": "w", "names": "a"}).names == ("a",)


def test_unknown_missing_and_wrong_settings_are_value_errors() -> None:
    with pytest.raises(ValueError, match=r"unknown keys \['wrod'\], missing keys \['word'\]"):
        make_options(Scripted, {"wrod": "w"})
    with pytest.raises(ValueError, match="expected a duration"):
        make_options(Scripted, {"word": "w", "state.ttl": "soon"})


def test_a_driver_is_made_of_a_plugin_and_its_settings() -> None:
    driver = FilterDriver.of(Scripted, word="w", state__ttl="2s")
    assert isinstance(driver.filter, Scripted)
    assert driver.filter.options == ScriptedOptions(word="w", ttl=2 * SECOND)


def test_a_plugin_that_breaks_the_contract_is_refused_by_its_name() -> None:
    class Nothing:
        pass

    with pytest.raises(FilterError, match="^filter Nothing: expected a dataclass"):
        FilterDriver.of(Nothing)


def test_records_that_the_filter_says_nothing_of_are_kept() -> None:
    result = FilterDriver(Scripted()).send(numbered(1, 2))
    assert result == Result(out=numbered(1, 2), kept=numbered(1, 2))


def test_what_is_decided_leaves_in_the_order_of_the_frame() -> None:
    def process(events: Sequence[Event], now: int) -> Outcome:
        replaced = Replace((encode_value({"x": 1}), encode_value({"x": 2})), 5)
        return Outcome(decided=[(events[2], DROP), (events[1], replaced)])

    result = FilterDriver(Scripted(process)).send(numbered(1, 2, 3))
    assert result.out == [{"n": 1}, {"x": 1}, {"x": 2}]
    assert result.kept == numbered(1)
    assert result.dropped == numbered(3)
    assert result.replaced == [({"n": 2}, [{"x": 1}, {"x": 2}])]
    assert result.times == [5]


def test_the_filter_sees_tag_time_and_clock() -> None:
    seen: list[Any] = []

    def process(events: Sequence[Event], now: int) -> Outcome:
        seen.extend((event.tag, event.time, now) for event in events)
        return Outcome()

    driver = FilterDriver(Scripted(process), now=3)
    driver.send([{"n": 1}, make_event({}, tag="own", time=9)], tag="app", time=5)
    driver.advance(4)
    driver.send([{"n": 1}])
    assert seen == [("app", 5, 3), ("own", 9, 3), ("test", 0, 7)]


def test_only_what_the_screen_asks_for_is_processed() -> None:
    filter = Scripted(offsets=lambda body: [bytes(body).index(b"\xa1n\x02")])
    result = FilterDriver(filter).send(numbered(1, 2, 3), time=1_500_000_000)
    assert filter.calls == [("process", numbered(2))]
    assert result.skipped == numbered(1, 3)
    assert result.out == result.kept == numbered(1, 2, 3)


def test_every_byte_of_an_entry_stands_for_the_entry() -> None:
    entry = len(b"\x92" + b"\xd7\x00" + bytes(8) + encode_value({"n": 1}))
    for offset in range(3 * entry):
        filter = Scripted(offsets=lambda body, at=offset: [at])  # type: ignore[misc]
        FilterDriver(filter).send(numbered(1, 2, 3))
        assert filter.calls == [("process", numbered(offset // entry + 1))]


def test_a_frame_in_which_nothing_is_asked_for_is_not_processed() -> None:
    filter = Scripted(offsets=lambda body: [])
    assert FilterDriver(filter).send(numbered(1)).out == numbered(1)
    assert filter.calls == []


@pytest.mark.parametrize(
    ("offsets", "reason"), [([3, 1], "not ascending"), ([15], "outside"), ([-1], "outside")]
)
def test_a_screen_that_answers_nonsense_breaks_the_contract(
    offsets: list[int], reason: str
) -> None:
    driver = FilterDriver(Scripted(offsets=lambda body: offsets))
    with pytest.raises(AssertionError, match=reason):
        driver.send(numbered(1))


def test_a_frame_with_a_held_record_leaves_when_it_is_decided() -> None:
    driver = FilterDriver(Holder())
    assert driver.send(numbered(1, 2)) == Result(held=numbered(1, 2))
    assert driver.advance("9s") == Result()
    result = driver.advance("1s")
    assert result.out == result.kept == numbered(1, 2)


def test_frames_leave_independently_of_each_other() -> None:
    filter = Holder()
    driver = FilterDriver(filter)
    driver.send(numbered(1))
    filter.offsets = lambda body: []
    assert driver.send(numbered(2)).out == numbered(2)
    assert driver.flush().out == numbered(1)


def test_the_clock_stops_at_each_deadline_and_ends_at_the_new_time() -> None:
    filter = Scripted(deadlines=[30, 10, 99])
    driver = FilterDriver(filter)
    driver.advance(50)
    assert filter.calls == [("advance", 10), ("advance", 30)]
    assert driver.now == 50


def test_a_deadline_that_has_passed_is_met_at_once() -> None:
    filter = Scripted(deadlines=[5])
    FilterDriver(filter, now=20).advance(0)
    assert filter.calls == [("advance", 20)]


def test_a_deadline_that_stays_breaks_the_contract() -> None:
    class Stuck(Scripted):
        def next_deadline(self) -> int | None:
            return 5

    with pytest.raises(AssertionError, match="the next deadline is 5, not later"):
        FilterDriver(Stuck()).advance(10)


def test_a_record_that_is_held_for_ever_breaks_the_contract() -> None:
    driver = FilterDriver(Scripted(lambda events, now: Outcome(held=list(events))))
    driver.send(numbered(1))
    with pytest.raises(AssertionError, match="after flush these records are still held"):
        driver.flush()


def test_deciding_twice_breaks_the_contract() -> None:
    driver = FilterDriver(Scripted(lambda events, now: Outcome([(events[0], KEEP)] * 2)))
    with pytest.raises(AssertionError, match="decided twice"):
        driver.send(numbered(1))


def test_deciding_and_holding_one_record_breaks_the_contract() -> None:
    def process(events: Sequence[Event], now: int) -> Outcome:
        return Outcome(decided=[(events[0], KEEP)], held=list(events))

    with pytest.raises(AssertionError, match="both held and decided"):
        FilterDriver(Scripted(process)).send(numbered(1))


def test_naming_an_event_that_was_not_given_breaks_the_contract() -> None:
    stranger = make_event({})
    decided = Scripted(lambda events, now: Outcome(decided=[(stranger, KEEP)]))
    held = Scripted(lambda events, now: Outcome(held=[stranger]))
    with pytest.raises(AssertionError, match="an event that was not sent, or that has left"):
        FilterDriver(decided).send(numbered(1))
    with pytest.raises(AssertionError, match="an event that process was not given"):
        FilterDriver(held).send(numbered(1))


def test_replacing_by_nothing_breaks_the_contract() -> None:
    driver = FilterDriver(Scripted(lambda events, now: Outcome([(events[0], Replace(()))])))
    with pytest.raises(AssertionError, match="replaced by nothing"):
        driver.send(numbered(1))


def test_emissions_problems_and_alerts_are_told() -> None:
    def process(events: Sequence[Event], now: int) -> Outcome:
        return Outcome(
            emitted=[Emission("other", 5, encode_value({"e": 1}))],
            problems=[Problem(events[0], "odd")],
            alerts=[{"id": "1"}],
        )

    result = FilterDriver(Scripted(process)).send(numbered(1))
    assert result.emitted == [Sent("other", 5, {"e": 1})]
    assert result.problems == [Failure({"n": 1}, "odd")]
    assert result.alerts == [{"id": "1"}]
    assert result.kept == numbered(1)


def test_bytes_that_are_no_record_can_be_sent_too() -> None:
    driver = FilterDriver.of(PythonFilter, call="f", code="def f(t, s, r): return -1, 0, 0")
    result = driver.send([Event("app", 0, b"\x90")])
    assert result.out == [{"raw": b"\x90"}]
    assert "expected a map" in result.problems[0].reason


def test_a_metric_is_found_by_its_name_and_labels() -> None:
    driver = FilterDriver(Scripted())
    assert driver.metric("seen_total", kind="a") == 3
    assert driver.metric("held") == 1
    with pytest.raises(KeyError, match="seen_total"):
        driver.metric("seen_total")


def test_the_eql_filter_runs_in_the_driver(tmp_path: Path) -> None:
    rule = tmp_path / "r.toml"
    rule.write_text(
        '[rule]\nrule_id = "r"\nname = "Two steps"\nseverity = "low"\nrisk_score = 1\n'
        "query = '''sequence by user with maxspan=5s\n"
        '  [any where step == "one"] [any where step == "two"]\'\'\'\n'
    )
    driver = FilterDriver.of(EqlFilter, rules=str(rule), reorder_window="2s")
    assert driver.send([{"user": "a", "step": "two"}], time=2 * SECOND).held
    assert driver.send([{"user": "a", "step": "one"}], time=SECOND).out
    result = driver.advance("2s")
    assert [alert["rule"]["name"] for alert in result.alerts] == ["Two steps"]
    assert result.out[0]["tags"] == ["eql-alert", "two_steps"]
