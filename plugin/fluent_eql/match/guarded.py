"""Sequences that something ends or that something must be missing from.

The partial sequences are those of a sequence without the missing events, and are consumed in the
same way: what was missing is looked at when the last event that happens has come. Missing events
are compared by their time alone, strictly: one at the very time of its neighbour is not between.

- Between two events nothing may have happened that is missing there.
- Before the first event nothing may have happened, in maxspan counted back from the last.
- After the last event nothing may happen, in maxspan counted from the first. That is known only
  when the time is over: until then the sequence is :class:`~fluent_eql.match.machine.Undecided`.
- Where something is missing on both sides, only two events at most maxspan apart, one on each
  side, are against it.

An event that ends sequences takes all partials with it whose last event is not after it. It does
not end what waits for a missing event only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fluent_eql.match.machine import Machine, Order, Sequence, StageMatch, Undecided


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a sequence is made of.

    ``missing`` says of each stage whether it is an event that must not happen; not all are.
    ``maxspan`` is in nanoseconds, None for any, which it cannot be where something is missing.
    With ``has_until`` the number after the last stage's is that of the event that ends it.
    """

    missing: tuple[bool, ...]
    maxspan: int | None
    has_until: bool = False

    @property
    def positive(self) -> tuple[int, ...]:
        """The numbers of the stages that have to happen."""
        return tuple(number for number, missing in enumerate(self.missing) if not missing)

    @property
    def ends_missing(self) -> bool:
        """Whether the last stage is one that must not happen."""
        return self.missing[-1]


