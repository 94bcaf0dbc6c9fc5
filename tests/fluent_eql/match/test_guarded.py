"""What ends a sequence and what must be missing from it, one key at a time, in event order."""

from __future__ import annotations

import pytest

from fluent_eql.match.guarded import GuardedMachine, Pattern, machine_of
from fluent_eql.match.machine import Machine, StageMatch, order_of

UNTIL = "u"


class Run:
    """A machine for stages that are letters, ``!`` before those that must be missing.

    Events are letters with their time, ``a3``; one letter may stand for several stages.
    """

    def __init__(self, stages: str, maxspan: int | None = 10, max_pending: int = 64) -> None:
        parts = stages.split()
        letters = [part.removeprefix("!") for part in parts if part != UNTIL]
        missing = tuple(part.startswith("!") for part in parts if part != UNTIL)
        has_until = UNTIL in parts
        self._letters = [*letters, UNTIL] if has_until else letters
        self.machine = machine_of(Pattern(missing, maxspan, has_until), max_pending)
        self.matches: dict[str, StageMatch] = {}

    def feed(self, events: str) -> list[str]:
        """The sequences that are completed by these events, their names joined."""
        found = []
        for name in events.split():
            kinds = [part for part in name if part.isalpha()]
            time = int("".join(part for part in name if part.isdigit()))
            stages = tuple(n for n, kind in reversed([*enumerate(self._letters)]) if kind in kinds)
            order = order_of(time, None, len(self.matches))
            self.matches[name] = StageMatch(order, stages, None, time, name)
            sequence = self.machine.feed(self.matches[name])
            if sequence is not None:
                found.append(" ".join(match.subject for match in sequence))
        return found

    def undecided(self) -> list[tuple[str, int]]:
        """The sequences that time has to decide, with their deadlines."""
        return [
            (" ".join(match.subject for match in sequence), deadline)
            for sequence, deadline in self.machine.undecided()
        ]


def test_only_what_is_guarded_has_a_guarded_machine() -> None:
    assert type(machine_of(Pattern((False, False), None), 64)) is Machine
    assert type(machine_of(Pattern((False, False), None, has_until=True), 64)) is GuardedMachine
    assert type(machine_of(Pattern((False, True), 5), 64)) is GuardedMachine


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param("a1 b2", ["a1 b2"], id="without the ending event nothing ends"),
        pytest.param("a1 u2 b3", [], id="it ends what was begun"),
        pytest.param("a1 u2 a3 b4", ["a3 b4"], id="what begins after it is not ended"),
        pytest.param("u1 a2 b3", ["a2 b3"], id="before the first event it ends nothing"),
        pytest.param("a1 b2 u3", ["a1 b2"], id="what was complete stays so"),
        pytest.param("au1 b2", [], id="an event that begins and ends leaves nothing"),
        pytest.param("a1 bu2", ["a1 bu2"], id="it completes before it ends"),
        pytest.param("a1 u1 b1", [], id="of equal times arrival decides"),
        pytest.param("u1 a1 b1", ["a1 b1"], id="of equal times arrival decides, the other way"),
        pytest.param("a1 a2 u3 b4", [], id="it ends all that were begun"),
    ],
)
def test_an_ending_event(events: str, expected: list[str]) -> None:
    assert Run("a b u").feed(events) == expected


def test_an_ending_event_ends_partials_of_every_stage() -> None:
    run = Run("a b c u")
    assert run.feed("a1 b2 a3 u4 c5 b6 c7") == []
    assert run.machine.pending == 0


def test_an_ending_event_that_comes_late_spares_what_began_after_it() -> None:
    run = Run("a b u")
    assert run.feed("a5 u3 b6") == ["a5 b6"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param("a1 b3", ["a1 b3"], id="it is missing"),
        pytest.param("a1 m2 b3", [], id="it is not"),
        pytest.param("m1 a2 b3", ["a2 b3"], id="before the first it does not count"),
        pytest.param("a1 b3 m4", ["a1 b3"], id="after the second it does not count"),
        pytest.param("a1 m1 b3", ["a1 b3"], id="at the time of the first it is not between"),
        pytest.param("a1 m3 b3", ["a1 b3"], id="at the time of the second it is not between"),
        pytest.param("a1 m2 m3 b3", [], id="one between and one at the time of the second"),
        pytest.param("a1 m2 b3 b4", [], id="what it came into is consumed"),
        pytest.param("a1 m2 a3 b4 b5", ["a3 b4"], id="what begins after it is complete"),
        pytest.param("a1 a2 m3 b4 b5", [], id="the newest is taken, with it the older ones"),
        pytest.param("am1 b2", ["am1 b2"], id="the first event itself is not between"),
    ],
)
def test_an_event_missing_between_two(events: str, expected: list[str]) -> None:
    assert Run("a !m b").feed(events) == expected


def test_a_partial_that_something_came_into_hides_older_ones_until_the_end() -> None:
    run = Run("a !m b c")
    assert run.feed("a1 b2 a3 m4 b5 c6 c7") == []


