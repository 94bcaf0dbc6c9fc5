from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.api import (
    DROP,
    KEEP,
    Batch,
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


class Whole(Scripted):
    """Takes whole frames and holds each for ten seconds, of its records those with an ``x``."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.held: list[Batch] = []
        self.waiting: list[Event] = []

    def process_batch(self, batch: Batch, now: int) -> Outcome:
        found = events_of(batch)
        self.calls.append(("process_batch", [event.record for event in found]))
        self.held.append(batch)
        self.deadlines.append(now + 10 * SECOND)
        asked = [event for event in found if "x" in event.record]
        self.waiting += asked
        return Outcome(held=asked, held_batches=[batch])

    def advance(self, now: int) -> Outcome:
        super().advance(now)
        return self.flush(now)

    def flush(self, now: int) -> Outcome:
        held, self.held = self.held, []
        decided, self.waiting = self.waiting, []
        return Outcome([(event, DROP) for event in decided], released_batches=held)


def events_of(batch: Batch) -> list[Event]:
    found = [batch.event(number) for number in range(len(batch.ends))]
    return [event for event in found if event is not None]


def test_a_frame_all_of_which_is_asked_for_is_given_as_a_whole_to_a_filter_that_takes_it_so() -> (
    None
):
    filter = Whole()
    FilterDriver(filter).send(numbered(1, 2))
    assert filter.calls == [("process_batch", numbered(1, 2))]


@pytest.mark.parametrize("count", [0, 1])
def test_a_frame_of_which_some_is_asked_for_is_given_event_by_event(count: int) -> None:
    filter = Whole(offsets=lambda body: [0][:count])
    assert FilterDriver(filter).send(numbered(1, 2)).out == numbered(1, 2)
    assert filter.calls == [("process", numbered(1))][:count]


def test_a_batch_is_a_frame_with_its_tag_its_entries_and_always_the_same_events() -> None:
    seen: list[Batch] = []

    class Looking(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            seen.append(batch)
            return Outcome()

    given = make_event({"n": 2}, tag="app", time=3)
    FilterDriver(Looking()).send([{"n": 1}, given], tag="app", time=1_500_000_000)
    [batch] = seen
    head = b"\x92\xd7\x00" + (1).to_bytes(4, "big") + (500_000_000).to_bytes(4, "big")
    first = head + encode_value({"n": 1})
    assert batch.tag == "app"
    assert bytes(batch.body)[: batch.ends[0]] == first
    assert bytes(batch.body)[batch.ends[0] :].endswith(given.raw)
    assert list(batch.ends) == [len(first), len(batch.body)]
    assert batch.event(1) is given
    assert batch.event(0) is batch.event(0)


def test_an_empty_frame_may_be_taken_as_a_whole() -> None:
    filter = Whole()
    driver = FilterDriver(filter)
    assert driver.send([]) == Result()
    assert filter.calls == [("process_batch", [])]
    assert driver.flush() == Result()


def test_a_whole_frame_of_which_the_filter_says_nothing_is_kept() -> None:
    class Silent(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            return Outcome()

    result = FilterDriver(Silent()).send(numbered(1, 2))
    assert result == Result(out=numbered(1, 2), kept=numbered(1, 2))


def test_a_held_frame_leaves_when_it_is_released_with_the_records_not_spoken_of() -> None:
    driver = FilterDriver(Whole())
    assert driver.send(numbered(1, 2)) == Result()
    assert driver.advance("9s") == Result()
    assert driver.advance("1s") == Result(out=numbered(1, 2), kept=numbered(1, 2))


def test_a_record_of_a_held_frame_is_held_and_decided_as_well() -> None:
    driver = FilterDriver(Whole())
    records = [{"n": 1}, {"n": 2, "x": 1}]
    assert driver.send(records) == Result(held=records[1:])
    result = driver.advance("10s")
    assert result == Result(out=numbered(1), kept=numbered(1), dropped=records[1:])


def test_a_record_of_a_held_frame_is_held_later_and_may_outstay_it() -> None:
    class Late(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            outcome = super().process_batch(batch, now)
            asked = [event for event in events_of(self.held[0]) if event not in self.waiting]
            self.waiting = asked[:1]
            return Outcome(held=self.waiting, held_batches=outcome.held_batches)

        def advance(self, now: int) -> Outcome:
            Scripted.advance(self, now)
            released, self.held = self.held, []
            return Outcome(released_batches=released)

    filter = Late()
    driver = FilterDriver(filter)
    assert driver.send(numbered(1, 2)) == Result(held=numbered(1))
    assert driver.send(numbered(3)) == Result(held=numbered(2))
    result = driver.advance("10s")
    assert (result.out, result.kept) == (numbered(3), numbered(3))


def test_a_record_that_is_decided_of_a_held_frame_waits_for_it() -> None:
    class Deciding(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            outcome = super().process_batch(batch, now)
            outcome.decided.append((events_of(batch)[0], DROP))
            return outcome

    driver = FilterDriver(Deciding())
    result = driver.send(numbered(1, 2))
    assert (result.out, result.dropped) == ([], numbered(1))
    assert driver.flush().out == numbered(2)


def test_holding_a_record_of_a_held_frame_once_it_is_decided_breaks_the_contract() -> None:
    class Again(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            outcome = super().process_batch(batch, now)
            event = events_of(self.held[0])[0]
            if len(self.held) > 1:
                return Outcome(held=[event], held_batches=outcome.held_batches)
            outcome.decided.append((event, KEEP))
            return outcome

    driver = FilterDriver(Again())
    driver.send(numbered(1))
    with pytest.raises(AssertionError, match="held once decided: {'n': 1}"):
        driver.send(numbered(2))


def test_holding_a_record_of_a_frame_that_is_not_held_any_more_breaks_the_contract() -> None:
    first: list[Event] = []

    class TooLate(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            first.extend(events_of(batch))
            if self.held:
                return Outcome(held=first[:1])
            super().process_batch(batch, now)
            return Outcome(held=first[1:])

    driver = FilterDriver(TooLate())
    driver.send(numbered(1, 2))
    with pytest.raises(AssertionError, match="an event that process was not given"):
        driver.send(numbered(3))


def test_a_frame_that_is_held_for_ever_breaks_the_contract() -> None:
    class Forgetful(Whole):
        def flush(self, now: int) -> Outcome:
            return Outcome()

    driver = FilterDriver(Forgetful())
    driver.send(numbered(1))
    with pytest.raises(AssertionError, match=r"after flush these records are still held: \[{'n'"):
        driver.flush()


def test_naming_a_batch_that_was_not_given_or_is_not_held_breaks_the_contract() -> None:
    elsewhere = Whole()
    FilterDriver(elsewhere).send(numbered(1))

    class Foreign(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            return Outcome(held_batches=elsewhere.held)

    class Releasing(Whole):
        def process_batch(self, batch: Batch, now: int) -> Outcome:
            return Outcome(released_batches=[batch])

    class Twice(Whole):
        def flush(self, now: int) -> Outcome:
            return Outcome(released_batches=[*self.held, *self.held])

    with pytest.raises(AssertionError, match="held: a batch that process_batch was not given"):
        FilterDriver(Foreign()).send(numbered(1))
    with pytest.raises(AssertionError, match="released: a batch that is not held"):
        FilterDriver(Releasing()).send(numbered(1))
    driver = FilterDriver(Twice())
    driver.send(numbered(1))
    with pytest.raises(AssertionError, match="released: a batch that is not held"):
        driver.flush()


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
