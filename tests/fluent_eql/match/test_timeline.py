from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.match.guarded import Pattern, machine_of
from fluent_eql.match.machine import Machine, StageMatch, order_of
from fluent_eql.match.timeline import Timeline

TTL = 100


def match(name: str, time: int, *stages: int, arrived: int = 0) -> StageMatch:
    return StageMatch(order_of(time, None, time), stages, (name, time), arrived, name)


def timeline(stages: int = 2, maxspan: int | None = None, max_pending: int = 64) -> Timeline:
    return Timeline(Machine(stages, maxspan, max_pending), max_pending, TTL)


def names(completed: Iterable[StageMatch]) -> list[tuple[str, ...]]:
    return [tuple(part.subject for part in event.sequence or ()) for event in completed]


def test_events_in_order_complete_as_in_the_machine() -> None:
    line = timeline()
    assert names(line.run([match("n", 1, 0)])) == []
    assert names(line.run([match("f", 2, 1)])) == [("n", "f")]


def test_a_completing_event_that_waited_in_vain_is_completed_by_a_late_start() -> None:
    line = timeline()
    assert line.run([match("f", 5, 1)]) == []
    assert names(line.run([match("n", 4, 0)])) == [("n", "f")]


def test_a_late_start_goes_to_the_first_completing_event_after_it() -> None:
    line = timeline()
    line.run([match("f1", 5, 1), match("f2", 6, 1)])
    assert names(line.run([match("n", 4, 0)])) == [("n", "f1")]


def test_a_backlog_of_late_completing_events_finds_each_its_own_start() -> None:
    line = timeline(maxspan=1)
    line.run([match(f"n{time}", time, 0) for time in (10, 20, 30)])
    found = [line.run([match(f"f{time}", time + 1, 1)]) for time in (10, 30, 20)]
    assert [names(events) for events in found] == [
        [("n10", "f10")],
        [("n30", "f30")],
        [("n20", "f20")],
    ]


def test_a_late_start_that_an_earlier_alert_would_have_consumed_starts_nothing() -> None:
    line = timeline()
    assert names(line.run([match("n1", 1, 0), match("f1", 5, 1)])) == [("n1", "f1")]
    assert line.run([match("n2", 3, 0)]) == []
    assert line.run([match("f2", 6, 1)]) == []


def test_a_rejected_candidate_is_completed_by_a_late_start_within_maxspan() -> None:
    line = timeline(maxspan=5)
    assert line.run([match("n1", 0, 0), match("f", 9, 1)]) == []
    assert names(line.run([match("n2", 7, 0)])) == [("n2", "f")]


def test_the_same_event_sent_again_has_the_same_sequence_and_changes_nothing() -> None:
    line = timeline()
    line.run([match("n", 1, 0), match("f", 2, 1)])
    line.run([match("n", 1, 0)])
    again = match("f", 2, 1)
    assert names(line.run([again])) == [("n", "f")]
    assert again.sequence is not None
    assert again.sequence[-1] is not again
    assert line.run([match("g", 3, 1)]) == []


def test_the_same_event_twice_in_one_batch_completes_once() -> None:
    line = timeline()
    first, again = match("f", 2, 1), match("f", 2, 1)
    completed = line.run([match("n", 1, 0), first, again])
    assert completed == [first, again]
    assert first.sequence is again.sequence


def test_events_without_identity_are_all_different() -> None:
    line = timeline()
    events = [match("n", 1, 0), match("n", 1, 0), match("f", 2, 1), match("f", 3, 1)]
    for event in events:
        event.identity = None
    assert names(line.run(events)) == [("n", "f")]


def test_a_key_with_endless_events_stays_bounded_and_exact_in_order() -> None:
    line = timeline(max_pending=4)
    found = 0
    for time in range(0, 1000, 2):
        found += len(line.run([match("n", time, 0)]))
        found += len(line.run([match("f", time + 1, 1)]))
    assert found == 500
    assert len(line._recent) <= 8


def test_an_event_later_than_all_that_is_remembered_still_finds_a_start() -> None:
    line = timeline(max_pending=2)
    line.run([match(f"n{time}", time, 0) for time in range(4)])
    assert names(line.run([match("f", 1, 1)])) in ([("n0", "f")], [("n1", "f")])


def test_what_arrived_too_long_ago_is_forgotten() -> None:
    line = timeline()
    line.run([match("n", 1, 0, arrived=10)])
    assert line.run([match("f", 2, 1, arrived=10 + TTL + 1)]) == []
    assert line.pending == 0


def test_what_arrived_just_in_time_is_not_forgotten() -> None:
    line = timeline()
    line.run([match("n", 1, 0, arrived=10)])
    assert names(line.run([match("f", 2, 1, arrived=10 + TTL)])) == [("n", "f")]


def test_what_comes_before_the_last_event_that_was_run_is_past() -> None:
    line = timeline()
    assert not line.is_past(match("n", 5, 0).order)
    line.run([match("n", 5, 0)])
    assert line.is_past(match("f", 4, 1).order)
    assert not line.is_past(match("f", 6, 1).order)


def test_only_what_happens_after_all_that_was_run_is_later() -> None:
    line = timeline()
    assert line.is_later(0)
    line.run([match("n", 5, 0)])
    assert [line.is_later(time) for time in (4, 5, 6)] == [False, False, True]
    line.run([match("n", 3, 0)])
    assert [line.is_later(time) for time in (4, 5, 6)] == [False, False, True]


