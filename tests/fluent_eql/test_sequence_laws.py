"""Sequences of every kind against the reference, in any order of arrival, across restarts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver, Result
from support.events import SECOND, Record
from support.reference_sequences import Event, Found, Key, Query, Term, evaluate
from support.rules import driver, rule
from support.sequences import happened, names

WINDOW = 2 * SECOND
KEYS = [(), (Key("k"),), (Key("k", optional=True),), (Key("k"), Key("j", optional=True))]
VALUES: list[tuple[Any, ...]] = [("a",), ("a",), ("b",), ("a", "b"), (), (1,), (True,)]

categories = st.sampled_from("aabbc")


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Sequences of two to five events, repeated, missing and ending ones among them."""
    shared, own = draw(st.sampled_from(KEYS)), draw(st.sampled_from([(), (), (Key("j"),)]))
    own = () if Key("j", optional=True) in shared else own
    has_maxspan = draw(st.booleans())

    def term(missing: bool) -> Term:
        runs = draw(st.sampled_from([1, 1, 1, 2, 3]))
        return Term(draw(categories | st.just("any")), own, runs, missing)

    flags = draw(st.lists(st.booleans() if has_maxspan else st.just(False), max_size=3))
    place = draw(st.integers(0, len(flags)))
    terms = tuple(term(missing) for missing in (*flags[:place], False, *flags[place:]))
    if sum(one.runs for one in terms) < 2:
        terms += (Term(draw(categories), own),)
    until = draw(st.none() | categories.map(lambda category: Term(category, own)))
    maxspan = draw(st.integers(1, 8)) if has_maxspan else None
    return Query(terms, shared, maxspan, until)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Up to sixteen events in disorder, some of them at the same time."""
    return [
        Event(
            f"e{number}",
            draw(st.integers(0, 24)) * SECOND // 2,
            tuple(draw(st.sets(st.sampled_from("abc"), min_size=1, max_size=2))),
            (("k", draw(st.sampled_from(VALUES))), ("j", draw(st.sampled_from(VALUES[:3])))),
            draw(st.sampled_from([None, None, 1, 2])),
        )
        for number in range(draw(st.integers(2, 16)))
    ]


def record_of(event: Event) -> Record:
    values: Record = {name: list(found) for name, found in event.values}
    values["event__category"] = list(event.categories)
    if event.tiebreaker is not None:
        values["event__sequence"] = event.tiebreaker
    return happened(event.name, "", event.time, **values)


def told(results: Iterable[Result]) -> list[Found]:
    alerts = [alert for result in results for alert in result.alerts]
    return [(tuple(alert["sequence"]["by"].values()), names(alert)) for alert in alerts]


def ordered(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=repr)


def run_out(runner: FilterDriver) -> Result:
    """Time passes until nothing waits any more."""
    return runner.advance(100 * SECOND)


@settings(deadline=None, max_examples=150)
@given(queries(), streams())
def test_a_whole_stream_gives_what_the_reference_finds(query: Query, stream: list[Event]) -> None:
    runner = driver(rule(str(query)), reorder_window=None)
    found = told([*(runner.send([record_of(event)]) for event in stream), runner.flush()])
    expected = evaluate(query, stream)
    note(f"{min(len(expected), 3)} sequences")
    assert ordered(found) == ordered(expected)


def arriving(stream: Sequence[Event], delays: Sequence[int]) -> list[tuple[int, Event]]:
    """The events with the times of their arrival, in the order of those."""
    late = [(event.time + delay, event) for event, delay in zip(stream, delays, strict=False)]
    return sorted(late, key=lambda one: one[0])


@settings(deadline=None, max_examples=150)
@given(queries(), streams(), st.lists(st.integers(0, WINDOW - 1), min_size=16, max_size=16))
def test_any_order_of_arrival_within_the_window_gives_what_the_reference_finds(
    query: Query, stream: list[Event], delays: list[int]
) -> None:
    runner, results = driver(rule(str(query)), reorder_window=WINDOW), []
    arrivals = arriving(stream, delays)
    for arrival, event in arrivals:
        results.append(runner.advance(arrival - runner.now))
        results.append(runner.send([record_of(event)]))
    results.append(run_out(runner))
    assert runner.filter.next_deadline() is None
    assert ordered(told(results)) == ordered(evaluate(query, [event for _, event in arrivals]))
    assert len([record for result in results for record in result.out]) == len(stream)


def numbered(stream: Sequence[Event]) -> list[Event]:
    """The stream in order, in which no order of arrival counts."""
    by_time = sorted(stream, key=lambda event: event.time)
    return [replace(event, tiebreaker=number) for number, event in enumerate(by_time)]


def endings(found: Iterable[Found]) -> set[tuple[Any, ...]]:
    return {(key, sequence[-1]) for key, sequence in found}


@settings(deadline=None, max_examples=150)
@given(
    queries(),
    streams(),
    st.lists(st.integers(0, 60 * SECOND), min_size=16, max_size=16),
    st.sampled_from([0, WINDOW]),
)
def test_whatever_the_order_of_arrival_every_completing_event_is_told(
    query: Query, stream: list[Event], delays: list[int], window: int
) -> None:
    runner, results = driver(rule(str(query)), reorder_window=window), []
    stream = numbered(stream)
    for arrival, event in arriving(stream, delays):
        results.append(runner.advance(arrival - runner.now))
        results.append(runner.send([record_of(event)]))
    results.append(run_out(runner))
    found = told(results)
    assert endings(evaluate(query, stream)) <= endings(found)
    assert len(endings(found)) == len(found), "an event was told twice"
    assert len([record for result in results for record in result.out]) == len(stream)


class _Host:
    """A filter that is killed and started again; what it did not let go comes again."""

    def __init__(self, loaded: Rule, window: int) -> None:
        self._loaded = loaded
        self._options = EqlOptions(reorder_window=window)
        self._notes: list[tuple[int, bytes]] = []
        self._sent: dict[str, Record] = {}
        self.results: list[Result] = []
        self.runner = FilterDriver(EqlFilter([loaded], self._options))

    def send(self, record: Record) -> None:
        self._sent[record["event.id"]] = record
        self.take(self.runner.send([record]))

    def take(self, result: Result) -> None:
        self.results.append(result)
        self._notes += [(self.runner.now, written) for written in result.notes]
        for record in result.out:
            self._sent.pop(record["event.id"])

    def restart(self) -> None:
        now = self.runner.now
        self.runner = FilterDriver(EqlFilter([self._loaded], self._options), now=now)
        fresh = self.runner.filter
        assert isinstance(fresh, EqlFilter)
        assert fresh.recall([(now - then, written) for then, written in self._notes], now) == []
        for record in list(self._sent.values()):
            self.take(self.runner.send([record]))


@settings(deadline=None, max_examples=150)
@given(queries(), streams(), st.sets(st.integers(0, 15), max_size=3), st.sampled_from([0, WINDOW]))
def test_a_stream_split_by_restarts_gives_what_the_reference_finds(
    query: Query, stream: list[Event], restarts: set[int], window: int
) -> None:
    """What comes again comes later, so the order of equal times may not be that of arrival."""
    stream = numbered(stream)
    host = _Host(rule(str(query)), window)
    for number, event in enumerate(stream):
        if number in restarts:
            host.restart()
        host.take(host.runner.advance(event.time - host.runner.now))
        host.send(record_of(event))
    host.take(run_out(host.runner))
    assert ordered(told(host.results)) == ordered(evaluate(query, stream))


@pytest.mark.parametrize(
    ("query", "events", "expected"),
    [
        (Query((Term("a"), Term("b"))), "abb", {("e0", "e1")}),
        (Query((Term("a"), Term("b"))), "aab", {("e1", "e2")}),
        (Query((Term("a", runs=2), Term("b"))), "aaab", {("e1", "e2", "e3")}),
        (Query((Term("a"), Term("b")), until=Term("c")), "acb", set()),
        (Query((Term("a"), Term("b")), maxspan=1), "acb", set()),
        (Query((Term("a"), Term("c", missing=True), Term("b")), maxspan=9), "acb", set()),
        (Query((Term("a"), Term("c", missing=True)), maxspan=1), "abac", {("e0",)}),
        (Query((Term("c", missing=True), Term("a")), maxspan=1), "caa", {("e2",)}),
    ],
    ids=str,
)
def test_the_reference_finds_what_can_be_worked_out_by_hand(
    query: Query, events: str, expected: set[tuple[str, ...]]
) -> None:
    stream = [Event(f"e{n}", n * SECOND, (kind,)) for n, kind in enumerate(events)]
    assert {found for _, found in evaluate(query, stream)} == expected
