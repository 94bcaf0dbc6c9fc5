"""Events of many rules as they come: most wait unread for one that has begun a sequence.

That many rules find what each finds alone is a property in test_many_rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluent_eql.api import KEEP, Outcome, Problem, Replace
from fluent_eql.detection import LEAST_TTL
from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.running import WORTH_A_SCAN
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver, make_event
from support.events import SECOND
from support.reads import count_reads
from support.rules import driver_without_notes, rule
from support.sequences import happened, names

WINDOW = 2 * SECOND
TWO = rule("sequence by k [n where true] [f where true]", name="Two")
THREE = rule("sequence by k [n where true] [m where true] [f where true]", name="Three")
SURE = rule('sequence by k [n where a == "x" and c > 5] [f where true]', name="Sure")
NESTED = rule("sequence by o.k [n where true] [f where true]", name="Nested")
FILLERS = [
    rule(
        f'sequence by z{number} [q where zq == "no{number}"] [w where zw == "never{number}"]',
        name=f"Filler {number}",
    )
    for number in range(WORTH_A_SCAN)
]


def many(*rules: Rule, **settings: Any) -> FilterDriver:
    """A driver of these rules, which are many with others that never match."""
    return driver_without_notes(*rules, *FILLERS, **settings)


def eql(*rules: Rule, **settings: Any) -> EqlFilter:
    return EqlFilter(rules, EqlOptions(**settings))


def eql_of(runner: FilterDriver) -> EqlFilter:
    assert isinstance(runner.filter, EqlFilter)
    return runner.filter


def n(name: str = "n1", time: int = 0, **fields: Any) -> dict[str, Any]:
    return happened(name, "n", time, **fields)


def m(name: str = "m1", time: int = SECOND, **fields: Any) -> dict[str, Any]:
    return happened(name, "m", time, **fields)


def f(name: str = "f1", time: int = 2 * SECOND, **fields: Any) -> dict[str, Any]:
    return happened(name, "f", time, **fields)


def told(alerts: Sequence[dict[str, Any]]) -> list[tuple[tuple[str, ...], bool]]:
    """The events of alerts, each with whether it is late."""
    return [(names(alert), alert.get("late", False)) for alert in alerts]


@pytest.mark.parametrize("wait", [0, SECOND, WINDOW])
def test_an_event_that_comes_before_its_first_event_within_the_window_completes_in_place(
    wait: int,
) -> None:
    runner = many(TWO)
    assert len(runner.send([f()]).held) == 1
    assert runner.advance(wait - 1 if wait else 0).kept == []
    runner.send([n()])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert [len(records) for _, records in result.replaced] == [1]
    assert (result.emitted, result.kept) == ([], [])
    assert told(runner.advance(10 * WINDOW).alerts) == []


def test_an_event_whose_first_event_comes_after_the_window_completes_late_and_once() -> None:
    runner = many(TWO)
    runner.send([f()])
    assert len(runner.advance(WINDOW).kept) == 1
    runner.send([n()])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), True)]
    assert (len(result.emitted), result.replaced) == (1, [])
    runner.send([n("n2", 1)])
    assert told(runner.advance(WINDOW).alerts) == []


def test_what_may_follow_is_held_for_the_window_at_most_and_let_go_as_it_is() -> None:
    runner, event = many(TWO), make_event(f())
    assert runner.send([event]).held == [event.record]
    assert runner.filter.next_deadline() == WINDOW
    assert runner.filter.advance(WINDOW - 1).decided == []
    assert runner.filter.advance(WINDOW).decided == [(event, KEEP)]
    assert runner.filter.next_deadline() is None


def test_an_event_between_is_not_held_and_is_found_when_the_first_comes() -> None:
    runner = many(THREE)
    assert runner.send([m()]).held == []
    runner.send([f()])
    runner.send([n()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "m1", "f1"), False)]


def test_without_a_window_events_wait_for_the_end() -> None:
    runner = many(TWO, reorder_window=None)
    runner.send([f("f2", 5)])
    runner.send([f("f1", 3)])
    runner.send([n("n1", 1)])
    assert runner.advance(1000 * SECOND).alerts == []
    assert told(runner.flush().alerts) == [(("n1", "f1"), False)]


def test_with_a_window_of_nothing_an_event_is_let_go_at_once_and_completes_late() -> None:
    runner = many(TWO, reorder_window=0)
    result = runner.send([f()])
    assert (result.held, len(result.kept)) == ([], 1)
    assert told(runner.send([n()]).alerts) == [(("n1", "f1"), True)]


def test_where_nothing_has_begun_no_event_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    other = rule("sequence by k [p where true] [f where true]", name="Other")
    runner = many(THREE, TWO, other)
    reads = count_reads(monkeypatch)
    for number in range(20):
        runner.send([f(f"f{number}", number), m(f"m{number}", number), f(k="b")])
    runner.advance(WINDOW)
    runner.send([f("last", 100)])
    assert len(runner.flush().kept) == 1
    assert reads == []


def test_where_something_has_begun_what_may_complete_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = many(TWO)
    reads = count_reads(monkeypatch)
    first, last = make_event(n()), make_event(f())
    runner.send([first, make_event(f("f0", k="b"))])
    assert reads == []
    runner.send([last])
    assert set(reads) == {first, last}


def test_a_first_event_is_read_only_when_one_comes_that_may_complete_its_sequence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = many(THREE)
    reads = count_reads(monkeypatch)
    runner.send([n(), m()])
    assert reads == []
    runner.send([f()])
    assert len(set(reads)) == 3
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "m1", "f1"), False)]


def test_a_sequence_that_has_begun_and_is_forgotten_lets_nothing_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = many(TWO)
    runner.send([n()])
    runner.filter.advance(LEAST_TTL + 1)
    runner.advance(LEAST_TTL + 1)
    reads = count_reads(monkeypatch)
    runner.send([f()])
    result = runner.advance(WINDOW)
    assert (len(result.kept), result.alerts, reads) == (1, [], [])


@pytest.mark.parametrize(("wait", "expected"), [(0, [(("n1", "f1"), True)]), (1, [])])
def test_what_came_longer_ago_than_the_time_to_live_follows_nothing(
    wait: int, expected: list[Any]
) -> None:
    runner = many(TWO)
    runner.send([f()])
    runner.advance(LEAST_TTL - 1)
    runner.send([f("f2", k="a", time=-5)])
    runner.advance(1 + wait)
    runner.send([n()])
    assert told(runner.advance(2 * WINDOW).alerts) == expected


def test_what_has_begun_is_known_though_its_key_was_evicted_among_those_that_follow() -> None:
    runner = many(TWO, max_entities=3)
    runner.send([n()])
    for number in range(10):
        runner.send([f(f"other{number}", k=f"other{number}")])
    runner.send([f()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]


def test_what_is_held_for_a_key_that_is_evicted_is_let_go_all_the_same() -> None:
    runner = many(TWO, max_entities=1)
    for number in range(4):
        runner.send([f(f"f{number}", k=f"{number}")])
    assert len(runner.advance(WINDOW).kept) == 4


def test_what_turns_out_not_to_have_begun_lets_those_after_it_wait_for_one_that_has() -> None:
    runner = many(SURE)
    runner.send([n("no", a="x", c=1)])
    assert len(runner.send([f("f1", SECOND)]).held) == 1
    runner.send([f("f2", 3 * SECOND)])
    runner.send([n("n1", 1, a="x", c=9)])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]
    runner.send([n("n2", 2 * SECOND, a="x", c=9)])
    assert told(runner.advance(WINDOW).alerts) == [(("n2", "f2"), True)]


def test_an_event_that_turns_out_to_satisfy_nothing_completes_nothing() -> None:
    found = rule('sequence by k [n where true] [f where b == "y" and c > 5]', name="Found")
    other = rule('sequence by k [p where true] [f where b == "y"]', name="Other")
    runner = many(found, other)
    runner.send([f("no", b="y", c=1), f("f1", 3 * SECOND, b="y", c=9)])
    runner.send([n()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]


KEYED = [
    ({"k": 1}, {"k": 1}, True),
    ({"k": 1}, {"k": 1.0}, True),
    ({"k": 1}, {"k": "1"}, False),
    ({"k": 1}, {"k": True}, False),
    ({"k": ["a"]}, {"k": "a"}, True),
    ({"k": ["a", "b"]}, {"k": "b"}, True),
    ({"k": ["a", "b"]}, {"k": ["c", "a"]}, True),
    ({"k": None}, {"k": None}, False),
    ({"k": []}, {"k": []}, False),
    ({"k": b"a"}, {"k": "a"}, True),
    ({"k": {"x": 1}}, {"k": {"x": 1}}, False),
]


@pytest.mark.parametrize(("first", "last", "is_found"), KEYED, ids=repr)
@pytest.mark.parametrize("comes_first", ["n", "f"])
def test_keys_of_any_kind_join_the_events_whichever_comes_first(
    first: dict[str, Any], last: dict[str, Any], is_found: bool, comes_first: str
) -> None:
    runner = many(TWO)
    records = [{**n(), **first}, {**f(), **last}]
    for record in records if comes_first == "n" else records[::-1]:
        assert runner.send([record]).problems == []
    result = runner.advance(WINDOW)
    assert told(result.alerts) == ([(("n1", "f1"), False)] if is_found else [])
    assert runner.flush().kept == []


NESTINGS = [
    ({"o": {"k": "a"}}, {"o": {"k": "a"}}, True),
    ({"o": {"k": "a"}}, {"o.k": "a"}, True),
    ({"o.k": "a"}, {"o.k": "a", "o": None}, True),
    ({"o": [{"k": "a"}, {"k": "b"}]}, {"o": {"k": "b"}}, True),
    ({"o": None}, {"o": None}, False),
    ({"o": None}, {"o": {"k": "a"}}, False),
    ({"o": "a"}, {"o": "a"}, False),
    ({}, {}, False),
]


@pytest.mark.parametrize(("first", "last", "is_found"), NESTINGS, ids=repr)
@pytest.mark.parametrize("comes_first", ["n", "f"])
def test_keys_that_are_spelled_in_any_way_join_the_events(
    first: dict[str, Any], last: dict[str, Any], is_found: bool, comes_first: str
) -> None:
    runner = many(NESTED)
    records = [n(**first), f(**last)]
    for record in records if comes_first == "n" else records[::-1]:
        assert runner.send([record]).problems == []
    assert told(runner.advance(WINDOW).alerts) == ([(("n1", "f1"), False)] if is_found else [])


def test_an_event_without_a_key_is_not_held() -> None:
    runner = many(TWO)
    result = runner.send([f(k=None)])
    assert (result.held, len(result.kept)) == ([], 1)


def test_a_record_under_two_keys_of_the_same_values_is_tagged_once_for_each_rule() -> None:
    other = rule("sequence by j [p where true] [f where true]", name="Other")
    runner = many(TWO, other)
    runner.send([f(j="a")])
    runner.send([n(), happened("p1", "p", 1, j="a")])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), False), (("p1", "f1"), False)]
    [(_, [record])] = result.replaced
    assert [alert["rule"]["name"] for alert in record["eql.alerts"]] == ["Two", "Other"]


def test_an_event_that_follows_what_is_over_is_read_where_it_comes_late() -> None:
    runner = many(TWO)
    runner.send([n()])
    runner.send([f("f1", 5 * SECOND)])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]
    runner.send([f("f0", 4 * SECOND)])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f0"), False)]


@pytest.mark.parametrize("wait", [0, WINDOW])
def test_a_late_first_event_begins_with_what_follows_it_first_though_a_later_one_was_run(
    wait: int,
) -> None:
    runner = many(SURE)
    runner.send([f("f9", 9 * SECOND)])
    runner.send([n("no", a="x", c=1)])
    runner.advance(WINDOW)
    runner.send([f("f1", 2 * SECOND)])
    runner.advance(wait)
    runner.send([n("n1", 1, a="x", c=9)])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), wait > 0)]


def test_with_notes_every_event_is_read_and_noted_when_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = eql(TWO, *FILLERS)
    assert found.recall([], now=0) == []
    reads = count_reads(monkeypatch)
    events = [make_event(f()), make_event(n())]
    outcomes = [found.process([event], now=0) for event in events]
    assert reads == events
    assert [len(outcome.notes) for outcome in outcomes] == [0, 1]
    outcome = found.advance(WINDOW)
    assert told(outcome.alerts) == [(("n1", "f1"), False)]
    assert [note.event for note in outcome.notes] == events[:1]


def test_what_is_noted_is_known_again_after_a_restart() -> None:
    before = FilterDriver(eql(TWO, *FILLERS))
    [note] = before.send([n()]).notes
    found = eql(TWO, *FILLERS)
    assert found.recall([(5, note)], now=10) == []
    after = FilterDriver(found, now=10, keeps_notes=False)
    after.send([f()])
    assert told(after.advance(WINDOW).alerts) == [(("n1", "f1"), False)]


@pytest.mark.parametrize("wait", [0, WINDOW])
def test_all_events_of_the_window_follow_and_of_those_before_the_latest(wait: int) -> None:
    runner = many(TWO, max_pending=2)
    for number in range(9, 0, -1):
        runner.send([f(f"f{number}", number * SECOND)])
    runner.advance(wait)
    runner.send([n()])
    [(found, is_late)] = told(runner.advance(WINDOW).alerts)
    assert (found, is_late) == (("n1", "f1"), wait > 0)


def test_no_more_followers_are_kept_than_those_of_the_window_and_twice_max_pending() -> None:
    runner = many(TWO, max_pending=2)
    for number in range(100):
        runner.send([f(f"f{number}", number * SECOND)])
        runner.advance(WINDOW)
    [following] = eql_of(runner)._intake.followers._keys.by_age.values()
    assert len(following.followers) <= 4
    runner.send([n()])
    assert told(runner.advance(WINDOW).alerts)[:1] != []


def test_what_may_begin_waits_unread_until_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = many(TWO, max_pending=3)
    reads = count_reads(monkeypatch)
    for number in range(3):
        runner.send([n(f"n{number}", number)])
    assert reads == []
    runner.send([n("n3", 3)])
    assert len(reads) == 1
    runner.send([f()])
    assert told(runner.advance(WINDOW).alerts) == [(("n3", "f1"), False)]


def test_of_a_key_whose_sequence_was_run_what_comes_in_order_waits_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = many(TWO)
    runner.send([n(), f()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]
    reads = count_reads(monkeypatch)
    runner.send([n("n2", 3 * SECOND), n("n3", 4 * SECOND)])
    assert reads == []
    runner.send([n("n0", 1)])
    assert len(reads) == 1
    runner.send([f("f2", 5 * SECOND)])
    assert told(runner.advance(WINDOW).alerts) == [(("n3", "f2"), False)]


@pytest.mark.parametrize("late", [False, True])
def test_where_what_waits_unread_was_in_order_what_comes_late_still_finds_its_place(
    late: bool,
) -> None:
    runner = many(TWO)
    runner.send([n(), f()])
    runner.advance(WINDOW)
    runner.send([n("n2", 5 * SECOND)])
    runner.send([f("f2", 4 * SECOND), n("n3", 3 * SECOND)][:: -1 if late else 1])
    assert told(runner.advance(WINDOW).alerts) == [(("n3", "f2"), False)]
    runner.send([f("f3", 6 * SECOND)])
    assert told(runner.advance(WINDOW).alerts) == [(("n2", "f3"), False)]


def test_a_record_that_cannot_be_read_is_a_problem_where_it_has_to_be() -> None:
    found = eql(TWO, rule("f where true", name="Single"), *FILLERS)
    broken = Event("t", 0, encode_value(f(tail="x"))[:-1])
    outcome = found.process([broken], now=0)
    assert [type(problem) for problem in outcome.problems] == [Problem]
    assert (outcome.held, found.next_deadline()) == ([], None)


def test_a_record_that_cannot_be_read_later_is_no_match() -> None:
    odd = rule('sequence by k [n where x == "y"] [f where true]', name="Odd")
    found = eql(odd, *FILLERS)
    deep = b"\x91" * 3000 + b"\xa1y"
    raw = encode_value(n())
    first = Event("t", 0, bytes([raw[0] + 1]) + raw[1:] + b"\xa1x" + deep)
    last = make_event(f())
    for event in (first, last):
        found.process([event], now=0)
    assert found.advance(WINDOW).decided == [(last, KEEP)]


class Reloaded:
    """A filter that goes on with other rules."""

    def __init__(self, *rules: Rule, **settings: Any) -> None:
        self.settings = settings
        self.found = eql(*rules, **settings)
        self.now = 0
        self.alerts: list[dict[str, Any]] = []
        self.decided: list[tuple[Event, Any]] = []

    def send(self, *records: dict[str, Any]) -> None:
        self._take(self.found.process([make_event(one) for one in records], self.now))

    def advance(self, span: int) -> None:
        end = self.now + span
        while (deadline := self.found.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self._take(self.found.advance(self.now))
        self.now = end

    def go_on_with(self, *rules: Rule) -> None:
        self._take(self.found.go_on_as(eql(*rules, **self.settings), self.now))

    def _take(self, outcome: Outcome) -> None:
        assert outcome.problems == []
        self.alerts += outcome.alerts
        self.decided += outcome.decided


SETS = {
    "alone": (TWO,),
    "few": (FILLERS[0], TWO),
    "many": (TWO, *FILLERS),
    "other places": (*FILLERS[::-1], THREE, TWO),
    "fewer": (FILLERS[3], TWO, *FILLERS[:2]),
}


@pytest.mark.parametrize("before", SETS)
@pytest.mark.parametrize("after", SETS)
@pytest.mark.parametrize("comes_first", ["n", "f"])
def test_a_rule_that_has_not_changed_goes_on_whatever_rules_come_or_go(
    before: str, after: str, comes_first: str
) -> None:
    found = Reloaded(*SETS[before])
    records = [n(), f()] if comes_first == "n" else [f(), n()]
    found.send(records[0])
    found.go_on_with(*SETS[after])
    found.send(records[1])
    found.advance(WINDOW)
    assert told(found.alerts) == [(("n1", "f1"), False)]
    assert [type(verdict) for _, verdict in found.decided] == [Replace]


def test_what_follows_only_a_rule_that_is_gone_is_let_go_as_it_is() -> None:
    found = Reloaded(TWO, *FILLERS)
    found.send(f())
    found.go_on_with(*FILLERS)
    found.send(n())
    found.advance(WINDOW)
    assert (found.alerts, [verdict for _, verdict in found.decided]) == ([], [KEEP])
    assert found.found.next_deadline() is None


CHANGED = rule("sequence by k [n where true] [f where not x == 1]", name="Two")
NEW = rule(TWO.query_text, name="New")


@pytest.mark.parametrize("fresh", [CHANGED, NEW], ids=["changed", "new"])
@pytest.mark.parametrize("comes_first", ["n", "f"])
def test_a_changed_rule_and_a_new_one_know_nothing_of_what_came_before(
    fresh: Rule, comes_first: str
) -> None:
    found = Reloaded(TWO, *FILLERS)
    records = [n(), f()] if comes_first == "n" else [f(), n()]
    found.send(records[0])
    found.go_on_with(fresh, *FILLERS)
    found.send(records[1])
    found.advance(WINDOW)
    assert found.alerts == []
    found.send(n("n2", 5 * SECOND))
    found.send(f("f2", 6 * SECOND))
    found.advance(WINDOW)
    assert told(found.alerts)[-1:] == [(("n2", "f2"), False)]


def test_a_rule_that_comes_back_has_begun_nothing() -> None:
    found = Reloaded(TWO, *FILLERS)
    found.send(n())
    found.go_on_with(*FILLERS)
    found.go_on_with(TWO, *FILLERS)
    found.send(f())
    found.advance(WINDOW)
    assert (found.alerts, [verdict for _, verdict in found.decided]) == ([], [KEEP])


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, SECOND // 2, SECOND, 3 * SECOND]),
        st.sampled_from("nnmff"),
        st.sampled_from([0, 0, SECOND // 2, SECOND, WINDOW - 1]),
        st.sampled_from(["a", "a", "b", 1, ["a", "b"]]),
        st.one_of(st.none(), st.none(), st.sampled_from(list(SETS))),
    ),
    max_size=14,
)
"""How long nothing comes, what comes then and how long after it happened, and the rules that run
from then on."""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, st.sampled_from(list(SETS)))
def test_a_rule_finds_the_same_whatever_rules_come_and_go_beside_it(
    events: list[tuple[int, str, int, Any, str | None]], first: str
) -> None:
    alone, beside = Reloaded(TWO), Reloaded(*SETS[first])
    alone.found.recall([], now=0)
    for number, (wait, category, delay, key, others) in enumerate(events):
        if others is not None:
            beside.go_on_with(*SETS[others])
        for one in (alone, beside):
            one.advance(wait)
            one.send(happened(f"{category}{number}", category, one.now - delay, k=key))
    for one in (alone, beside):
        one.advance(10 * WINDOW)
    assert told(_of(beside, TWO)) == told(_of(alone, TWO))
    assert _tagged(beside) == _tagged(alone)


def _of(found: Reloaded, one: Rule) -> list[dict[str, Any]]:
    return sorted(
        (alert for alert in found.alerts if alert["rule"]["id"] == one.id), key=lambda a: a["id"]
    )


def _tagged(found: Reloaded) -> list[str]:
    """The ids of the records that were tagged in their places with an alert of the rule."""
    return sorted(
        event.record["event.id"]
        for event, verdict in found.decided
        if isinstance(verdict, Replace)
        for alert in decode_record(verdict.records[0])["eql.alerts"]
        if alert["rule"]["id"] == TWO.id
    )
