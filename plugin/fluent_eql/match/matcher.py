"""One rule's timelines, in a bounded cache that forgets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from cachetools import TTLCache

from fluent_eql.match.guarded import Pattern, machine_of
from fluent_eql.match.machine import StageMatch, Undecided
from fluent_eql.match.timeline import Timeline


@dataclass(frozen=True, slots=True)
class StateLimits:
    """How much is remembered.

    ``ttl`` in nanoseconds since a key's last event, ``max_entities`` keys a rule,
    ``max_pending`` events a key and stage.
    """

    ttl: int
    max_entities: int
    max_pending: int


class SequenceMatcher:
    """The state of one sequence rule: a timeline for each join key."""

    def __init__(self, pattern: Pattern, limits: StateLimits) -> None:
        self._empty = machine_of(pattern, limits.max_pending)
        self._limits = limits
        self._now = 0
        self._timelines = _Timelines(limits.max_entities, limits.ttl, self._clock)

    def run(self, key: Hashable, batch: list[StageMatch], now: int) -> list[StageMatch]:
        """Take one key's events in their order; see :meth:`Timeline.run`."""
        self._now = now
        timeline = self._timelines.get(key)
        if timeline is None:
            timeline = Timeline(self._empty, self._limits.max_pending)
        else:
            timeline.forget(now - self._limits.ttl)
        completed = timeline.run(batch)
        self._timelines[key] = timeline
        return completed

    def undecided(self, key: Hashable) -> Iterable[Undecided]:
        """The sequences of a key that time has to decide."""
        timeline = self._timelines.get(key)
        return () if timeline is None else timeline.undecided()

    def decide(self, key: Hashable, match: StageMatch, deadline: int) -> bool:
        """Whether ``match`` completes a sequence now; see :meth:`Timeline.decide`."""
        timeline = self._timelines.get(key)
        return timeline is not None and timeline.decide(match, deadline)

    @property
    def ttl(self) -> int:
        """For how long an event is remembered, in nanoseconds."""
        return self._limits.ttl

    def expire(self, now: int) -> None:
        """Forget the keys whose time is over; costs what expires."""
        self._now = now
        self._timelines.expire(now)

    @property
    def entities(self) -> int:
        """How many keys are remembered."""
        return len(self._timelines)

    @property
    def evicted(self) -> int:
        """How many keys were forgotten before their time, for want of room."""
        return self._timelines.evicted

    def _clock(self) -> int:
        return self._now


class _Timelines(TTLCache[Hashable, Timeline]):
    evicted = 0

    def popitem(self) -> tuple[Hashable, Timeline]:
        self.evicted += 1
        key, timeline = super().popitem()
        timeline.let_go()
        return key, timeline

    def expire(self, time: float | None = None) -> list[tuple[Hashable, Timeline]]:
        """Forget what is too old, and say what that was."""
        expired = super().expire(time)
        for _, timeline in expired:
            timeline.let_go()
        return expired
