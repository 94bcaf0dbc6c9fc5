"""One rule's join keys, in a bounded cache that forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from cachetools import Cache

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
        self._entities = _Entities(limits.max_entities, limits.ttl)

    def add(self, key: Hashable, match: StageMatch) -> Entity:
        """Let an event wait among those of its key. The calls come in the order of arrival."""
        entity = self.entity(key, match.arrived)
        entity.add(match)
        return entity

    def entity(self, key: Hashable, now: int) -> Entity:
        """What is remembered of a key that has an event now. The calls come in that order."""
        entities = self._entities
        entity = entities.by_age.get(key)
        if entity is None:
            entities.expire(now)
            entity = entities[key] = Entity(now)
        else:
            entity.renewed = now
            entities.by_age.move_to_end(key)
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


class _Entities(Cache[Hashable, Entity]):
    """A bounded cache that forgets by age. ``by_age`` has the same keys, the oldest first.

    TTLCache, whose list has Python objects for links, takes two and a half times as long.
    """

    def __init__(self, maxsize: int, ttl: int) -> None:
        super().__init__(maxsize)
        self.by_age: OrderedDict[Hashable, Entity] = OrderedDict()
        self.evicted = 0
        self._ttl = ttl
        self._nothing_before = 0

    def __setitem__(self, key: Hashable, entity: Entity) -> None:
        super().__setitem__(key, entity)
        self.by_age[key] = entity

    def popitem(self) -> tuple[Hashable, Entity]:
        """Forget the oldest, for want of room."""
        self.evicted += 1
        return self._forget_oldest()

    def expire(self, now: int) -> None:
        """Forget what is too old."""
        if now <= self._nothing_before:
            return
        by_age, oldest = self.by_age, now - self._ttl
        while by_age and next(iter(by_age.values())).renewed < oldest:
            self._forget_oldest()
        if by_age:
            self._nothing_before = next(iter(by_age.values())).renewed + self._ttl

    def _forget_oldest(self) -> tuple[Hashable, Entity]:
        key, entity = self.by_age.popitem(last=False)
        del self[key]
        entity.forget()
        return key, entity
