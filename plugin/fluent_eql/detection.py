"""One rule against one event: which stages it satisfies, for which join keys, and the alert."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import groupby, islice, product
from typing import Any, NamedTuple

from fluent_eql.alert import Alert, summary
from fluent_eql.api import Metric, Sighting
from fluent_eql.event import Event
from fluent_eql.event_time import iso_8601, nanoseconds_of
from fluent_eql.fields import FieldValues, Projection
from fluent_eql.lang import Condition, EventQuery, JoinKey, SequenceQuery, Stage
from fluent_eql.lang.predicates import Predicate
from fluent_eql.match.guarded import Pattern
from fluent_eql.match.machine import Undecided
from fluent_eql.match.matcher import SequenceMatcher, StateLimits
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions
from fluent_eql.sources import SourceFields, SourceReader

EVENT_ID = "event.id"
HOST_ID = "host.id"
LEAST_TTL = 600 * 10**9
WARNING_INTERVAL = 60 * 10**9
MOST_JOIN_VALUES = 256
LONGEST_SPAN = 2**64 - 1
"""The largest integer of msgpack: 584 years in nanoseconds. A longer span is told as this one."""

JoinValues = tuple[Any, ...]
"""The values of an event's join keys, in the order of the keys; None where ``?key`` has none."""

Identity = tuple[tuple[Any, ...], int, Any]
"""An event's values of ``event.id``, its time in nanoseconds, its tiebreaker."""


class StagesOfKey(NamedTuple):
    """The stages that an event satisfies for one join key, the last stage first.

    ``key`` equals another only for equal values of the same type (true is not 1).
    """

    key: Hashable
    by: JoinValues
    stages: tuple[int, ...]


class Observer:
    """Reads of events what these conditions and join keys, and the settings, ask for."""

    def __init__(self, queries: Iterable[EventQuery | SequenceQuery], settings: EqlOptions) -> None:
        self._timestamp_fields = settings.timestamp_fields
        self._tiebreaker_field = settings.tiebreaker_field
        names = {EVENT_ID, *settings.timestamp_fields, settings.tiebreaker_field}
        for query in queries:
            names.update(name for condition in query.conditions for name in condition.fields)
            if isinstance(query, SequenceQuery):
                names.update(key.name for stage in query.all_stages for key in stage.by)
        mapping = settings.mapping
        reader = Projection(names) if mapping is None else SourceReader(mapping)
        self._read: Callable[[bytes], FieldValues] = reader.fields

    def observe(self, event: Event) -> Observation:
        """Raises ValueError where the event's record is not one msgpack map."""
        fields = self._read(event.raw)
        if isinstance(fields, SourceFields) and not fields[HOST_ID]:
            fields[HOST_ID] = (event.tag,)
        time, given = self._when(event, fields)
        tiebreaker = fields[self._tiebreaker_field]
        return Observation(
            fields, time, given, tiebreaker[0] if tiebreaker else None, fields[EVENT_ID]
        )

    def time_of(self, event: Event) -> int:
        """When an event happened. Raises ValueError as :meth:`observe` does."""
        return self._when(event, self._read(event.raw))[0]

    def _when(self, event: Event, fields: FieldValues) -> tuple[int, Any]:
        for name in self._timestamp_fields:
            for value in fields[name]:
                time = nanoseconds_of(value)
                if time is not None:
                    return time, value
        return event.time, None


class Observation(NamedTuple):
    """An event as rules see it.

    ``time`` in nanoseconds since the epoch, ``given`` is what it was read from, None where that
    is the entry; ``tiebreaker`` and ``event_id`` are values of the record.
    """

    fields: FieldValues
    time: int
    given: Any
    tiebreaker: Any
    event_id: tuple[Any, ...]

    @property
    def timestamp(self) -> str:
        """The time as the record has it, where that is text; else in ISO 8601."""
        return self.given if isinstance(self.given, str) else iso_8601(self.time)

    @property
    def identity(self) -> Identity | None:
        """The same for the same event sent twice; None for an event without an id."""
        return (self.event_id, self.time, self.tiebreaker) if self.event_id else None

    def summary(self, stage: int, condition: Condition) -> dict[str, Any]:
        """What an alert says of this event; see :func:`fluent_eql.alert.summary`."""
        tested = {name: self.fields[name] for name in condition.fields}
        return summary(stage, self.timestamp, self.event_id, tested)


