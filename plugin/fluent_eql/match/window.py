"""The wait that puts events that arrive in disorder into event order.

Every event waits for ``span`` after its arrival. When one is due, all events of its key that come
before it in event order are released with it, in order. Where no event arrives more than ``span``
after one that it precedes, every key's events are released exactly in event order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from fluent_eql.match.machine import StageMatch
from fluent_eql.match.timeline import by_order

Key = TypeVar("Key", bound=Hashable)


class ReorderWindow(Generic[Key]):
    """Events waiting by key; ``span`` in nanoseconds, None to wait until :meth:`release_all`."""

    def __init__(self, span: int | None) -> None:
        self._span = span
        self._waiting: dict[Key, list[StageMatch]] = {}
        self._arrivals: deque[tuple[Key, StageMatch]] = deque()

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._waiting.values())

    def add(self, key: Key, match: StageMatch) -> None:
        """Let an event wait; the calls come in the order of ``match.arrived``."""
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = [match]
        else:
            insort(waiting, match, key=by_order)
        if self._span is not None:
            self._arrivals.append((key, match))

    def next_deadline(self) -> int | None:
        """When the next event is due; None if none waits."""
        if self._span is None or not self._arrivals:
            return None
        return self._arrivals[0][1].arrived + self._span

    def release(self, now: int) -> Iterator[tuple[Key, list[StageMatch]]]:
        """The events due at ``now``, and those before them, in order for each key."""
        if self._span is None:
            return
        latest_due: dict[Key, StageMatch] = {}
        arrivals, latest_arrival = self._arrivals, now - self._span
        while arrivals and arrivals[0][1].arrived <= latest_arrival:
            key, match = arrivals.popleft()
            known = latest_due.get(key)
            if self._waits(key, match) and (known is None or known.order < match.order):
                latest_due[key] = match
        for key, match in latest_due.items():
            waiting = self._waiting[key]
            if len(waiting) == 1:
                del self._waiting[key]
                yield key, waiting
                continue
            due = bisect_right(waiting, match.order, key=by_order)
            batch = waiting[:due]
            del waiting[:due]
            if not waiting:
                del self._waiting[key]
            yield key, batch

    def release_until(self, key: Key, time: int) -> list[StageMatch]:
        """A key's waiting events up to an event time, inclusive, in order, due or not."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return []
        place = bisect_right(waiting, time, key=_time)
        if place == len(waiting):
            return self._waiting.pop(key)
        batch = waiting[:place]
        del waiting[:place]
        return batch

    def release_all(self) -> Iterator[tuple[Key, list[StageMatch]]]:
        """Every waiting event, in order for each key."""
        self._arrivals.clear()
        waiting, self._waiting = self._waiting, {}
        yield from waiting.items()

    def _waits(self, key: Key, match: StageMatch) -> bool:
        waiting = self._waiting.get(key, [])
        if len(waiting) == 1:
            return waiting[0] is match
        place = bisect_left(waiting, match.order, key=by_order)
        return place < len(waiting) and waiting[place] is match


def _time(match: StageMatch) -> int:
    return match.order[0]
