"""The bytes that a record must contain to match, looked for in raw msgpack.

All needles of all conditions (see :mod:`fluent_eql.needles`) are one hyperscan database, so a body
is scanned once. A condition without needles makes every record a hit. Which conditions one that is
hit may satisfy, :mod:`fluent_eql.suspects` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from fluent_eql.api import Body
from fluent_eql.lang import Condition
from fluent_eql.needle_patterns import database_of, patterns_of, scannable
from fluent_eql.needles import Needle, needles_of

LEAST_BODY = 16_384
"""The bytes of a body below which it says little about others."""
LARGEST_GAP = 1_024
"""Where no more bytes than these are without a find, next to all records of a body are hits."""
UNSCANNED = 63
"""How many bodies after such a one are not scanned: all of their records are hits."""
MOST_UNSCANNED = 1_023
"""After several such in a row it is more and more, up to so many."""


class Screen:
    """Scans bodies for the needles of conditions.

    ``derived`` are the needles of each condition, None where it has none. ``always`` says that
    there is such a condition: every record has to be looked at.
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        self.derived = tuple(needles_of(condition.expression) for condition in conditions)
        found = {needle for needles in self.derived if needles for needle in needles}
        self.needles: tuple[Needle, ...] = tuple(sorted(found, key=repr))
        self.always = any(needles is None for needles in self.derived)
        self._patterns = patterns_of(self.needles)
        self._database: Any = database_of(self._patterns) if self._patterns else None
        self._unscanned = 0
        self._pause = UNSCANNED

    def offsets(self, body: Body) -> Sequence[int] | None:
        """Where in ``body`` a needle was found, ascending; None where every record is a hit.

        None as well for a while after a body of which next to all were.
        """
        if self.always:
            return None
        if self._database is None or not len(body):
            return ()
        if self._unscanned:
            self._unscanned -= 1
            return None
        offsets: list[int] = []
        patterns, size = self._patterns, len(body)
        body = scannable(body)

        def found(number: int, start: int, end: int, flags: int, context: object) -> None:
            if end <= size and patterns[number].holds(body, end):
                offsets.append(end - 1)

        self._database.scan(body, match_event_handler=found)
        offsets.sort()
        if _is_crowded(offsets, size):
            self._unscanned = self._pause
            self._pause = min(2 * self._pause + 1, MOST_UNSCANNED)
        else:
            self._pause = UNSCANNED
        return offsets


def _is_crowded(offsets: Sequence[int], size: int) -> bool:
    """Whether there are finds all over a body of that size."""
    if size < LEAST_BODY or len(offsets) * LARGEST_GAP < size:
        return False
    return all(after - before <= LARGEST_GAP for before, after in pairwise((0, *offsets, size)))