class EventRule:
    """A rule of a single event."""

    def __init__(self, rule: Rule, query: EventQuery) -> None:
        self.rule = rule
        self._condition = query.condition

    def matches(self, seen: Observation) -> bool:
        """Whether the event satisfies the rule."""
        return self._condition.matches(seen.fields)

    def alert(self, seen: Observation, event: Event) -> Alert:
        """The alert for an event that does."""
        told = (seen.summary(0, self._condition),)
        return Alert(self.rule, None, None, told, sightings=(Sighting(seen.time, event),))


class SequenceRule:
    """A rule of several events, and what is remembered of those that came.

    ``number`` is its place among the rules, ``bit`` stands for it in sums of rules.
    """

    def __init__(self, number: int, rule: Rule, query: SequenceQuery, settings: EqlOptions) -> None:
        self.number = number
        self.bit = 1 << number
        self.rule = rule
        self.matched = 0
        self.filed = 0
        self.query = query
        missing = tuple(stage.missing for stage in query.stages)
        pattern = Pattern(missing, query.maxspan, query.until is not None)
        self._happening = [(number, query.stages[number]) for number in pattern.positive]
        self._numbers = frozenset(pattern.positive)
        self._all_happen = not any(missing) and query.until is None
        self.last_stage = pattern.positive[-1]
        self.ends_missing = pattern.ends_missing
        self._window = settings.reorder_window
        self._last_first = _last_first(query)
        limits = StateLimits(_ttl(query, settings), settings.max_entities, settings.max_pending)
        self.matcher = SequenceMatcher(pattern, limits)

    def stages_of(self, seen: Observation) -> list[StagesOfKey]:
        """The stages that the event satisfies, for each combination of its join values.

        The number after the last stage's is that of the event that ends the sequence.
        """
        found: dict[Hashable, StagesOfKey] = {}
        for numbers, condition, by in self._last_first:
            if condition(seen.fields):
                for values in join_values(seen.fields, by):
                    key = typed_key(values)
                    known = found.get(key)
                    if known is None:
                        found[key] = StagesOfKey(key, values, numbers)
                    elif numbers[0] not in known.stages:
                        found[key] = StagesOfKey(key, values, known.stages + numbers)
        return list(found.values())

    def kept(self, event: Event, found: StagesOfKey) -> Event:
        """What is kept of an event; one that can stand in no alert is kept without its record."""
        if self._all_happen or not self._numbers.isdisjoint(found.stages):
            return event
        return Event(event.tag, event.time, b"")

    def waits_unread(self, ttl: int) -> bool:
        """Whether its events may wait with those of others that are remembered for ``ttl``."""
        keys = [key for stage in self.query.stages for key in stage.by]
        is_plain = self._all_happen and keys and not any(key.optional for key in keys)
        return bool(is_plain) and self.matcher.ttl == ttl

    @property
    def has_two_events(self) -> bool:
        """Whether it is one event that has to follow another, and nothing else counts."""
        return self._all_happen and len(self.query.stages) == 2

    @property
    def completing(self) -> Stage:
        """The last stage that has to happen."""
        return self.query.stages[self.last_stage]

    @property
    def waits_in_place(self) -> bool:
        """Whether the last record is held until time has decided on what must be missing.

        That is where maxspan is not longer than the reorder window; such a record is held for up
        to three times the window. Others leave, and their alerts are late.
        """
        maxspan = self.query.maxspan or 0
        return self.ends_missing and (self._window is None or maxspan <= self._window)

    def due(self, undecided: Undecided) -> int:
        """When time has decided on a sequence, on the clock of arrivals.

        All events up to its deadline, inclusive, have come then, if each arrives as fast after it
        happened as the slowest of the sequence, or up to the reorder window later. Without a
        window it is the event time, on no clock.
        """
        deadline = undecided.deadline
        if self._window is None:
            return deadline
        arrivals = [match.arrived - match.order[0] for match in undecided.sequence]
        return max(arrivals) + deadline + 1 + self._window

    def alert(
        self,
        by: JoinValues,
        events: Sequence[Observation],
        sources: Sequence[Event],
        *,
        late: bool,
    ) -> Alert:
        """The alert for a sequence.

        ``events`` has one for each stage that is not missing, ``sources`` what they were seen in.
        """
        names = [key.name for key in self._happening[0][1].by]
        span = min(events[-1].time - events[0].time, LONGEST_SPAN)
        told = tuple(
            seen.summary(number, stage.condition)
            for seen, (number, stage) in zip(events, self._happening, strict=True)
        )
        sightings = tuple(map(Sighting, [seen.time for seen in events], sources))
        return Alert(self.rule, dict(zip(names, by, strict=True)), span, told, late, sightings)

    def metrics(self) -> Iterator[Metric]:
        """What the rule has seen, and the size of its state."""
        yield Metric(
            "fluent_eql_stage_matches_total",
            "Events that were found to satisfy a stage of a sequence",
            "counter",
            self.matched,
            self.rule.labels,
        )
        yield Metric(
            "fluent_eql_events_filed_total",
            "Events kept untested until one comes that could complete their sequence",
            "counter",
            self.filed,
            self.rule.labels,
        )
        yield Metric(
            "fluent_eql_entities",
            "Join keys that a sequence rule remembers",
            "gauge",
            self.matcher.entities,
            self.rule.labels,
        )
        yield Metric(
            "fluent_eql_entities_evicted_total",
            "Join keys forgotten before their time, for want of room",
            "counter",
            self.matcher.evicted,
            self.rule.labels,
        )


