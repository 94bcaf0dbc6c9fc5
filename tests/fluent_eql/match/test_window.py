from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.match.machine import StageMatch, order_of
from fluent_eql.match.window import ReorderWindow


def match(time: int, arrived: int, arrival: int = 0) -> StageMatch:
    return StageMatch(order_of(time, None, arrival), (0,), None, arrived, time)


def times(released: list[tuple[str, list[StageMatch]]]) -> dict[str, list[int]]:
    return {key: [event.subject for event in batch] for key, batch in released}


def test_an_event_is_due_when_the_window_has_passed_since_its_arrival() -> None:
    window: ReorderWindow[str] = ReorderWindow(10)
    window.add("a", match(1, arrived=100))
    assert window.next_deadline() == 110
    assert list(window.release(109)) == []
    assert times(list(window.release(110))) == {"a": [1]}
    assert window.next_deadline() is None
    assert len(window) == 0


def test_a_due_event_takes_those_that_precede_it_along_in_event_order() -> None:
    window: ReorderWindow[str] = ReorderWindow(10)
    window.add("a", match(30, arrived=100))
    window.add("a", match(20, arrived=105))
    window.add("a", match(40, arrived=106))
    assert times(list(window.release(110))) == {"a": [20, 30]}
    assert times(list(window.release(116))) == {"a": [40]}


def test_an_event_released_early_does_not_release_others_when_its_own_time_comes() -> None:
    window: ReorderWindow[str] = ReorderWindow(10)
    window.add("a", match(30, arrived=100))
    window.add("a", match(20, arrived=105))
    list(window.release(110))
    window.add("a", match(10, arrived=111))
    assert list(window.release(115)) == []
    assert times(list(window.release(121))) == {"a": [10]}


def test_keys_wait_apart() -> None:
    window: ReorderWindow[str] = ReorderWindow(10)
    window.add("a", match(30, arrived=100))
    window.add("b", match(20, arrived=105))
    assert times(list(window.release(110))) == {"a": [30]}
    assert len(window) == 1


def test_a_window_of_zero_releases_at_once() -> None:
    window: ReorderWindow[str] = ReorderWindow(0)
    window.add("a", match(1, arrived=100))
    assert times(list(window.release(100))) == {"a": [1]}


def test_a_window_without_end_waits_for_release_all() -> None:
    window: ReorderWindow[str] = ReorderWindow(None)
    window.add("a", match(3, arrived=0, arrival=0))
    window.add("a", match(2, arrived=0, arrival=1))
    assert window.next_deadline() is None
    assert list(window.release(10**18)) == []
    assert times(list(window.release_all())) == {"a": [2, 3]}
    assert len(window) == 0


def test_a_keys_events_up_to_a_time_can_be_had_before_they_are_due() -> None:
    window: ReorderWindow[str] = ReorderWindow(10)
    for time in (30, 20, 40):
        window.add("a", match(time, arrived=100, arrival=time))
    window.add("b", match(20, arrived=100))
    assert [event.subject for event in window.release_until("a", 30)] == [20, 30]
    assert [event.subject for event in window.release_until("a", 99)] == [40]
    assert window.release_until("a", 99) == []
    assert times(list(window.release(110))) == {"b": [20]}
    assert len(window) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=40))
def test_disorder_within_the_window_comes_out_in_event_order(
    delays: list[tuple[int, int]],
) -> None:
    """Each event arrives at its time plus a delay of at most the window."""
    arrivals = sorted((time + delay, time) for time, delay in delays)
    window: ReorderWindow[str] = ReorderWindow(10)
    seen: list[int] = []
    for number, (arrived, time) in enumerate(arrivals):
        seen += sum(times(list(window.release(arrived - 1))).values(), [])
        window.add("a", match(time, arrived, number))
    seen += sum(times(list(window.release_all())).values(), [])
    assert seen == sorted(seen)
    assert len(seen) == len(delays)
