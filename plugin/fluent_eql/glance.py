"""Rules' conditions, tested on a raw record without reading more of it than they ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fluent_eql.fields import Projection
from fluent_eql.lang import EventQuery, SequenceQuery

WORTH_PREPARING = 8
"""How often the same rules have to be asked for: what reads their fields takes long to make."""

MOST_PREPARED = 1_000
"""Sets of rules for which there is something that reads their fields."""


class Glances:
    """Tells which of some queries have a condition that a record satisfies."""

    def __init__(self, queries: Sequence[EventQuery | SequenceQuery]) -> None:
        self._matches = [[one.matches for one in query.conditions] for query in queries]
        self._names = [
            {name for one in query.conditions for name in one.fields} for query in queries
        ]
        self._prepared: dict[tuple[int, ...], Projection] = {}
        self._asked: Counter[tuple[int, ...]] = Counter()

    def satisfied(self, numbers: tuple[int, ...], raw: bytes) -> tuple[int, ...]:
        """Those of the queries with these numbers; all of them where they are rarely asked for.

        Raises ValueError where ``raw`` is not one msgpack map.
        """
        projection = self._prepared.get(numbers)
        if projection is None:
            projection = self._prepare(numbers)
            if projection is None:
                return numbers
        fields = projection.fields(raw)
        found = []
        for number in numbers:
            for matches in self._matches[number]:
                if matches(fields):
                    found.append(number)
                    break
        return tuple(found)

    def _prepare(self, numbers: tuple[int, ...]) -> Projection | None:
        self._asked[numbers] += 1
        if self._asked[numbers] < WORTH_PREPARING:
            if len(self._asked) > 10 * MOST_PREPARED:
                self._asked.clear()
            return None
        if len(self._prepared) >= MOST_PREPARED:
            self._prepared.clear()
        del self._asked[numbers]
        made = Projection({name for number in numbers for name in self._names[number]})
        self._prepared[numbers] = made
        return made
