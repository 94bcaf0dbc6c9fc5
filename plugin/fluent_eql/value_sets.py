"""In which of many sets, one after another, a value is."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator

GROUP = 16
"""Sets that are looked into as one first."""


class ValueSets:
    """A queue of sets of values."""

    def __init__(self, sets: Iterable[Iterable[Hashable]] = ()) -> None:
        self._groups: deque[_Group] = deque()
        for values in sets:
            self.append(values)

    def append(self, values: Iterable[Hashable]) -> None:
        """Add a set behind the others."""
        if not self._groups or self._groups[-1].is_full:
            self._groups.append(_Group())
        self._groups[-1].append(frozenset(values))

    def popleft(self) -> None:
        """Take out the first one. Raises IndexError where there is none."""
        self._groups[0].sets.popleft()
        if not self._groups[0].sets:
            self._groups.popleft()

    def places(self, value: Hashable) -> Iterator[int]:
        """The places of the sets that have a value, the first one's being 0."""
        before = 0
        for group in self._groups:
            if value in group.values:
                for place, values in enumerate(group.sets, before):
                    if value in values:
                        yield place
            before += len(group.sets)


class _Group:
    """Some sets, and the ``values`` of all that were ever in it."""

    __slots__ = ("sets", "values", "is_full")

    def __init__(self) -> None:
        self.sets: deque[frozenset[Hashable]] = deque()
        self.values: set[Hashable] = set()
        self.is_full = False

    def append(self, values: frozenset[Hashable]) -> None:
        self.sets.append(values)
        self.values |= values
        self.is_full = len(self.sets) >= GROUP
