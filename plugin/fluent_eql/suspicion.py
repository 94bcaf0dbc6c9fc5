"""What a record may be to many rules, as far as the bytes in it tell, and what has to be done.

A record that can only follow in sequences, those whose first event it cannot be, is filed unread
for all of them at once: it matters only where one of them has begun. See
:mod:`fluent_eql.followers`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from fluent_eql.detection import SequenceRule
from fluent_eql.keys import KeyReader
from fluent_eql.lang import Condition, EventQuery, SequenceQuery
from fluent_eql.suspects import MOST_KINDS, Suspects
from fluent_eql.verdicts import numbers_of

WORTH_A_GLANCE = 1
"""How many sequences a record may complete for it to be glanced at for each of them, so that it is
held only where it does. One that may complete more is held unseen."""

Names = tuple[str, ...]
"""Of the fields of join keys."""


class OfKey(NamedTuple):
    """What is to be done with a record for some rules with one join key, by the rules' numbers.

    It may be the first event for ``begins``, and only a later one for the rules in ``follows``, of
    which it may complete those in ``completes``; these are sums of the rules' bits. It is glanced
    at for those in ``glances`` first. ``rules`` are all of them.
    """

    rules: tuple[int, ...]
    glances: tuple[int, ...]
    begins: tuple[int, ...]
    follows: int
    completes: int


class Suspicion(NamedTuple):
    """The ``rules``, by their numbers in their order, one of whose conditions a record may satisfy.

    Those in ``reads`` have to read it at once; for the others it waits unread, under the keys that
    ``reader`` reads.
    """

    rules: tuple[int, ...]
    reads: tuple[int, ...]
    reader: KeyReader
    of_keys: tuple[OfKey, ...]


class Suspicions:
    """Tells what a record may be to the rules with these queries.

    ``conditions`` are those of all queries in their order, as they are in records; ``sequences``
    are those that let events wait unread.
    """

    def __init__(
        self,
        queries: Sequence[EventQuery | SequenceQuery],
        conditions: Sequence[Condition],
        sequences: Mapping[int, SequenceRule],
        category_field: str,
    ) -> None:
        self._sequences = sequences
        self._places = [
            (number, stages)
            for number, query in enumerate(queries)
            for stages in _stages_by_condition(query)
        ]
        self._suspects = Suspects(conditions, self._made, category_field)
        self._by_bits: dict[int, Suspicion] = {}

    def of(self, raw: bytes) -> Suspicion:
        """What a record may be."""
        return self._suspects.of(raw)

    def of_conditions(self, bits: int) -> Suspicion:
        """What a record may be that may satisfy these conditions, a sum of ``1 << number``."""
        known = self._by_bits.get(bits)
        if known is None:
            if len(self._by_bits) >= MOST_KINDS:
                self._by_bits.clear()
            known = self._by_bits[bits] = self._made(tuple(numbers_of(bits)))
        return known

    def following(self, keys: Collection[str]) -> dict[int, dict[Names, int]]:
        """The conditions of the events that may follow in sequences, by keys of these fields alone.

        By the sequences' numbers and the names of the stages' join keys, as sums of bits.
        """
        found: dict[int, dict[Names, int]] = {}
        for condition, (number, stages) in enumerate(self._places):
            sequence = self._sequences.get(number)
            if sequence is None or any(
                name not in keys
                for stage in range(1, len(sequence.query.stages))
                for name in _names(sequence, stage)
            ):
                continue
            by_names = found.setdefault(number, {})
            for stage in stages:
                if stage:
                    names = _names(sequence, stage)
                    by_names[names] = by_names.get(names, 0) | 1 << condition
        return found

    def prompt(self, following: Collection[int]) -> int:
        """The conditions, as a sum of bits, of events that have to be looked at when they come.

        Those are not the ones that can only follow in one of the sequences with these numbers.
        """
        found = 0
        for condition, (number, stages) in enumerate(self._places):
            if number not in following or 0 in stages:
                found |= 1 << condition
        return found

    def completing(self, following: Collection[int]) -> int:
        """The conditions, as a sum of bits, of events that complete one of these sequences."""
        found = 0
        for condition, (number, stages) in enumerate(self._places):
            if number in following and self._sequences[number].last_stage in stages:
                found |= 1 << condition
        return found

    def _made(self, conditions: tuple[int, ...]) -> Suspicion:
        stages: dict[int, set[int]] = {}
        for condition in conditions:
            number, those = self._places[condition]
            stages.setdefault(number, set()).update(those)
        waiting = {number: those for number, those in stages.items() if self._waits(number, those)}
        completing = [n for n, those in waiting.items() if self._sequences[n].last_stage in those]
        glances = completing if len(completing) <= WORTH_A_GLANCE else []
        keys = tuple(self._keys_of(waiting))
        return Suspicion(
            rules=tuple(stages),
            reads=tuple(number for number in stages if number not in waiting),
            reader=_reader(keys),
            of_keys=tuple(self._of_key(names, waiting, glances) for names in keys),
        )

    def _waits(self, number: int, stages: set[int]) -> bool:
        """Whether an event that may satisfy these stages need not be read when it comes."""
        sequence = self._sequences.get(number)
        if sequence is None or {0, sequence.last_stage} <= stages:
            return False
        return len({_names(sequence, stage) for stage in stages}) == 1

    def _keys_of(self, waiting: Mapping[int, set[int]]) -> Iterable[Names]:
        keys = (_names(self._sequences[n], min(stages)) for n, stages in waiting.items())
        return dict.fromkeys(keys)

    def _of_key(
        self, names: Names, waiting: Mapping[int, set[int]], glances: Sequence[int]
    ) -> OfKey:
        those = {
            number: stages
            for number, stages in waiting.items()
            if _names(self._sequences[number], min(stages)) == names
        }
        following = [self._sequences[n] for n, stages in those.items() if 0 not in stages]
        completing = [one for one in following if one.last_stage in those[one.number]]
        return OfKey(
            rules=tuple(those),
            glances=tuple(number for number in those if number in glances),
            begins=tuple(number for number, stages in those.items() if 0 in stages),
            follows=sum(one.bit for one in following),
            completes=sum(one.bit for one in completing),
        )


@lru_cache(maxsize=1024)
def _reader(keys: tuple[Names, ...]) -> KeyReader:
    return KeyReader(keys)


def _names(sequence: SequenceRule, stage: int) -> Names:
    return tuple(key.name for key in sequence.query.stages[stage].by)


def _stages_by_condition(query: EventQuery | SequenceQuery) -> Iterable[tuple[int, ...]]:
    """The numbers of the stages for which each of a query's conditions stands."""
    if isinstance(query, EventQuery):
        return [(0,)]
    found: dict[int, list[int]] = {}
    for number, stage in enumerate(query.all_stages):
        found.setdefault(id(stage), []).append(number)
    return [tuple(numbers) for numbers in found.values()]
