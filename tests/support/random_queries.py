"""Random queries and streams that are likely to match, with what the reference finds.

All is drawn from a ``Random``, which Hypothesis can stand in for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from fluent_eql.event_time import iso_8601
from support import reference_sequences
from support.events import START
from support.random_expressions import Conditions
from support.random_records import CATEGORIES, Record, World, random_record
from support.reference_eql import Constant, Expression, Field, Not, satisfies, values
from support.reference_eql_text import Writer
from support.reference_sequences import SECOND, Found, Key

KEYS = ("host.id", "process.entity_id", "user.name")
KEY_VALUES: tuple[Any, ...] = (*"aaaaaa", "b", "A", 1, True, ["a", "b"], ["a", "a"], None, [])
"""Of a join key: numbers of the same type are equal or not, so there are no floats."""


@dataclass(frozen=True)
class EventQuery:
    """``category where condition``; None stands for ``any``."""

    category: str | None
    condition: Expression

    def matches(self, record: Record) -> bool:
        """Whether the reference finds that a record satisfies it."""
        return satisfies(record, self.category, self.condition)

    def finds(self, stream: Sequence[Happening]) -> set[Found]:
        """What the reference finds: each event that satisfies it, as a sequence of one."""
        return {((), (event.name,)) for event in stream if self.matches(event.record)}

    def text(self, random: Random) -> str:
        """The query, spelled at random."""
        writer = Writer(random)
        return writer.joined([*tokens(writer, self), *_pipe(random)])


@dataclass(frozen=True)
class Stage:
    """An event of a sequence, its own join keys after those that all events share."""

    query: EventQuery
    by: tuple[Key, ...] = ()
    runs: int = 1
    missing: bool = False


@dataclass(frozen=True)
class SequenceQuery:
    """A sequence; ``maxspan`` in seconds, None for any."""

    stages: tuple[Stage, ...]
    by: tuple[Key, ...]
    maxspan: int | None
    until: Stage | None

    def finds(self, stream: Sequence[Happening]) -> set[Found]:
        """What the references find: which events satisfy which stages, and which sequences."""
        stages = [*self.stages, *([self.until] if self.until else [])]
        events = [
            reference_sequences.Event(
                happening.name,
                happening.time,
                tuple(
                    f"{n}" for n, one in enumerate(stages) if one.query.matches(happening.record)
                ),
                tuple((name, tuple(values(happening.record, name))) for name in KEYS),
                happening.tiebreaker,
            )
            for happening in stream
        ]
        terms = [
            reference_sequences.Term(f"{n}", stage.by, stage.runs, stage.missing)
            for n, stage in enumerate(stages)
        ]
        until = terms.pop() if self.until else None
        query = reference_sequences.Query(tuple(terms), self.by, self.maxspan, until)
        return reference_sequences.evaluate(query, events)

    def text(self, random: Random) -> str:
        """The query, spelled at random."""
        writer = Writer(random)
        words = ["sequence", *_by(writer, self.by)]
        if self.maxspan is not None:
            words += ["with", "maxspan", "=", writer.span(self.maxspan)]
        for stage in self.stages:
            words += _stage(writer, stage)
        if self.until:
            words += ["until", *_stage(writer, self.until)]
        return writer.joined([*words, *_pipe(random)])


@dataclass(frozen=True)
class Happening:
    """A record of a stream; ``time`` in nanoseconds after its start."""

    name: str
    time: int
    tiebreaker: int | None
    record: Record


def tokens(writer: Writer, query: EventQuery) -> list[str]:
    """The words of an event query."""
    return [writer.category(query.category), "where", *writer.expression(query.condition)]


def random_event_query(random: Random, conditions: Conditions) -> EventQuery:
    """A query for single events."""
    category = random.choice((None, None, None, *CATEGORIES))
    depth = random.choice((0, 1, 2, 2, 3))
    return EventQuery(category, conditions.condition(depth))


def random_sequence(random: Random, conditions: Conditions) -> SequenceQuery:
    """A sequence of two to four stages, repeated, missing and ending ones among them."""
    maxspan = random.choice((None, None, 1, 3, 5, 8, 8, 10, 60))
    shared = random.choice(((), (), (Key("host.id"),), (Key("host.id", optional=True),)))
    own = random.choice((0, 0, 0, 0, 1, 1, 2))

    def stage(*, runs: int = 1, missing: bool = False) -> Stage:
        names = random.sample(KEYS[1:], own)
        by = tuple(Key(name, random.random() < 0.3) for name in names)
        return Stage(_stage_query(random, conditions), by, runs, missing)

    def runs() -> int:
        return random.choice((1, 1, 1, 1, 1, 1, 2, 3))

    stages = [stage(runs=runs()) for _ in range(random.choice((1, 1, 1, 2, 2, 3)))] + [stage()]
    if maxspan is not None and random.random() < 0.3:
        stages.insert(random.randint(0, len(stages)), stage(runs=runs(), missing=True))
    until = stage() if random.random() < 0.2 else None
    return SequenceQuery(tuple(stages), shared, maxspan, until)


def random_stream(random: Random, world: World, size: int) -> list[Happening]:
    """Records in disorder, some of them at the same time."""
    return [_happening(random, world, number) for number in range(size)]


def _happening(random: Random, world: World, number: int) -> Happening:
    name, time = f"e{number}", random.randint(0, 24) * SECOND // 2
    tiebreaker = random.choice((None, None, 1, 2))
    given = {name: random.choice(KEY_VALUES) for name in KEYS if random.random() < 0.9}
    if tiebreaker is not None:
        given["event.sequence"] = tiebreaker
    given["event.category"] = random.choice((*CATEGORIES, ["file", "network"]))
    record = random_record(
        random, world, {"@timestamp": iso_8601(START + time), "event.id": name, **given}
    )
    return Happening(name, time, tiebreaker, record)


def _stage_query(random: Random, conditions: Conditions) -> EventQuery:
    """A condition that holds often, for a sequence needs several."""
    category = random.choice((None, None, *CATEGORIES))
    if random.random() < 0.35:
        return EventQuery(category, Constant(True))
    condition = conditions.condition(random.choice((0, 0, 1)))
    return EventQuery(None, condition if random.random() < 0.6 else Not(condition))


def _stage(writer: Writer, stage: Stage) -> list[str]:
    runs = ["with", "runs", "=", str(stage.runs)] if stage.runs > 1 else []
    opening = "![" if stage.missing else "["
    return [opening, *tokens(writer, stage.query), "]", *_by(writer, stage.by), *runs]


def _by(writer: Writer, keys: Sequence[Key]) -> list[str]:
    names = [writer.field(Field(key.field, key.optional)) for key in keys]
    return ["by", " , ".join(names)] if names else []


def _pipe(random: Random) -> list[str]:
    return ["|", random.choice(("head", "tail")), "5"] if random.random() < 0.05 else []


@dataclass(frozen=True)
class Trial:
    """A stream, and queries that are run on it together."""

    stream: tuple[Happening, ...]
    queries: tuple[EventQuery | SequenceQuery, ...]
    texts: tuple[str, ...]


def random_trial(random: Random, *, most_queries: int = 8, most_events: int = 14) -> Trial:
    """A stream and up to so many queries of both kinds."""
    world = World.random(random)
    stream = random_stream(random, world, random.randint(most_events // 2, most_events))
    queries = []
    for _ in range(random.randint(1, most_queries)):
        conditions = Conditions(random, world, random.choice(stream).record)
        queries.append(random.choice((random_event_query, random_sequence))(random, conditions))
    texts = tuple(query.text(random) for query in queries)
    return Trial(tuple(stream), tuple(queries), texts)
