"""Streams made from sequence rules: ones that complete them, and ones that fall short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from fluent_eql.lang import SequenceQuery
from fluent_eql.lang.compile import Stage
from support.candidates import Scalar, distinct
from support.synthesise import Assignment, Goal, Values, conjuncts, satisfying

KEYS: tuple[Scalar, ...] = ("key-1", "203.0.113.9", 4711)
"""What a join key may be that no condition says anything about."""
MOST_KEYS = 200

Key = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The events that complete a sequence, in order, with the values of their join keys."""

    query: SequenceQuery
    key: Key
    events: tuple[Assignment, ...]

    def interruptions(self) -> Iterator[tuple[int, Assignment]]:
        """Events of the same key that keep the sequence from being completed.

        Each with the number of events of the story that it has to come after.
        """
        happened = 0
        for stage in self.query.stages:
            if stage.missing:
                found = _event_of(stage, self.key)
                if found is not None:
                    yield happened, found
            else:
                happened += 1
        if self.query.until is not None:
            found = _event_of(self.query.until, self.key)
            if found is not None:
                yield 1, found

    def flipped(self) -> Iterator[tuple[int, Assignment | None]]:
        """For each conjunct of each stage an event for which all others hold.

        With the number of the event in the story that it takes the place of. Its join key is
        that of the story where the conjunct is not about it. None where there is no such event.
        """
        seen = set[int]()
        for number, stage in enumerate(_happening(self.query)):
            if id(stage) in seen:
                continue
            seen.add(id(stage))
            parts = conjuncts(stage.condition.expression)
            for flipped in parts:
                goals: list[Goal] = [(part, part is not flipped) for part in parts]
                found = satisfying(*goals, given=_given(stage, self.key))
                yield number, satisfying(*goals) if found is None else found


def story_of(query: SequenceQuery, *, sparse: bool = False) -> Story | None:
    """Events that complete the sequence; None where none are found."""
    stages = list({id(stage): stage for stage in _happening(query)}.values())
    free = [satisfying((stage.condition.expression, True)) for stage in stages]
    columns = [_key_values(number, stages, free, query) for number in range(len(stages[0].by))]
    for key in islice(product(*columns), MOST_KEYS):
        found = {id(stage): _positive_event(stage, key, query, sparse) for stage in stages}
        events = [found[id(stage)] for stage in _happening(query)]
        usable = tuple(event for event in events if event is not None)
        if len(usable) == len(events):
            return Story(query, key, usable)
    return None


def _happening(query: SequenceQuery) -> list[Stage]:
    return [stage for stage in query.stages if not stage.missing]


def _key_values(
    number: int,
    stages: list[Stage],
    free: list[Assignment | None],
    query: SequenceQuery,
) -> list[Scalar]:
    """Values of one join key with which there is an event for each stage."""
    found: list[Any] = []
    for stage, event in zip(stages, free, strict=True):
        values = (event or {}).get(stage.by[number].name, ())
        found += values[:1]
    return [
        value
        for value in distinct([*found, *KEYS])
        if all(
            satisfying((stage.condition.expression, True), given={stage.by[number].name: (value,)})
            is not None
            for stage in stages
        )
    ]


def _positive_event(
    stage: Stage, key: Key, query: SequenceQuery, sparse: bool
) -> Assignment | None:
    """An event of a stage; one that does not end the sequence at once, where there is one."""
    given = _given(stage, key)
    goal: Goal = (stage.condition.expression, True)
    if query.until is not None:
        guarded = satisfying(goal, (query.until.condition.expression, False), given=given)
        if guarded is not None:
            return guarded
    return satisfying(goal, sparse=sparse, given=given)


def _event_of(stage: Stage, key: Key) -> Assignment | None:
    return satisfying((stage.condition.expression, True), given=_given(stage, key))


def _given(stage: Stage, key: Key) -> Mapping[str, Values]:
    return {by.name: (value,) for by, value in zip(stage.by, key, strict=True)}
