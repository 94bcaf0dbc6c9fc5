from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_eql.match.machine import Machine, StageMatch, order_of
from fluent_eql.match.snapshot import Reader, Writer
from fluent_eql.match.timeline import Timeline

MAX_PENDING = 4

happenings = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([(0,), (1,), (1, 0), (2,), (2, 1)])), max_size=25
)


def matches(told: list[tuple[int, tuple[int, ...]]], first: int) -> list[StageMatch]:
    return [
        StageMatch(order_of(time, None, arrival), stages, (f"e{arrival}",), arrival, arrival)
        for arrival, (time, stages) in enumerate(told, start=first)
    ]


def machine() -> Machine:
    return Machine(3, 20, MAX_PENDING)


def run(timeline: Timeline, told: list[StageMatch]) -> list[list[int]]:
    """Each completed sequence, as the numbers of its events."""
    found = []
    for match in told:
        for completed in timeline.run([match]):
            assert completed.sequence is not None
            found.append([part.subject for part in completed.sequence])
    return found


def restarted(timeline: Timeline, now: int, elapsed: int) -> Timeline:
    plain = Writer(now, lambda subject: subject).timeline(timeline)
    encode_value(plain)
    reader = Reader(now + elapsed, machine(), lambda subject: subject)
    return reader.timeline(plain, MAX_PENDING)


@given(happenings, happenings)
def test_after_a_restart_the_same_events_complete_the_same_sequences(
    before: list[tuple[int, tuple[int, ...]]], after: list[tuple[int, tuple[int, ...]]]
) -> None:
    going_on = Timeline(machine(), MAX_PENDING)
    run(going_on, matches(before, 0))
    again = restarted(going_on, now=100, elapsed=0)
    expected = run(going_on, matches(after, len(before)))
    assert run(again, matches(after, len(before))) == expected


def test_what_is_remembered_is_older_by_the_time_that_has_passed() -> None:
    timeline = Timeline(machine(), MAX_PENDING)
    run(timeline, matches([(1, (0,))], first=60))
    assert restarted(timeline, now=100, elapsed=0).newest == 60
    assert restarted(timeline, now=100, elapsed=25).newest == 85


def test_a_repeat_of_an_event_is_known_after_a_restart() -> None:
    timeline = Timeline(machine(), MAX_PENDING)
    told = matches([(1, (0,)), (2, (1,)), (3, (2,))], 0)
    assert run(timeline, told) == [[0, 1, 2]]
    again = restarted(timeline, now=10, elapsed=0)
    (repeat,) = again.run([matches([(3, (2,))], 2)[0]])
    assert repeat.sequence is not None
    assert repeat.sequence[-1] is not repeat
    assert [part.subject for part in repeat.sequence] == [0, 1, 2]
