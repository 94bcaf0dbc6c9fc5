"""Where the entries of a Forward message lie, noted while its end is looked for.

Looking for a message's end skips all of its entries anyway. Noting where each ends costs a fifth
of that more, and saves skipping them all again where a filter asks for some.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence

MOST_ENTRIES = 16_384
"""In an index; a message with more has none."""
LEAST_ENTRY = 64
"""The average size of entries, in bytes, from which on an index is small beside them."""


class EntryIndex:
    """The ends of all entries; ``base`` is where the first begins, in the same numbering."""

    __slots__ = ("_ends", "_base")

    def __init__(self, ends: array[int], base: int) -> None:
        self._ends = ends
        self._base = base

    @property
    def ends(self) -> list[int]:
        """Where each entry ends, counted from the start of the first."""
        base = self._base
        return [end - base for end in self._ends]

    def spans(self, offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Start and end of each entry that holds one of the ascending offsets.

        All count from the start of the first entry.
        """
        ends, base, last = self._ends, self._base, -1
        for offset in offsets:
            number = bisect_right(ends, base + offset)
            if number != last and number < len(ends):
                last = number
                yield (ends[number - 1] - base if number else 0), ends[number] - base
