"""The rows of the sequence table that are about events in order, one key at a time."""

from __future__ import annotations

import pytest

from fluent_eql.match.machine import Machine, StageMatch, order_of

SECOND = 10**9


def match(
    time: int, *stages: int, name: str | None = None, tiebreaker: object = None, arrival: int = 0
) -> StageMatch:
    return StageMatch(order_of(time, tiebreaker, arrival), stages, name, arrived=0, subject=name)


def completed(machine: Machine, *events: tuple[str, int, tuple[int, ...]]) -> list[tuple[str, ...]]:
    """Feed (name, time, stages) in order; the names of the events of each completed sequence."""
    found = []
    for arrival, (name, time, stages) in enumerate(events):
        sequence = machine.feed(match(time, *stages, name=name, arrival=arrival))
        if sequence is not None:
            found.append(tuple(part.subject for part in sequence))
    return found


def net(name: str, time: int) -> tuple[str, int, tuple[int, ...]]:
    return name, time, (0,)


def file(name: str, time: int) -> tuple[str, int, tuple[int, ...]]:
    return name, time, (1,)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [net("n1", 1), net("n2", 2), file("f1", 3), file("f2", 4)],
            [("n2", "f1")],
            id="the newest network event wins and discards the older one",
        ),
        pytest.param(
            [net("n1", 1), file("f1", 2), net("n2", 3), file("f2", 4)],
            [("n1", "f1"), ("n2", "f2")],
            id="alternating events give two sequences",
        ),
        pytest.param(
            [net("n1", 1), file("f1", 2), file("f2", 3)],
            [("n1", "f1")],
            id="one network event completes one sequence only",
        ),
        pytest.param(
            [file("f1", 1), net("n1", 2)], [], id="the second stage before the first is nothing"
        ),
    ],
)
def test_two_stages_without_maxspan(
    events: list[tuple[str, int, tuple[int, ...]]], expected: list[tuple[str, ...]]
) -> None:
    assert completed(Machine(2, None, 64), *events) == expected


@pytest.mark.parametrize(
    ("span", "found"), [(5 * SECOND, True), (5 * SECOND + 1, False), (5 * SECOND - 1, True)]
)
def test_maxspan_is_inclusive_to_the_nanosecond(span: int, found: bool) -> None:
    machine = Machine(2, 5 * SECOND, 64)
    assert bool(completed(machine, net("n", 7), file("f", 7 + span))) is found


def test_maxspan_is_counted_from_the_first_stage() -> None:
    machine = Machine(3, 10, 64)
    events = [("a", 0, (0,)), ("b", 8, (1,)), ("c", 11, (2,))]
    assert completed(machine, *events) == []


def test_a_candidate_that_maxspan_rejects_is_consumed() -> None:
    machine = Machine(2, 10, 64)
    assert completed(machine, net("n", 0), file("late", 11), file("f", 10)) == []


def test_a_partial_that_maxspan_rejected_midway_does_not_hide_an_older_one() -> None:
    machine = Machine(3, 10, 64)
    events = [("a1", 0, (0,)), ("b1", 5, (1,)), ("a0", 5, (0,)), ("b2", 16, (1,)), ("c", 9, (2,))]
    assert completed(machine, *events) == [("a1", "b1", "c")]


def test_one_event_ends_one_sequence_and_starts_another_but_is_never_both_stages() -> None:
    machine = Machine(2, None, 64)
    events = [("1", 1, (1, 0)), ("2", 2, (1, 0)), ("3", 3, (1, 0))]
    assert completed(machine, *events) == [("1", "2"), ("2", "3")]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        pytest.param((1, 0), (2, 1), True, id="the tiebreaker orders equal times"),
        pytest.param((2, 0), (1, 1), False, id="whatever arrived first"),
        pytest.param((None, 0), (None, 1), True, id="without tiebreakers arrival decides"),
        pytest.param((5, 1), (None, 0), True, id="an event without a tiebreaker comes last"),
        pytest.param(("7", 1), (3, 0), False, id="a tiebreaker that is no number counts as none"),
        pytest.param((True, 1), (3, 0), False, id="a boolean is no tiebreaker"),
    ],
)
def test_at_equal_times_the_later_stage_must_come_after_the_earlier(
    first: tuple[object, int], second: tuple[object, int], found: bool
) -> None:
    network = match(1, 0, tiebreaker=first[0], arrival=first[1])
    creation = match(1, 1, tiebreaker=second[0], arrival=second[1])
    machine = Machine(2, None, 64)
    sequences = [machine.feed(event) for event in sorted([network, creation], key=_order)]
    assert (sequences[-1] is not None) is found


def _order(event: StageMatch) -> tuple[int, float, int]:
    return event.order


def test_a_sequence_has_its_events_in_the_order_of_the_stages() -> None:
    machine = Machine(3, None, 64)
    events = [("a", 1, (0,)), ("b", 2, (1,)), ("c", 3, (2,))]
    assert completed(machine, *events) == [("a", "b", "c")]


def test_a_sequence_of_one_stage_is_completed_at_once() -> None:
    assert completed(Machine(1, None, 64), ("a", 1, (0,))) == [("a",)]


def test_a_stage_keeps_only_the_newest_partials() -> None:
    machine = Machine(2, None, 2)
    completed(machine, net("n1", 1), net("n2", 2), net("n3", 3))
    assert machine.pending == 2


def test_an_event_out_of_order_takes_the_latest_partial_strictly_before_it() -> None:
    machine = Machine(2, None, 64)
    events = [net("n1", 1), net("n2", 2), net("n3", 3), file("f", 2), file("g", 9)]
    assert completed(machine, *events) == [("n2", "f"), ("n3", "g")]


def test_a_copy_goes_on_alone() -> None:
    machine = Machine(2, None, 64)
    completed(machine, net("n", 1))
    twin = machine.copy()
    assert completed(twin, file("f", 2)) == [("n", "f")]
    assert completed(machine, file("g", 3)) == [("n", "g")]


def test_partials_that_arrived_too_long_ago_are_forgotten() -> None:
    machine = Machine(2, None, 64)
    old, new = match(1, 0), match(2, 0)
    new.arrived = 100
    machine.feed(old)
    machine.feed(new)
    machine.forget(100)
    assert machine.pending == 1
