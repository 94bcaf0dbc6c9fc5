"""The sequence semantics of one join key, fed in event order.

Per stage there is a list of partial sequences that have got that far. An event takes the latest
partial of the stage before and discards it and every older one: the newest wins, and what has
been taken is consumed, even where maxspan then rejects the result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

Order = tuple[int, float, int]
"""Event time in nanoseconds, tiebreaker (infinite where there is none), number of arrival."""


def order_of(time: int, tiebreaker: Any, arrival: int) -> Order:
    """The place of an event in its stream.

    ``tiebreaker`` counts only where it is a number, and NaN, which has no place, is none.
    """
    if tiebreaker.__class__ is int:
        return time, tiebreaker, arrival
    known = isinstance(tiebreaker, int | float) and not isinstance(tiebreaker, bool)
    return time, tiebreaker if known and not math.isnan(tiebreaker) else math.inf, arrival


@dataclass(slots=True, eq=False)
class StageMatch:
    """An event that satisfies at least one stage of a rule, for one join key.

    ``stages`` are the stages' numbers, the last first. ``identity`` is the same for the same
    event sent twice, None where the event has no name of its own. ``arrived`` is the time of
    arrival on the clock of the caller. ``subject`` is the caller's own and comes back untouched.
    ``sequence`` is the sequence that the event completed, once it did. ``preceding`` is a machine's
    own: when the latest events before this one that must be missing happened, see
    :mod:`fluent_eql.match.guarded`. ``deadline`` is that of the last :class:`Undecided` that ended
    with this event, once somebody waits for it.
    """

    order: Order
    stages: tuple[int, ...]
    identity: Any
    arrived: int
    subject: Any
    sequence: Sequence | None = None
    preceding: tuple[int | None, ...] = ()
    deadline: int | None = None


Sequence = tuple[StageMatch, ...]
"""The events of a sequence or of its beginning, one a stage, in the order of the stages."""


class Undecided(NamedTuple):
    """A sequence that is complete unless an event that must be missing comes up to ``deadline``.

    ``deadline`` is an event time in nanoseconds, inclusive.
    """

    sequence: Sequence
    deadline: int


class Machine:
    """The partial sequences of one join key.

    ``stages`` is the number of stages, ``maxspan`` in nanoseconds or None. Each stage keeps at
    most ``max_pending`` partials, the newest. ``partials`` are they, by stage, oldest first.
    """

    __slots__ = ("partials", "_stages", "_maxspan", "_max_pending")

    def __init__(self, stages: int, maxspan: int | None, max_pending: int) -> None:
        self._stages = stages
        self._maxspan = maxspan
        self._max_pending = max_pending
        self.partials: list[list[Sequence]] = [[] for _ in range(stages - 1)]

    def copy(self) -> Machine:
        """A machine in the same state that goes on alone."""
        twin = Machine(self._stages, self._maxspan, self._max_pending)
        twin.partials = [list(partials) for partials in self.partials]
        return twin

    def feed(self, match: StageMatch) -> Sequence | None:
        """Take the next event; the sequence that it completes, if it completes one.

        The last stage is tried first, so one event completes one sequence and starts another
        but never stands in two stages of the same one.
        """
        completed = None
        for stage in match.stages:
            sequence = self._advance(stage, match)
            if sequence is None:
                continue
            if stage == self._stages - 1:
                completed = sequence
            else:
                self._keep(stage, sequence)
        return completed

    def undecided(self) -> Iterable[Undecided]:
        """The sequences that time has to decide, see :mod:`fluent_eql.match.guarded`."""
        return ()

    def decide(self, match: StageMatch, deadline: int) -> Sequence | None:
        """The undecided sequence that ends with ``match``, now that ``deadline`` has passed.

        None where there is none any more, or where it has to wait for longer.
        """
        return None

    def forget(self, arrived_before: int) -> None:
        """Drop the partials whose last event arrived before that time."""
        for stage, partials in enumerate(self.partials):
            if any(partial[-1].arrived < arrived_before for partial in partials):
                self.partials[stage] = [p for p in partials if p[-1].arrived >= arrived_before]

    def last_events(self) -> Iterator[StageMatch]:
        """The last event of each partial sequence."""
        return (partial[-1] for partials in self.partials for partial in partials)

    @property
    def pending(self) -> int:
        """How many partial sequences wait for their next event."""
        return sum(len(partials) for partials in self.partials)

    def _advance(self, stage: int, match: StageMatch) -> Sequence | None:
        if stage == 0:
            return (match,)
        partials = self.partials[stage - 1]
        taken = len(partials) - 1
        while taken >= 0 and partials[taken][-1].order >= match.order:
            taken -= 1
        if taken < 0:
            return None
        sequence = (*partials[taken], match)
        del partials[: taken + 1]
        span = match.order[0] - sequence[0].order[0]
        return None if self._maxspan is not None and span > self._maxspan else sequence

    def _keep(self, stage: int, sequence: Sequence) -> None:
        partials = self.partials[stage]
        place = len(partials)
        while place and partials[place - 1][-1].order > sequence[-1].order:
            place -= 1
        partials.insert(place, sequence)
        if len(partials) > self._max_pending:
            del partials[0]
