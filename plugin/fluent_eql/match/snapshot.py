"""A matcher's state as plain values, for a restart.

Matches stand in one list and are referred to by number, so that a match that several partial
sequences share is one again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluent_eql.match.machine import Machine, Sequence, StageMatch
from fluent_eql.match.timeline import Timeline

Plain = Any
"""What msgpack can hold: None, numbers, texts, bytes, lists, maps."""


class Writer:
    """Turns one timeline into plain values; ``subject`` does that for the matches' subjects."""

    def __init__(self, now: int, subject: Callable[[Any], Plain]) -> None:
        self._now = now
        self._subject = subject
        self._numbers: dict[StageMatch, int] = {}
        self._matches: list[Plain] = []

    def timeline(self, timeline: Timeline) -> Plain:
        """The timeline, restored by :meth:`Reader.timeline`."""
        before, recent, horizon = timeline.parts()
        partials = [[self._sequence(p) for p in stage] for stage in before.partials]
        kept = [self._number(match) for match in recent]  # in their order: no deep recursion
        return [self._matches, partials, kept, list(horizon) if horizon else None]

    def _number(self, match: StageMatch) -> int:
        if match not in self._numbers:
            sequence = None
            if match.sequence is not None:
                earlier = [self._number(part) for part in match.sequence if part is not match]
                sequence = [earlier, match.sequence[-1] is match]
            self._numbers[match] = len(self._matches)
            self._matches.append(
                [
                    list(match.order),
                    list(match.stages),
                    _listed(match.identity),
                    self._now - match.arrived,
                    self._subject(match.subject),
                    sequence,
                ]
            )
        return self._numbers[match]

    def _sequence(self, sequence: Sequence) -> list[int]:
        return [self._number(match) for match in sequence]


class Reader:
    """Makes timelines of what :class:`Writer` wrote; ``now`` less the time that has passed.

    Raises ValueError, TypeError, LookupError where the values are not that.
    """

    def __init__(self, now: int, empty: Machine, subject: Callable[[Plain], Any]) -> None:
        self._now = now
        self._empty = empty
        self._subject = subject

    def timeline(self, plain: Plain, max_pending: int) -> Timeline:
        """One timeline."""
        written, partials, kept, horizon = plain
        matches: list[StageMatch] = []
        for values in written:
            matches.append(self._match(values, matches))
        before = self._empty.copy()
        before.partials = [[tuple(matches[n] for n in p) for p in stage] for stage in partials]
        recent = [matches[number] for number in kept]
        return Timeline.of(before, recent, _order(horizon) if horizon else None, max_pending)

    def _match(self, values: Plain, known: list[StageMatch]) -> StageMatch:
        order, stages, identity, age, subject, sequence = values
        match = StageMatch(
            order=_order(order),
            stages=tuple(stages),
            identity=_tupled(identity),
            arrived=self._now - age,
            subject=self._subject(subject),
        )
        if sequence is not None:
            earlier, ends_here = sequence
            parts = tuple(known[number] for number in earlier)
            match.sequence = (*parts, match) if ends_here else parts
        return match


def _order(values: list[Any]) -> tuple[int, float, int]:
    time, tiebreaker, arrival = values
    return time, tiebreaker, arrival


def _listed(value: Any) -> Plain:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _tupled(value: Plain) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
