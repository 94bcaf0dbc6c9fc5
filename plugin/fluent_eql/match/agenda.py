"""What is to be done at which time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Items by the time at which they are due; of equal times the one added first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Item]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due: int, item: Item) -> None:
        """Let an item be due at that time, past or future."""
        heapq.heappush(self._heap, (due, next(self._numbers), item))

    def next_due(self) -> int | None:
        """When the next item is due; None without any."""
        return self._heap[0][0] if self._heap else None

    def take(self, now: int | None) -> Iterator[Item]:
        """Take out what is due at ``now``, items added meanwhile included; all with None."""
        while self._heap and (now is None or self._heap[0][0] <= now):
            yield heapq.heappop(self._heap)[2]

    def take_where(self, is_wanted: Callable[[Item], bool]) -> list[Item]:
        """Take out the items for which that holds, due or not."""
        taken = [entry for entry in self._heap if is_wanted(entry[2])]
        self._heap = [entry for entry in self._heap if not is_wanted(entry[2])]
        heapq.heapify(self._heap)
        return [item for _, _, item in sorted(taken)]