stage_sets = st.sampled_from([(0,), (1,), (2,), (1, 0), (2, 0), (2, 1), (2, 1, 0)])


@given(st.lists(stage_sets, max_size=14), st.randoms(use_true_random=False), st.integers(1, 20))
def test_one_event_at_a_time_in_any_order_misses_none_of_the_sequences_of_the_ordered_stream(
    stages: list[tuple[int, ...]], random: object, maxspan: int
) -> None:
    def events() -> list[StageMatch]:
        return [match(str(time), time, *which) for time, which in enumerate(stages)]

    ordered = timeline(3, maxspan)
    expected = {names([event])[0] for event in ordered.run(events())}
    shuffled = events()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    line = timeline(3, maxspan)
    for event in shuffled:
        line.run([event])
    completing = {event.subject for event in shuffled if event.sequence is not None}
    assert {sequence[-1] for sequence in expected} <= completing


def test_a_chain_of_overlapping_sequences_does_not_keep_all_its_events() -> None:
    timeline = Timeline(Machine(2, None, 4), 4, TTL)
    matches = [
        StageMatch(order_of(number, None, number), (1, 0), (f"e{number}",), 0, None)
        for number in range(50)
    ]
    for match in matches:
        timeline.run([match])
    last, length = matches[-1], 0
    while last.sequence is not None:
        last, length = last.sequence[0], length + 1
    assert 1 <= length <= 5


def guarded(*missing: bool, max_pending: int = 64, until: bool = False) -> Timeline:
    return Timeline(machine_of(Pattern(missing, 10, until), max_pending), max_pending, TTL)


def undecided(line: Timeline) -> list[tuple[str, ...]]:
    return [tuple(part.subject for part in sequence) for sequence, _ in line.undecided()]


def test_a_missing_event_that_comes_late_is_known_before_time_decides() -> None:
    line = guarded(False, True)
    first = match("n", 1, 0)
    line.run([first, match("n2", 30, 0)])
    assert undecided(line) == [("n",), ("n2",)]
    line.run([match("m", 5, 1)])
    assert undecided(line) == [("n2",)]
    assert not line.decide(first, 11)


def test_an_ending_event_that_comes_late_ends_what_was_before_it() -> None:
    line = guarded(False, False, until=True)
    line.run([match("n", 1, 0)])
    line.run([match("x", 5, 0)])
    line.run([match("u", 7, 2)])
    line.run([match("u", 3, 2)])
    assert names(line.run([match("f", 6, 1)])) == [("x", "f")]


def test_time_decides_each_sequence_once_and_alone() -> None:
    line = guarded(False, True)
    first, second = match("n", 1, 0), match("n2", 2, 0)
    line.run([first, second])
    assert not line.decide(first, 10)
    assert line.decide(first, 11)
    assert first.sequence == (first,)
    assert not line.decide(first, 11)
    assert undecided(line) == [("n2",)]


def test_what_time_has_decided_stays_so_when_events_are_run_again() -> None:
    line = guarded(False, True)
    first = match("n", 5, 0)
    line.run([first])
    assert line.decide(first, 15)
    assert line.run([match("n0", 1, 0)]) == []
    assert undecided(line) == [("n0",)]


def test_what_waits_is_decided_even_when_its_events_are_no_longer_remembered() -> None:
    line = guarded(False, True, max_pending=4)
    events = [match(f"n{time}", time, 0) for time in range(20)]
    for event in events:
        line.run([event])
    assert undecided(line) == [("n0",), ("n1",), ("n2",), ("n3",)]
    assert line.decide(events[0], 10)
    line.run([match("n30", 30, 0)])
    line.run([match("late", 25, 0)])
    assert undecided(line)[:3] == [("n1",), ("n2",), ("n3",)]
    assert events[0].sequence is None, "it would keep all events before it"


def test_the_oldest_events_are_let_go_by_how_many_each_stage_has() -> None:
    line = guarded(False, False, True, max_pending=3)
    for time in range(10):
        line.run([match("m", time, 2)])
    line.run([match("n", 10, 1, 0)])
    line.run([match("f", 11, 1, 0)])
    assert [event.order[0] for event in line._recent] == [7, 8, 9, 10, 11]


def test_what_is_over_has_begun_as_well_for_a_late_event_could_be_in_it() -> None:
    line = timeline()
    assert not line.has_begun
    line.run([match("f", 1, 1)])
    assert not line.has_begun
    line.run([match("n", 2, 0)])
    assert line.has_begun
    assert names(line.run([match("f2", 9, 1)])) == [("n", "f2")]
    assert line.has_begun
    assert names(line.run([match("f1", 5, 1)])) == [("n", "f1")]


def test_an_event_that_is_remembered_only_as_begun_has_begun() -> None:
    line = timeline(max_pending=1)
    line.run([match("n", 1, 0)])
    line.run([match(f"f{time}", time, 1) for time in (9, 10, 11)])
    assert not line.has_begun
    line = timeline(max_pending=1)
    line.run([match("n1", 1, 0), match("n2", 2, 0), match("f", 9, 1)])
    assert line.has_begun


def test_what_is_forgotten_has_not_begun() -> None:
    line = timeline()
    line.run([match("n", 1, 0)])
    line.run([match("f", 2, 1, arrived=TTL + 1)])
    assert not line.has_begun