def machine_of(pattern: Pattern, max_pending: int) -> Machine:
    """A machine for the pattern to which nothing has been fed."""
    if pattern.has_until or any(pattern.missing):
        return GuardedMachine(_Layout.of(pattern), max_pending)
    return Machine(len(pattern.missing), pattern.maxspan, max_pending)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the stages of a pattern stand.

    ``places`` are the places of those that happen among themselves, by number. ``watched`` are the
    numbers of the missing ones before the last that happens. By their indices in ``watched``,
    ``leading`` are those before the first that happens, and ``between`` those right before the
    event at each place. ``trailing`` are the numbers of the missing ones at the end.
    """

    places: dict[int, int]
    maxspan: int | None
    watched: tuple[int, ...]
    leading: tuple[int, ...]
    between: tuple[tuple[int, tuple[int, ...]], ...]
    trailing: frozenset[int]
    until: int

    @classmethod
    def of(cls, pattern: Pattern) -> _Layout:
        happening = pattern.positive
        missing = [number for number, is_missing in enumerate(pattern.missing) if is_missing]
        watched = [number for number in missing if number < happening[-1]]
        gaps: dict[int, list[int]] = {}
        for index, number in enumerate(watched):
            gaps.setdefault(sum(other < number for other in happening), []).append(index)
        return cls(
            places={number: place for place, number in enumerate(happening)},
            maxspan=pattern.maxspan,
            watched=tuple(watched),
            leading=tuple(gaps.pop(0, ())),
            between=tuple((place, tuple(indices)) for place, indices in gaps.items()),
            trailing=frozenset(missing).difference(watched),
            until=len(pattern.missing) if pattern.has_until else -1,
        )


class GuardedMachine(Machine):
    """The partial sequences of one join key, and what must be missing from them.

    Each stage keeps at most ``max_pending`` partials, the newest; undecided are at most as many,
    the oldest, so that some of an endless stream are decided.
    """

    __slots__ = ("_layout", "_seen", "_undecided", "_last_place")

    def __init__(self, layout: _Layout, max_pending: int) -> None:
        super().__init__(len(layout.places), layout.maxspan, max_pending)
        self._layout = layout
        self._last_place = len(layout.places) - 1
        self._seen = [_Latest() for _ in layout.watched]
        self._undecided: list[Undecided] = []

    def copy(self) -> GuardedMachine:
        twin = GuardedMachine(self._layout, self._max_pending)
        twin.partials = [list(partials) for partials in self.partials]
        twin._seen = [latest.copy() for latest in self._seen]
        twin._undecided = list(self._undecided)
        return twin

    def feed(self, match: StageMatch) -> Sequence | None:
        layout = self._layout
        if self._seen:
            match.preceding = tuple(latest.before(match.order[0]) for latest in self._seen)
        completed = None
        for stage in match.stages:
            place = layout.places.get(stage)
            sequence = None if place is None else self._advance(place, match)
            if place is None or sequence is None:
                continue
            if place == self._last_place:
                completed = self._complete(sequence)
            else:
                self._keep(place, sequence)
        self._guard(match)
        return completed

    def undecided(self) -> Iterable[Undecided]:
        return self._undecided

    def decide(self, match: StageMatch, deadline: int) -> Sequence | None:
        for place, (sequence, own_deadline) in enumerate(self._undecided):
            if sequence[-1] is match and own_deadline <= deadline:
                del self._undecided[place]
                return sequence
        return None

    def forget(self, arrived_before: int) -> None:
        super().forget(arrived_before)
        self._undecided = [
            undecided
            for undecided in self._undecided
            if undecided.sequence[-1].arrived >= arrived_before
        ]

    def last_events(self) -> Iterator[StageMatch]:
        yield from super().last_events()
        yield from (undecided.sequence[-1] for undecided in self._undecided)

    def _complete(self, sequence: Sequence) -> Sequence | None:
        """The sequence, if nothing that must be missing is known or can still come."""
        layout, last = self._layout, sequence[-1]
        if self._is_interrupted(sequence):
            return None
        base = self._base(sequence[0])
        if base is None:
            return sequence
        deadline = base + (layout.maxspan or 0)
        if not layout.trailing:
            return sequence if deadline < last.order[0] else None
        if deadline <= last.order[0]:
            return sequence
        if last.sequence is None and len(self._undecided) < self._max_pending:
            self._undecided.append(Undecided(sequence, deadline))
        return None

    def _is_interrupted(self, sequence: Sequence) -> bool:
        """Whether something happened that must be missing between two of the events."""
        for place, indices in self._layout.between:
            began, preceding = sequence[place - 1].order[0], sequence[place].preceding
            if any(_is_after(preceding[index], began) for index in indices):
                return True
        return False

    def _base(self, first: StageMatch) -> int | None:
        """From when on maxspan counts for what must be missing around the sequence.

        None where nothing can be against it.
        """
        if not self._layout.leading:
            return first.order[0] if self._layout.trailing else None
        times = [first.preceding[index] for index in self._layout.leading]
        return max((time for time in times if time is not None), default=None)

    def _guard(self, match: StageMatch) -> None:
        """Act on what the event is besides a stage that happens."""
        layout = self._layout
        for index, stage in enumerate(layout.watched):
            if stage in match.stages:
                self._seen[index].add(match.order[0])
        if self._undecided and not layout.trailing.isdisjoint(match.stages):
            self._cancel(match.order[0])
        if layout.until in match.stages:
            self._end(match.order)

    def _cancel(self, time: int) -> None:
        """Something happened that must be missing at the end."""
        self._undecided = [
            undecided
            for undecided in self._undecided
            if not undecided.sequence[-1].order[0] < time <= undecided.deadline
        ]

    def _end(self, order: Order) -> None:
        for place, partials in enumerate(self.partials):
            if partials:
                self.partials[place] = [p for p in partials if p[-1].order > order]


def _is_after(time: int | None, other: int) -> bool:
    return time is not None and time > other


class _Latest:
    """When something happened the last time, and the last time before that."""

    __slots__ = ("_newest", "_older")

    def __init__(self) -> None:
        self._newest: int | None = None
        self._older: int | None = None

    def copy(self) -> _Latest:
        twin = _Latest()
        twin._newest, twin._older = self._newest, self._older
        return twin

    def add(self, time: int) -> None:
        """It happened; mostly later than ever before."""
        if self._newest is None or time > self._newest:
            self._newest, self._older = time, self._newest
        elif time < self._newest and (self._older is None or time > self._older):
            self._older = time

    def before(self, time: int) -> int | None:
        """When it happened the last time before ``time``, as far as that is known."""
        for known in (self._newest, self._older):
            if known is not None and known < time:
                return known
        return None
