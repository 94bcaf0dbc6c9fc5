from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.match.entity import Entity
from fluent_eql.match.machine import Machine, StageMatch, order_of
from fluent_eql.match.timeline import Timeline

TTL = 1_000


def match(time: int, *stages: int, arrival: int | None = None) -> StageMatch:
    arrival = time if arrival is None else arrival
    return StageMatch(order_of(time, None, arrival), stages or (0,), None, 0, time)


def waiting(*times: int) -> Entity:
    entity = Entity(0)
    for number, time in enumerate(times):
        entity.add(match(time, arrival=number))
    return entity


def times(events: list[StageMatch]) -> list[int]:
    return [event.subject for event in events]


@given(st.lists(st.integers(0, 9)), st.integers(0, 9))
def test_events_are_taken_in_event_order_up_to_a_time(events: list[int], until: int) -> None:
    entity = waiting(*events)
    taken = entity.take_until(until)
    assert times(taken) == sorted(time for time in events if time <= until)
    assert times(entity.take_all()) == sorted(time for time in events if time > until)
    assert [event.order for event in taken] == sorted(event.order for event in taken)


def test_an_event_takes_those_before_it_and_itself() -> None:
    entity = waiting(30, 10, 20)
    assert times(entity.take(order_of(20, None, 2))) == [10, 20]
    assert times(entity.take(order_of(20, None, 2))) == []
    assert times(entity.waiting) == [30]


def test_an_event_is_late_if_one_that_follows_it_has_been_run() -> None:
    entity = waiting()
    assert not entity.is_late(match(5))
    entity.timeline = Timeline(Machine(2, None, 4), 4, TTL)
    entity.timeline.run([match(10)])
    assert entity.is_late(match(9))
    assert not entity.is_late(match(11))


def test_what_is_forgotten_is_cut_off_from_what_it_completed_and_what_waits_stays() -> None:
    entity = waiting(30)
    entity.timeline = Timeline(Machine(2, None, 4), 4, TTL)
    [completed] = entity.timeline.run([match(10, 0), match(20, 1)])
    entity.forget()
    assert entity.is_forgotten
    assert completed.sequence is None
    assert times(entity.take_all()) == [30]


def test_what_happens_after_all_that_was_run_is_later_whatever_waits() -> None:
    entity = waiting(1, 9)
    assert entity.is_later(0)
    entity.timeline = Timeline(Machine(2, None, 64), 64, TTL)
    entity.timeline.run(entity.take(match(5, 0).order))
    assert [entity.is_later(time) for time in (1, 2)] == [False, True]


def test_what_waits_and_what_has_begun_are_candidates() -> None:
    entity = waiting(1, 2)
    entity.unread.append("filed")
    assert entity.candidates == 3
    batch = entity.take_all()
    entity.timeline = Timeline(Machine(2, None, 64), 64, TTL)
    entity.timeline.run(batch)
    assert entity.candidates == 3
    entity.unread.clear()
    entity.timeline.run([match(3, 1)])
    assert entity.candidates == 0


def test_an_entity_has_begun_where_events_wait_or_its_timeline_has() -> None:
    entity = Entity(0)
    assert not entity.has_begun
    entity.unread.append("unread")
    assert entity.has_begun
    entity.unread.clear()
    entity.add(match(1, 1))
    assert entity.has_begun
    entity.timeline = Timeline(Machine(2, None, 64), 64, TTL)
    entity.timeline.run(entity.take_all())
    assert not entity.has_begun
    entity.timeline.run([match(2, 0)])
    assert entity.has_begun
