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
            self.window.add(0, self.entity, event)

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
    window.add(3, entity, event)
    assert window.next_deadline() == 110
    assert list(window.due(109)) == []
    assert list(window.due(110)) == [(3, entity, event)]
    assert window.next_deadline() is None
    assert len(window) == 0


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
