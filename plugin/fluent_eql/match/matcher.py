"""One rule's join keys, in a bounded cache that forgets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from cachetools import TTLCache

from fluent_eql.match.entity import Entity
from fluent_eql.match.guarded import Pattern, machine_of
from fluent_eql.match.machine import StageMatch, Undecided
from fluent_eql.match.timeline import Timeline

RENEWED_WITHIN = 16
"""The part of the time to live in which a key is renewed once, however many events it has."""


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

    A key is forgotten once its last event has been there for the time to live, at most a sixteenth
    of that later. Past ``max_entities`` the least recent goes, by the same measure.
    """

    def __init__(self, pattern: Pattern, limits: StateLimits) -> None:
        self._empty = machine_of(pattern, limits.max_pending)
        self._limits = limits
        self._now = 0
        self._step = limits.ttl // RENEWED_WITHIN
        self._entities = _Entities(limits.max_entities, limits.ttl + self._step, self._clock)

    def add(self, key: Hashable, match: StageMatch) -> Entity:
        """Let an event wait among those of its key. The calls come in the order of arrival."""
        entity = self.entity(key, match.arrived)
        entity.add(match)
        return entity

    def entity(self, key: Hashable, now: int) -> Entity:
        """What is remembered of a key that has an event now. The calls come in that order."""
        self._now = now
        entities = self._entities
        entity = entities.known.get(key)
        if entity is None:
            entity = entities[key] = Entity(now)
        elif now - entity.renewed > self._step or 2 * len(entities.known) >= entities.maxsize:
            entities[key] = entity
            entity.renewed = now
        return entity

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
        self._now = now
        self._entities.expire(now)

    def look(self) -> Iterator[tuple[Hashable, Entity]]:
        """What is remembered of each key, the newest key first; looking changes nothing."""
        return iter(reversed(self._entities.known.items()))

    @property
    def entities(self) -> int:
        """How many keys are remembered."""
        return len(self._entities.known)

    @property
    def evicted(self) -> int:
        """How many keys were forgotten before their time, for want of room."""
        return self._entities.evicted

    def _clock(self) -> int:
        return self._now


class _Entities(TTLCache[Hashable, Entity]):
    """``known`` has the same keys; looking one up there does not move it in the cache."""

    def __init__(self, maxsize: int, ttl: int, timer: Callable[[], int]) -> None:
        super().__init__(maxsize, ttl, timer)
        self.known: dict[Hashable, Entity] = {}
        self.evicted = 0

    def __setitem__(self, key: Hashable, entity: Entity) -> None:
        super().__setitem__(key, entity)
        self.known[key] = entity

    def popitem(self) -> tuple[Hashable, Entity]:
        key, entity = super().popitem()
        self.evicted += 1
        self._forget(key, entity)
        return key, entity

    def expire(self, time: float | None = None) -> list[tuple[Hashable, Entity]]:
        """Forget what is too old, and say what that was."""
        expired = super().expire(time)
        for key, entity in expired:
            self._forget(key, entity)
        return expired

    def _forget(self, key: Hashable, entity: Entity) -> None:
        self.known.pop(key, None)
        entity.forget()