class EvictionWarnings:
    """Says that rules forget join keys for want of room, at most once a minute for each rule."""

    def __init__(self) -> None:
        self._told: dict[SequenceRule, int] = {}
        self._silent_until: dict[SequenceRule, int] = {}

    def due(self, rules: Iterable[SequenceRule], now: int) -> Iterator[str]:
        """The warnings to give now."""
        for sequence in rules:
            fresh = sequence.matcher.evicted - self._told.get(sequence, 0)
            if fresh and now >= self._silent_until.get(sequence, 0):
                self._told[sequence] = sequence.matcher.evicted
                self._silent_until[sequence] = now + WARNING_INTERVAL
                yield (
                    f"{sequence.rule.name}: {fresh} join keys forgotten before their time; "
                    "alerts may be missed: raise state.max_entities or lower state.ttl"
                )


def typed_key(by: JoinValues) -> Hashable:
    """A join key that equals another only for equal values of the same type."""
    for value in by:
        if value.__class__ is not str:
            return tuple((isinstance(value, bool), value) for value in by)
    return by


def untyped(key: Hashable) -> JoinValues:
    """The values that a join key was made of, see :func:`typed_key`."""
    assert isinstance(key, tuple)
    return tuple(part[1] if isinstance(part, tuple) else part for part in key)


def _last_first(
    query: SequenceQuery,
) -> list[tuple[tuple[int, ...], Predicate, tuple[JoinKey, ...]]]:
    """The numbers that a condition and join keys stand for, all of them the last first."""
    stages = query.all_stages
    numbers = range(len(stages) - 1, -1, -1)
    runs = groupby(numbers, key=lambda number: id(stages[number]))
    repeated = [tuple(run) for _, run in runs]
    return [(run, stages[run[0]].condition.matches, stages[run[0]].by) for run in repeated]


def least_ttl(settings: EqlOptions) -> int:
    """For how long events are remembered at least, in nanoseconds."""
    return settings.state_ttl or LEAST_TTL


def _ttl(query: SequenceQuery, settings: EqlOptions) -> int:
    """For how long events are remembered; what time has to decide, at least until then."""
    maxspan = query.maxspan or 0
    ttl = settings.state_ttl or max(LEAST_TTL, 2 * maxspan)
    if query.stages[-1].missing:
        return max(ttl, maxspan + 3 * (settings.reorder_window or 0))
    return ttl


def join_values(fields: FieldValues, keys: Sequence[JoinKey]) -> Sequence[JoinValues]:
    """The combinations of the keys' values; mostly there is one."""
    columns = [fields[key.name] or ((None,) if key.optional else ()) for key in keys]
    for column in columns:
        if len(column) != 1:
            return list(islice(product(*columns), MOST_JOIN_VALUES))
    return (tuple([column[0] for column in columns]),)