def test_several_events_missing_in_several_places() -> None:
    for events, found in {
        "a1 b4 c7": 1,
        "a1 n2 b4 m5 c7": 1,
        "a1 m2 b4 c7": 0,
        "a1 b4 n5 c7": 0,
        "a1 b4 x5 c7": 0,
    }.items():
        assert len(Run("a !m b !n !x c").feed(events)) == found, events


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param("a20 b25", ["a20 b25"], id="it is missing"),
        pytest.param("m14 a20 b25", ["a20 b25"], id="it is longer ago than maxspan"),
        pytest.param("m15 a20 b25", [], id="it is maxspan before the last event, inclusive"),
        pytest.param("m10 a20 b20", [], id="counted from the last event, here at one time"),
        pytest.param("m19 m21 a20 b25", [], id="the latest before the first counts"),
        pytest.param("m20 a20 b25", ["a20 b25"], id="at the time of the first it is not before"),
        pytest.param("m5 m20 a20 b25", ["a20 b25"], id="the one before that is too long ago"),
        pytest.param("m18 a20 b25 b26", [], id="what it came before is consumed"),
    ],
)
def test_an_event_missing_at_the_beginning(events: str, expected: list[str]) -> None:
    assert Run("!m a b").feed(events) == expected


def test_one_event_with_one_missing_before_it() -> None:
    assert Run("!m a").feed("a20 a21 m22 a23 a32 a33") == ["a20", "a21", "a33"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param("a1 b3", [("a1 b3", 11)], id="it waits for maxspan from the first event"),
        pytest.param("a1 b3 m4", [], id="it came"),
        pytest.param("a1 b3 m11", [], id="it came at the last moment, inclusive"),
        pytest.param("a1 b3 m12", [("a1 b3", 11)], id="it came too late"),
        pytest.param("a1 b3 m3", [("a1 b3", 11)], id="at the time of the last it is not after"),
        pytest.param("a1 m2 b3", [("a1 b3", 11)], id="between the others it does not count"),
        pytest.param("a1 b3 a4 b5", [("a1 b3", 11), ("a4 b5", 14)], id="several wait"),
        pytest.param("a1 b3 a4 b5 m12", [("a1 b3", 11)], id="each for its own time"),
        pytest.param("a1 b12", [], id="maxspan counts for the others, too"),
    ],
)
def test_an_event_missing_at_the_end(events: str, expected: list[tuple[str, int]]) -> None:
    run = Run("a b !m")
    assert run.feed(events) == []
    assert run.undecided() == expected


def test_nothing_can_come_after_an_event_that_is_maxspan_after_the_first() -> None:
    assert Run("a b !m").feed("a1 b11") == ["a1 b11"]


def test_time_decides_once() -> None:
    run = Run("a !m")
    run.feed("a1 a2")
    event = run.matches["a1"]
    assert run.machine.decide(event, 10) is None
    assert run.machine.decide(event, 11) == (event,)
    assert run.machine.decide(event, 11) is None
    assert run.undecided() == [("a2", 12)]


def test_what_is_complete_is_not_waited_for_again() -> None:
    run = Run("a !m")
    run.feed("a1")
    event = run.matches["a1"]
    event.sequence = (event,)
    again = Run("a !m").machine
    again.feed(event)
    assert list(again.undecided()) == []


def test_an_ending_event_does_not_end_what_only_waits() -> None:
    run = Run("a b !m u")
    run.feed("a1 b2 u3")
    assert run.undecided() == [("a1 b2", 11)]


@pytest.mark.parametrize(
    ("events", "complete", "waiting"),
    [
        pytest.param("a20", ["a20"], [], id="without one before, none after is against it"),
        pytest.param("m9 a20", ["a20"], [], id="nor with one too long ago"),
        pytest.param("m10 a20", ["a20"], [], id="nor maxspan ago, for one after is farther"),
        pytest.param("m15 a20", [], [("a20", 25)], id="maxspan counts from the one before"),
        pytest.param("m15 a20 m25", [], [], id="one on each side, maxspan apart"),
        pytest.param("m15 a20 m26", [], [("a20", 25)], id="one on each side, farther apart"),
        pytest.param("m11 m15 a20", [], [("a20", 25)], id="the latest before counts"),
    ],
)
def test_an_event_missing_at_both_ends(
    events: str, complete: list[str], waiting: list[tuple[str, int]]
) -> None:
    run = Run("!m a !m")
    assert run.feed(events) == complete
    assert run.undecided() == waiting


def test_the_oldest_of_too_many_wait_so_that_an_endless_stream_is_decided() -> None:
    run = Run("a !m", max_pending=2)
    run.feed("a1 a2 a3")
    assert run.undecided() == [("a1", 11), ("a2", 12)]


def test_a_copy_goes_on_alone() -> None:
    run = Run("!m a !n b !x u")
    run.feed("m1 a2")
    twin = run.machine.copy()
    run.feed("n3 b4 a5 b6 x7")
    assert run.undecided() == []
    run.machine = twin
    run.feed("b4")
    assert run.undecided() == [("a2 b4", 11)]


def test_a_copy_knows_what_happened_and_not_what_happens_to_the_other() -> None:
    run = Run("a !m b")
    run.feed("a1 m2")
    twin = run.machine.copy()
    assert run.feed("a3 m4 b5") == []
    run.machine = twin
    assert run.feed("b6") == []
    assert run.feed("a7 b8") == ["a7 b8"]


def test_what_waits_and_arrived_too_long_ago_is_forgotten() -> None:
    run = Run("a !m")
    run.feed("a1 a2")
    assert [match.subject for match in run.machine.last_events()] == ["a1", "a2"]
    run.machine.forget(2)
    assert run.undecided() == [("a2", 12)]


def test_a_missing_event_that_comes_late_is_put_in_its_place() -> None:
    assert Run("a !m b").feed("a1 m5 m3 b5") == []
    assert Run("a !m b").feed("a3 m5 m2 b5") == ["a3 b5"]
    assert Run("a !m b").feed("a3 m5 m4 m2 b5") == []
