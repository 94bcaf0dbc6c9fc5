"""Recorded events through a filter, with a clock that is event time."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate

from fluent_eql.api import Outcome
from fluent_eql.event import Event
from fluent_eql.filter import EqlFilter

BATCH = 1000
LONGEST_WAIT = 10**8
"""Seconds; time.sleep takes no more than a machine's largest number."""


class Player:
    """Feeds the filter with the events that its screen lets through.

    The clock is the latest event time seen, so a reorder window is a span of event time; a player
    that is not ``timed`` lets it stand still, and screens a batch of events at a time. With
    ``speed`` it is so many times as fast as the events happened. ``take`` gets each outcome.
    """

    def __init__(
        self,
        detector: EqlFilter,
        take: Callable[[Outcome], None],
        *,
        timed: bool,
        speed: float | None = None,
    ) -> None:
        self._detector = detector
        self._take = take
        self._timed = timed
        self._speed = speed
        self._batch: list[Event] = []
        self._now = 0
        self._start: tuple[float, int] | None = None

    def play(self, event: Event) -> None:
        """The next event."""
        self._batch.append(event)
        if self._timed or len(self._batch) == BATCH:
            self._process()

    def finish(self) -> None:
        """Let the time pass that the last events still wait for, and end the stream."""
        self._process()
        while (deadline := self._detector.next_deadline()) is not None:
            self._now = max(self._now, deadline)
            self._take(self._detector.advance(self._now))
        self._take(self._detector.flush(self._now))

    def _process(self) -> None:
        for event in self._screened():
            if self._timed:
                self._await(event)
            self._take(self._detector.process([event], self._now))
        self._batch.clear()

    def _await(self, event: Event) -> None:
        """Set the clock to an event's time. The filter itself tells of one that is unreadable."""
        with suppress(ValueError):
            time_of_event = self._detector.time_of(event)
            self._now = max(self._now, time_of_event)
            self._pace(time_of_event)

    def _screened(self) -> list[Event]:
        offsets = self._detector.screen(b"".join(event.raw for event in self._batch))
        if offsets is None:
            return list(self._batch)
        ends = list(accumulate(len(event.raw) for event in self._batch))
        hits = dict.fromkeys(bisect_right(ends, offset) for offset in offsets)
        return [self._batch[hit] for hit in hits]

    def _pace(self, time_of_event: int) -> None:
        if self._speed is None or time_of_event <= 0:
            return
        if self._start is None:
            self._start = (time.monotonic(), time_of_event)
        began, first = self._start
        due = began + (time_of_event - first) / 10**9 / self._speed
        time.sleep(min(max(due - time.monotonic(), 0), LONGEST_WAIT))
