from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.match.entity import Entity
from fluent_eql.match.machine import StageMatch, order_of
from fluent_eql.match.window import ReorderWindow, Waiting


def match(time: int, arrived: int, arrival: int = 0) -> StageMatch:
    return StageMatch(order_of(time, None, arrival), (0,), None, arrived, time)


class Run:
    """A window, and what runs the events of one key when they are due."""

    def __init__(self, span: int | None) -> None:
        self.window = ReorderWindow(span)
        self.entity = Entity(0)

    def add(self, *events: StageMatch) -> None:
        for event in events:
            self.entity.add(event)
            self.window.add(0, self.entity, event, event.arrived)

    def at(self, now: int) -> list[int]:
        return self._taken(list(self.window.due(now)))

    def at_the_end(self) -> list[int]:
        return self._taken(list(self.window.all()))

    def _taken(self, due: list[Waiting]) -> list[int]:
        taken = [self.entity.take(waiting.match.order) for waiting in due]
        return [event.subject for batch in taken for event in batch]


def test_an_event_is_due_when_the_window_has_passed_since_its_arrival() -> None:
    window, event = ReorderWindow(10), match(1, arrived=100)
    entity = Entity(0)
    window.add(3, entity, event, since=100)
    assert window.next_deadline() == 110
    assert list(window.due(109)) == []
    assert list(window.due(110)) == [(3, entity, event, 100)]
    assert window.next_deadline() is None
    assert len(window) == 0


def test_an_event_that_waits_since_earlier_is_due_before_those_that_came_meanwhile() -> None:
    window, entity = ReorderWindow(10), Entity(0)
    events = [match(1, arrived=time) for time in (100, 105, 110)]
    for event in (events[0], events[2], events[1]):
        window.add(0, entity, event, event.arrived)
    window.add(1, entity, events[0], since=110)
    due = [(waiting.rule, waiting.match) for waiting in window.due(120)]
    assert due == [(0, events[0]), (0, events[1]), (0, events[2]), (1, events[0])]


def test_of_those_that_wait_since_the_same_time_the_one_that_arrived_first_is_due_first() -> None:
    window, entity = ReorderWindow(10), Entity(0)
    for number in (2, 0, 1):
        window.add(number, entity, match(1, arrived=100, arrival=number), since=100)
    assert [waiting.rule for waiting in window.due(110)] == [0, 1, 2]


def test_an_event_may_be_let_wait_for_longer_than_since_it_came() -> None:
    window = ReorderWindow(10)
    window.add(0, Entity(0), match(1, arrived=100), since=107)
    assert list(window.due(116)) == []
    assert window.next_deadline() == 117
    assert len(list(window.due(117))) == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20), st.integers(0, 50))
def test_whatever_the_order_of_the_calls_events_are_due_in_the_order_since_which_they_wait(
    added: list[tuple[int, int]], now: int
) -> None:
    window, entity = ReorderWindow(10), Entity(0)
    for number, (arrived, since) in enumerate(added):
        window.add(number, entity, match(1, arrived), since)
    due = [(waiting.since, waiting.rule) for waiting in window.due(now)]
    numbered = [(since, number) for number, (_, since) in enumerate(added)]
    assert due == sorted(item for item in numbered if item[0] + 10 <= now)
    assert [waiting.since for waiting in window.all()] == sorted(
        since for since, _ in numbered if since + 10 > now
    )


def test_a_due_event_takes_those_that_precede_it_along_in_event_order() -> None:
    run = Run(10)
    run.add(match(30, arrived=100), match(20, arrived=105), match(40, arrived=106))
    assert run.at(110) == [20, 30]
    assert run.at(116) == [40]


def test_an_event_that_was_taken_along_takes_nothing_when_its_own_time_comes() -> None:
    run = Run(10)
    run.add(match(30, arrived=100), match(20, arrived=105))
    run.at(110)
    run.add(match(25, arrived=111))
    assert run.at(115) == []
    assert run.at(121) == [25]


def test_a_window_of_zero_releases_at_once() -> None:
    run = Run(0)
    run.add(match(1, arrived=100))
    assert run.at(100) == [1]


def test_a_window_without_end_waits_for_the_end() -> None:
    run = Run(None)
    run.add(match(3, arrived=0, arrival=0), match(2, arrived=0, arrival=1))
    assert run.window.next_deadline() is None
    assert run.at(10**18) == []
    assert run.at_the_end() == [2, 3]
    assert len(run.window) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=40))
def test_disorder_within_the_window_comes_out_in_event_order(
    delays: list[tuple[int, int]],
) -> None:
    """Each event arrives at its time plus a delay of at most the window."""
    arrivals = sorted((time + delay, time) for time, delay in delays)
    run = Run(10)
    seen: list[int] = []
    for number, (arrived, time) in enumerate(arrivals):
        seen += run.at(arrived - 1)
        run.add(match(time, arrived, number))
    seen += run.at_the_end()
    assert seen == sorted(seen)
    assert len(seen) == len(delays)
