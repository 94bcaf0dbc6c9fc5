"""What is remembered of one join key: its waiting events and its timeline."""

from __future__ import annotations

from bisect import bisect_right, insort
from operator import attrgetter
from typing import Any

from fluent_eql.match.machine import Order, StageMatch
from fluent_eql.match.timeline import Timeline

by_order = attrgetter("order")


class Entity:
    """The events of a join key that wait for one that needs them, and the timeline of the others.

    Most keys never see an event that could complete a sequence; they have no timeline. ``unread``
    are events that have not even been looked at, in the caller's own form; they come later in event
    order than those in the timeline. ``renewed`` is when the key's last event came, on the clock of
    arrivals.
    """

    __slots__ = ("unread", "waiting", "timeline", "renewed", "is_forgotten")

    def __init__(self, renewed: int) -> None:
        self.unread: list[Any] = []
        self.waiting: list[StageMatch] = []
        self.timeline: Timeline | None = None
        self.renewed = renewed
        self.is_forgotten = False

    @property
    def candidates(self) -> int:
        """How many events may still become part of a sequence, or end a begun one."""
        begun = 0 if self.timeline is None else self.timeline.pending
        return len(self.unread) + len(self.waiting) + begun

    @property
    def has_begun(self) -> bool:
        """Whether an event that comes now, in order or late, may be in a sequence with others."""
        if self.unread or self.waiting:
            return True
        return self.timeline is not None and self.timeline.has_begun

    def add(self, match: StageMatch) -> None:
        """Let an event wait, in its place in event order."""
        waiting = self.waiting
        if waiting and match.order < waiting[-1].order:
            insort(waiting, match, key=by_order)
        else:
            waiting.append(match)

    def is_late(self, match: StageMatch) -> bool:
        """Whether an event comes before one that has been run."""
        return self.timeline is not None and self.timeline.is_past(match.order)

    def is_later(self, time: int) -> bool:
        """Whether an event of that time comes after all that have been run."""
        return self.timeline is None or self.timeline.is_later(time)

    def take(self, order: Order) -> list[StageMatch]:
        """The waiting events up to a place in event order, inclusive, in order."""
        return self._take(bisect_right(self.waiting, order, key=by_order))

    def take_until(self, time: int) -> list[StageMatch]:
        """The waiting events up to an event time, inclusive, in order."""
        return self._take(bisect_right(self.waiting, time, key=_time))

    def take_all(self) -> list[StageMatch]:
        """All waiting events, in order."""
        return self._take(len(self.waiting))

    def forget(self) -> None:
        """Let go of what has been run; what waits in the reorder window still gets its turn."""
        self.is_forgotten = True
        if self.timeline is not None:
            self.timeline.let_go()

    def _take(self, count: int) -> list[StageMatch]:
        waiting = self.waiting
        if count == len(waiting):
            self.waiting = []
            return waiting
        taken = waiting[:count]
        del waiting[:count]
        return taken


def _time(match: StageMatch) -> int:
    return match.order[0]
