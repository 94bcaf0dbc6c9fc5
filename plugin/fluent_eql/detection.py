"""One rule against one event: which stages it satisfies, for which join keys, and the alert."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from fluent_eql.alert import Alert, summary
from fluent_eql.api import Metric
from fluent_eql.event import Event
from fluent_eql.event_time import iso_8601, nanoseconds_of
from fluent_eql.fields import Fields
from fluent_eql.lang import Condition, EventQuery, JoinKey, SequenceQuery
from fluent_eql.match.matcher import SequenceMatcher, StateLimits
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions

LEAST_TTL = 600 * 10**9
WARNING_INTERVAL = 60 * 10**9
MOST_JOIN_VALUES = 256
LONGEST_SPAN = 2**64 - 1
"""The largest integer of msgpack: 584 years in nanoseconds. A longer span is told as this one."""

JoinValues = tuple[Any, ...]
"""The values of an event's join keys, in the order of the keys; None where ``?key`` has none."""

Identity = tuple[tuple[Any, ...], int, Any]
"""An event's values of ``event.id``, its time in nanoseconds, its tiebreaker."""


@dataclass(frozen=True, slots=True)
class StagesOfKey:
    """The stages that an event satisfies for one join key, the last stage first.

    ``key`` equals another only for equal values of the same type (true is not 1).
    """

    key: Hashable
    by: JoinValues
    stages: tuple[int, ...]


class Observation:
    """An event as rules see it: its fields, time, tiebreaker and identity.

    Raises ValueError where the event's record is not one msgpack map.
    """

    __slots__ = ("fields", "time", "timestamp", "tiebreaker", "event_id")

    def __init__(self, event: Event, settings: EqlOptions) -> None:
        self.fields = Fields(event.record)
        self.time, self.timestamp = self._when(event, settings.timestamp_fields)
        self.tiebreaker = next(iter(self.fields.values(settings.tiebreaker_field)), None)
        self.event_id = self.fields.values("event.id")

    @property
    def identity(self) -> Identity | None:
        """The same for the same event sent twice; None for an event without an id."""
        return (self.event_id, self.time, self.tiebreaker) if self.event_id else None

    def summary(self, stage: int, condition: Condition) -> dict[str, Any]:
        """What an alert says of this event; see :func:`fluent_eql.alert.summary`."""
        tested = {name: self.fields.values(name) for name in condition.fields}
        return summary(stage, self.timestamp, self.event_id, tested)

    def _when(self, event: Event, names: Sequence[str]) -> tuple[int, str]:
        for name in names:
            for value in self.fields.values(name):
                time = nanoseconds_of(value)
                if time is not None:
                    return time, value if isinstance(value, str) else iso_8601(time)
        return event.time, iso_8601(event.time)


class EventRule:
    """A rule of a single event."""

    def __init__(self, rule: Rule, query: EventQuery) -> None:
        self.rule = rule
        self._condition = query.condition

    def matches(self, seen: Observation) -> bool:
        """Whether the event satisfies the rule."""
        return self._condition.matches(seen.fields)

    def alert(self, seen: Observation) -> Alert:
        """The alert for an event that does."""
        return Alert(self.rule, None, None, (seen.summary(0, self._condition),))


class SequenceRule:
    """A rule of several events, and what is remembered of those that came."""

    def __init__(self, rule: Rule, query: SequenceQuery, settings: EqlOptions) -> None:
        self.rule = rule
        self.last_stage = len(query.stages) - 1
        self._stages = query.stages
        ttl = settings.state_ttl or max(LEAST_TTL, 2 * (query.maxspan or 0))
        limits = StateLimits(ttl, settings.max_entities, settings.max_pending)
        self.matcher = SequenceMatcher(len(query.stages), query.maxspan, limits)

    def stages_of(self, seen: Observation) -> list[StagesOfKey]:
        """The stages that the event satisfies, for each combination of its join values."""
        found: dict[Hashable, StagesOfKey] = {}
        for stage in range(self.last_stage, -1, -1):
            if self._stages[stage].condition.matches(seen.fields):
                for by in _join_values(seen.fields, self._stages[stage].by):
                    key = typed_key(by)
                    known = found.get(key, StagesOfKey(key, by, ()))
                    if stage not in known.stages:
                        found[key] = StagesOfKey(key, by, (*known.stages, stage))
        return list(found.values())

    def summaries(self, seen: Observation, stages: Sequence[int]) -> dict[int, dict[str, Any]]:
        """What an alert would say of the event, by stage."""
        return {stage: seen.summary(stage, self._stages[stage].condition) for stage in stages}

    def alert(
        self, by: JoinValues, events: Sequence[tuple[int, dict[int, dict[str, Any]]]], *, late: bool
    ) -> Alert:
        """The alert for a sequence; ``events`` has each one's time and summaries, by stage."""
        names = [key.name for key in self._stages[0].by]
        span = min(events[-1][0] - events[0][0], LONGEST_SPAN)
        told = tuple(summaries[stage] for stage, (_, summaries) in enumerate(events))
        return Alert(self.rule, dict(zip(names, by, strict=True)), span, told, late)

    def metrics(self) -> Iterator[Metric]:
        """The size of the rule's state."""
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

    def __init__(self, rules: Sequence[SequenceRule]) -> None:
        self._rules = rules
        self._told = [0] * len(rules)
        self._silent_until = [0] * len(rules)

    def due(self, now: int) -> Iterator[str]:
        """The warnings to give now."""
        for number, sequence in enumerate(self._rules):
            evicted = sequence.matcher.evicted
            if evicted > self._told[number] and now >= self._silent_until[number]:
                fresh = evicted - self._told[number]
                self._told[number] = evicted
                self._silent_until[number] = now + WARNING_INTERVAL
                yield (
                    f"{sequence.rule.name}: {fresh} join keys forgotten before their time; "
                    "alerts may be missed: raise state.max_entities or lower state.ttl"
                )


def typed_key(by: JoinValues) -> Hashable:
    """A join key that equals another only for equal values of the same type."""
    return tuple((isinstance(value, bool), value) for value in by)


def _join_values(fields: Fields, keys: Sequence[JoinKey]) -> Iterator[JoinValues]:
    columns = [fields.values(key.name) or ((None,) if key.optional else ()) for key in keys]
    return islice(product(*columns), MOST_JOIN_VALUES)
