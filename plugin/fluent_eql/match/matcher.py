"""One rule's join keys, in a bounded cache that forgets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from fluent_eql.match.ageing import AgeingCache
from fluent_eql.match.entity import Entity
from fluent_eql.match.guarded import Pattern, machine_of
from fluent_eql.match.machine import StageMatch, Undecided
from fluent_eql.match.timeline import Timeline


@dataclass(frozen=True, slots=True)
class StateLimits:
    """How much is remembered.

    ``ttl`` in nanoseconds since an event's arrival, ``max_entities`` keys a rule,
    ``max_pending`` events a key and stage.
    """

    ttl: int
    max_entities: int
    max_pending: int


class SequenceMatcher:
    """The state of one sequence rule: an :class:`Entity` for each join key.

    A key is forgotten when its last event is older than the time to live, and past
    ``max_entities`` the one whose last event is the oldest.
    """

    def __init__(self, pattern: Pattern, limits: StateLimits) -> None:
        self._empty = machine_of(pattern, limits.max_pending)
        self._limits = limits
        self._entities: AgeingCache[Hashable, Entity] = AgeingCache(limits.max_entities, limits.ttl)

    def add(self, key: Hashable, match: StageMatch) -> Entity:
        """Let an event wait among those of its key. The calls come in the order of arrival."""
        entity = self.entity(key, match.arrived)
        entity.add(match)
        return entity

    def entity(self, key: Hashable, now: int) -> Entity:
        """What is remembered of a key that has an event now. The calls come in that order."""
        entity = self._entities.renew(key, now)
        if entity is None:
            entity = self._entities[key] = Entity(now)
        return entity

    def find(self, key: Hashable) -> Entity | None:
        """What is remembered of a key; None where nothing is. It gets no newer."""
        return self._entities.by_age.get(key)

    def run(self, entity: Entity, batch: list[StageMatch]) -> list[StageMatch]:
        """Take one key's next events in their order; see :meth:`Timeline.run`."""
        if entity.timeline is None:
            entity.timeline = Timeline(self._empty, self._limits.max_pending, self._limits.ttl)
        return entity.timeline.run(batch)

    def undecided(self, entity: Entity) -> Iterable[Undecided]:
        """The sequences of a key that time has to decide."""
        return () if entity.timeline is None else entity.timeline.undecided()

    def decide(self, entity: Entity, match: StageMatch, deadline: int) -> bool:
        """Whether ``match`` completes a sequence now; see :meth:`Timeline.decide`."""
        if entity.timeline is None or entity.is_forgotten:
            return False
        return entity.timeline.decide(match, deadline)

    @property
    def ttl(self) -> int:
        """For how long an event is remembered, in nanoseconds."""
        return self._limits.ttl

    @property
    def max_pending(self) -> int:
        """How many events are remembered for each key and stage."""
        return self._limits.max_pending

    def expire(self, now: int) -> None:
        """Forget the keys whose time is over; costs what expires."""
        self._entities.expire(now)

    def look(self) -> Iterator[tuple[Hashable, Entity]]:
        """What is remembered of each key, the newest key first; looking changes nothing."""
        return iter(reversed(self._entities.by_age.items()))

    @property
    def entities(self) -> int:
        """How many keys are remembered."""
        return len(self._entities)

    @property
    def evicted(self) -> int:
        """How many keys were forgotten before their time, for want of room."""
        return self._entities.evicted
