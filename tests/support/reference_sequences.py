"""What Elasticsearch finds of a sequence in a list of events: plain, slow, and on its own.

Stages are run one after the other over all events, as a search engine does that has them stored;
nothing is remembered between events, and nothing is shared with the code under test.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SECOND = 10**9


@dataclass(frozen=True)
class Key:
    """A join key; ``optional`` where null is a value."""

    field: str
    optional: bool = False

    def __str__(self) -> str:
        return f"?{self.field}" if self.optional else self.field


@dataclass(frozen=True)
class Term:
    """``[category where true] by … with runs=…``, with ``!`` if missing."""

    category: str
    by: tuple[Key, ...] = ()
    runs: int = 1
    missing: bool = False

    def __str__(self) -> str:
        by = f" by {', '.join(map(str, self.by))}" if self.by else ""
        runs = f" with runs={self.runs}" if self.runs > 1 else ""
        return f"{'!' * self.missing}[{self.category} where true]{by}{runs}"


@dataclass(frozen=True)
class Query:
    """A sequence; ``maxspan`` in whole seconds, None for any."""

    terms: tuple[Term, ...]
    by: tuple[Key, ...] = ()
    maxspan: int | None = None
    until: Term | None = None

    def __str__(self) -> str:
        by = f" by {', '.join(map(str, self.by))}" if self.by else ""
        maxspan = f" with maxspan={self.maxspan}s" if self.maxspan else ""
        until = f" until {self.until}" if self.until else ""
        return f"sequence{by}{maxspan} {' '.join(map(str, self.terms))}{until}"


@dataclass(frozen=True)
class Event:
    """An event; ``time`` in nanoseconds, ``values`` by the names of the join keys.

    ``tiebreaker`` orders events of the same time, and after it the place in the list of events.
    """

    name: str
    time: int
    categories: tuple[str, ...]
    values: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    tiebreaker: int | None = None


Found = tuple[tuple[Any, ...], tuple[str, ...]]
"""The join key's values and the names of the events that happened, in the order of the stages."""


def evaluate(query: Query, events: Sequence[Event]) -> set[Found]:
    """All sequences in events that arrived in this order."""
    numbered = sorted(enumerate(events), key=lambda one: (one[1].time, _tiebreak(one[1]), one[0]))
    stream = list(enumerate(event for _, event in numbered))
    stages = [term for term in query.terms for _ in range(term.runs)]
    found: set[Found] = set()
    for key in _all_keys(query, stages, events):
        columns = [_matching(term, query, key, stream) for term in stages]
        ends = _matching(query.until, query, key, stream) if query.until else []
        for sequence in _sequences(stages, columns, ends, query.maxspan):
            found.add((tuple(value for _, value in key), tuple(e.name for _, e in sequence)))
    return found


Placed = tuple[int, Event]
"""An event and its place in the order of events."""


def _tiebreak(event: Event) -> float:
    return math.inf if event.tiebreaker is None else event.tiebreaker


def _keys_of(term: Term, query: Query, event: Event) -> set[tuple[tuple[type, Any], ...]]:
    columns = []
    for key in (*query.by, *term.by):
        values = dict(event.values).get(key.field, ())
        columns.append(values or ((None,) if key.optional else ()))
    return {tuple((type(v), v) for v in combined) for combined in itertools.product(*columns)}


def _all_keys(query: Query, stages: Sequence[Term], events: Sequence[Event]) -> set[Any]:
    return {key for term in stages for event in events for key in _keys_of(term, query, event)}


def _matching(term: Term, query: Query, key: Any, stream: Sequence[Placed]) -> list[Placed]:
    return [
        (place, event)
        for place, event in stream
        if (term.category == "any" or term.category in event.categories)
        and key in _keys_of(term, query, event)
    ]


def _sequences(
    stages: Sequence[Term],
    columns: Sequence[Sequence[Placed]],
    ends: Sequence[Placed],
    maxspan: int | None,
) -> list[list[Placed]]:
    happening = [number for number, term in enumerate(stages) if not term.missing]
    partials = [[placed] for placed in columns[happening[0]]]
    for number in happening[1:]:
        partials = _advance(partials, columns[number], ends, maxspan)
    return [partial for partial in partials if _lacks(stages, columns, happening, partial, maxspan)]


def _advance(
    partials: list[list[Placed]],
    candidates: Sequence[Placed],
    ends: Sequence[Placed],
    maxspan: int | None,
) -> list[list[Placed]]:
    advanced = []
    for place, event in candidates:
        before = [partial for partial in partials if partial[-1][0] < place]
        partials = [partial for partial in partials if partial[-1][0] >= place]
        if not before:
            continue
        newest = max(before, key=lambda partial: partial[-1][0])
        if maxspan is not None and event.time - newest[0][1].time > maxspan * SECOND:
            continue
        if any(newest[-1][0] <= end < place for end, _ in ends):
            continue
        advanced.append([*newest, (place, event)])
    return advanced


def _lacks(
    stages: Sequence[Term],
    columns: Sequence[Sequence[Placed]],
    happening: Sequence[int],
    sequence: Sequence[Placed],
    maxspan: int | None,
) -> bool:
    """Whether nothing happened that must be missing."""
    first, last = sequence[0][1].time, sequence[-1][1].time
    before: list[int] = []
    after: list[int] = []
    for number, term in enumerate(stages):
        if not term.missing:
            continue
        times = [event.time for _, event in columns[number]]
        earlier = sum(other < number for other in happening)
        if earlier == 0:
            before += [time for time in times if time < first]
        elif earlier == len(happening):
            after += [time for time in times if time > last]
        else:
            left, right = sequence[earlier - 1][1].time, sequence[earlier][1].time
            if any(left < time < right for time in times):
                return False
    begins, ends = stages[0].missing, stages[-1].missing
    if not begins and not ends:
        return True
    if (begins and not before) or (ends and not after):
        return True
    begun, ended = max(before) if begins else first, min(after) if ends else last
    return maxspan is None or ended - begun > maxspan * SECOND
