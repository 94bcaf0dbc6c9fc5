"""Events that can only follow others, kept unread for all rules until one has begun a sequence.

Of many rules most let a sequence end with something common, such as any connection of the process
that did something rare before. Next to none of those common events will ever matter. One that comes
when nothing has begun for its join key waits here: what it follows may come late. It is read when
that comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice

import msgspec

from fluent_eql.api import Metric
from fluent_eql.event import Event
from fluent_eql.held import Held
from fluent_eql.match.ageing import AgeingCache

NO_EVENT = Event("", 0, b"")
"""In the place of one that is not kept any more."""


class Follower(msgspec.Struct, eq=False, gc=False):
    """An event that may follow in ``rules`` and complete those in ``completes``, sums of bits.

    ``arrival`` is its number among all that came, ``taken`` the rules that have read it. ``held``
    is None where it completes none.
    """

    event: Event
    arrived: int
    arrival: int
    rules: int
    completes: int
    held: Held | None
    taken: int = 0


class Following:
    """The followers of one join key, and the rules that have ``begun`` for it, as a sum of bits.

    Those in ``caught_up`` have since been given what came before; others may have begun before
    this was made. There is ``room`` for so many followers until some are let go.
    """

    __slots__ = ("begun", "caught_up", "followers", "renewed", "room")

    def __init__(self, renewed: int, room: int) -> None:
        self.begun = 0
        self.caught_up = 0
        self.followers: list[Follower] = []
        self.renewed = renewed
        self.room = room

    def forget(self) -> None:
        """Nothing else knows of it."""

    def waiting_for(self, bit: int, arrived_from: int) -> list[Follower]:
        """The followers that a rule has not read, of those that came at that time or later."""
        return [
            one
            for one in self.followers
            if one.rules & ~one.taken & bit and one.arrived >= arrived_from
        ]


class Followers:
    """The followers of all join keys.

    A key is forgotten ``ttl`` after its last event, and past ``max_entities`` the one whose last
    event is the oldest; ``begun_for`` then tells what has begun for a key. Of a key the latest
    ``max_pending`` are kept, of all keys the latest ``max_entities``, and those that came no more
    than ``window`` ago, for which held ones wait; with None all, until the end.
    """

    def __init__(
        self,
        max_entities: int,
        max_pending: int,
        ttl: int,
        window: int | None,
        begun_for: Callable[[Hashable], int],
    ) -> None:
        self._keys: AgeingCache[Hashable, Following] = AgeingCache(max_entities, ttl)
        self._most = max_entities
        self._max_pending = max_pending
        self._window = window
        self._begun_for = begun_for
        self._ttl = ttl
        self._unsure_until = -1
        self._kept: deque[Follower] = deque()
        self._held: deque[tuple[int, Held]] = deque()
        self.filed = 0

    def of(self, key: Hashable, now: int) -> Following:
        """What follows for a key that has an event now. The calls come in that order."""
        following = self._keys.renew(key, now)
        if following is None:
            evicted = self._keys.evicted
            made = Following(now, 2 * self._max_pending)
            following = self._keys[key] = made
            if self._keys.evicted > evicted:
                self._unsure_until = now + self._ttl
            if now <= self._unsure_until:
                following.begun = self._begun_for(key)
        return following

    def find(self, key: Hashable, now: int) -> Following | None:
        """What follows for a key that has an event now, where something may have begun for it."""
        if now <= self._unsure_until:
            return self.of(key, now)
        following = self._keys.by_age.get(key)
        if following is None or not following.begun:
            return None
        return self._keys.renew(key, now)

    def add(self, follower: Follower, followed: list[Following]) -> None:
        """Keep an event that has come just now for these keys."""
        self.filed += 1
        for following in followed:
            following.followers.append(follower)
            if len(following.followers) > following.room and self._window is not None:
                self._shorten(following, follower.arrived - self._window)
        if follower.held is not None:
            self._held.append((follower.arrived, follower.held))
        if self._window is not None:
            self._kept.append(follower)
            if len(self._kept) > self._most:
                self._drop_oldest(follower.arrived - self._window)

    def go_on_for(self, rules: int, now: int) -> None:
        """Other rules run than before, and only these have stayed, as a sum of bits.

        The others begin anew, with bits that were those of rules that are gone. For a key that
        nothing is known of here, rules may have begun before: it is asked which.
        """
        for following in self._keys.by_age.values():
            following.begun &= rules
            following.caught_up &= rules
            for one in following.followers:
                one.rules &= rules
        self._unsure_until = now + self._ttl

    def next_deadline(self) -> int | None:
        """When the next one has waited for long enough; None if none waits, or all for the end."""
        if self._window is None or not self._held:
            return None
        return self._held[0][0] + self._window

    def due(self, now: int) -> Iterator[Held]:
        """Take out those held ones that have waited for long enough."""
        if self._window is None:
            return
        waiting, latest = self._held, now - self._window
        while waiting and waiting[0][0] <= latest:
            yield waiting.popleft()[1]

    def all(self) -> Iterator[Held]:
        """Take out all held ones."""
        while self._held:
            yield self._held.popleft()[1]

    def expire(self, now: int) -> None:
        """Forget the keys whose time is over; costs what expires."""
        self._keys.expire(now)

    @property
    def entities(self) -> int:
        """How many keys are remembered."""
        return len(self._keys)

    @property
    def evicted(self) -> int:
        """How many keys were forgotten before their time, for want of room."""
        return self._keys.evicted

    def metrics(self) -> Iterator[Metric]:
        """What is kept for all rules together."""
        yield Metric(
            "fluent_eql_followers_filed_total",
            "Events kept unread for all rules, as they can only follow others",
            "counter",
            self.filed,
        )
        yield Metric(
            "fluent_eql_follower_entities", "Join keys of such events", "gauge", self.entities
        )
        yield Metric(
            "fluent_eql_follower_entities_evicted_total",
            "Join keys of such events forgotten before their time, for want of room",
            "counter",
            self.evicted,
        )

    def _drop_oldest(self, arrived_before: int) -> None:
        kept = self._kept
        while len(kept) > self._most and kept[0].arrived < arrived_before:
            dropped = kept.popleft()
            dropped.rules, dropped.event, dropped.held = 0, NO_EVENT, None

    def _shorten(self, following: Following, arrived_before: int) -> None:
        older = islice(following.followers, len(following.followers) - self._max_pending)
        kept = [one for one in older if one.rules and one.arrived >= arrived_before]
        following.followers = kept + following.followers[-self._max_pending :]
        following.room = 2 * max(len(following.followers), self._max_pending)
