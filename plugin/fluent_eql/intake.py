"""Events as they come: which are read at once, which wait unread, and which are held."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from heapq import nlargest
from typing import NamedTuple

from fluent_eql.detection import Observation, SequenceRule, StagesOfKey, least_ttl
from fluent_eql.event import Event
from fluent_eql.followers import Follower, Followers, Following
from fluent_eql.held import Held, Subject, Unread
from fluent_eql.keys import NO_KEY
from fluent_eql.match.entity import Entity
from fluent_eql.match.machine import StageMatch, order_of
from fluent_eql.match.window import ReorderWindow
from fluent_eql.running import RunningRules
from fluent_eql.settings import EqlOptions
from fluent_eql.splice import is_map
from fluent_eql.suspicion import OfKey, Suspicion

WORTH_DEFERRING = 2
"""The number of rules up to which it costs less to file an event for each than to read it."""


class Coming(NamedTuple):
    """An event that comes ``now``, and its number among all that came."""

    event: Event
    now: int
    number: int


class Intake:
    """Takes events in, and lets those that satisfy a stage wait in ``window``.

    ``running`` are the rules that run. With ``is_noting`` every event is read when it comes.
    """

    def __init__(self, running: RunningRules, settings: EqlOptions) -> None:
        self.running = running
        self.window: ReorderWindow[SequenceRule] = ReorderWindow(settings.reorder_window)
        self.followers = Followers(
            settings.max_entities,
            settings.max_pending,
            least_ttl(settings),
            settings.reorder_window,
            self._begun_for,
        )
        self.is_noting = False
        self.decoded = 0
        self._next_number = 0

    def take(self, event: Event, now: int) -> Held | None:
        """Look at one event; what holds it, if something does.

        That may be no more than its alerts, or its notes. Raises ValueError where it has to be
        read and its record is not one msgpack map.
        """
        return self._take(Coming(event, now, self._number(1)))

    def _take(self, coming: Coming) -> Held | None:
        self.decoded += 1
        event = coming.event
        suspicions = self.running.suspicions
        if suspicions is None:
            return self._read(coming, self._not_deferred(coming), None)
        suspicion = suspicions.of(event.raw)
        if not suspicion.rules:
            return None
        if self.is_noting:
            return self._read(coming, suspicion.rules, None)
        if not suspicion.of_keys:
            return self._read(coming, suspicion.reads, None)
        numbers, held = self._file(suspicion, coming)
        try:
            return self._read(coming, numbers, held)
        except ValueError:
            if held is None:
                raise
            return held

    def read(self, sequence: SequenceRule, entity: Entity) -> None:
        """Read a key's unread events, and let those that satisfy a stage wait with the others."""
        unread, entity.unread = entity.unread, []
        for event, arrived, arrival, _ in unread:
            try:
                seen = self.running.observer_for([sequence.number]).observe(event)
            except ValueError:
                continue
            for found in sequence.stages_of(seen):
                subject = Subject(sequence.kept(event, found), found.by, None)
                entity.add(_match(seen, found, arrival, arrived, subject))
                sequence.matched += 1

    def remember(self, sequence: SequenceRule, key: Hashable, match: StageMatch) -> None:
        """Let a stage match wait among those of its key.

        It is run with the next one of the key that is due: that is one that could complete a
        sequence, comes late, or is one of many.
        """
        matcher = sequence.matcher
        entity = matcher.add(key, match)
        if (
            match.subject.held is not None
            or entity.is_late(match)
            or not len(entity.waiting) % matcher.max_pending
        ):
            self.window.add(sequence, entity, match, match.arrived)

    def go_on_with(self, running: RunningRules, now: int) -> int:
        """Let other rules run from now on; those that stay what they were, as a sum of bits.

        Only of those whose events may wait unread with those of others.
        """
        kept = set(self.running.of_bits(self.running.waiting))
        self.running = running
        bits = sum(one.bit for one in running.of_bits(running.waiting) if one in kept)
        self.followers.go_on_for(bits, now)
        return bits

    def number_from(self, least: int) -> None:
        """Give the events that come from now on greater numbers than those before had."""
        self._next_number = max(self._next_number, least)

    def expire(self, now: int) -> None:
        """Forget the join keys whose time is over."""
        self.followers.expire(now)

    def _number(self, events: int) -> int:
        """The number of the first of so many events that come now."""
        first = self._next_number
        self._next_number += events
        return first

    def _has_begun(self, sequence: SequenceRule) -> None:
        """A rule has an event that may be its first."""

    def _read(self, coming: Coming, numbers: Sequence[int], held: Held | None) -> Held | None:
        """Observe an event for those of these rules that a glance does not rule out."""
        if self.running.glances is not None and numbers:
            numbers = self.running.glances.satisfied(tuple(numbers), coming.event.raw)
        return self._observe(coming, numbers, held) if numbers else held

    def _observe(self, coming: Coming, numbers: Sequence[int], held: Held | None) -> Held | None:
        """Test these rules, by their numbers: single-event alerts, and stage matches that wait."""
        running, (event, now, arrival) = self.running, coming
        seen = running.observer_for(numbers).observe(event)
        matches: list[tuple[SequenceRule, StageMatch]] = []
        for number in numbers:
            sequence = running.sequences.get(number)
            if sequence is None:
                event_rule = running.events[number]
                if event_rule.matches(seen):
                    held = held or Held(event)
                    held.alerts.append((number, event_rule.alert(seen, event), True))
                continue
            for found in sequence.stages_of(seen):
                completes = sequence.last_stage in found.stages
                if completes:
                    held = held or Held(event)
                    held.waiting += 1
                kept = sequence.kept(event, found)
                subject = Subject(kept, found.by, held if completes else None)
                match = _match(seen, found, arrival, now, subject)
                self.remember(sequence, found.key, match)
                sequence.matched += 1
                if self.is_noting:
                    matches.append((sequence, match))
                elif sequence.bit & running.waiting:
                    self._has_come(sequence, found, now)
        if matches:
            held = held or Held(event)
            held.matches = matches
        return held

    def _not_deferred(self, coming: Coming) -> Sequence[int]:
        """The rules, by their numbers, for which an event has to be read now.

        For the others it is filed unread. Where notes are written, all events are read.
        """
        numbers, event = self.running.everyone, coming.event
        if self.is_noting or len(numbers) > WORTH_DEFERRING:
            return numbers
        if not event.raw or not is_map(event.raw):
            return numbers
        return [number for number in numbers if not self._defer(number, coming)]

    def _defer(self, number: int, coming: Coming) -> bool:
        """File an event unread, where it completes nothing; whether it need not be read now."""
        event, now, _ = coming
        deferral = self.running.deferrals.get(number)
        if deferral is None or deferral.may_complete(event.raw):
            return False
        if not deferral.may_stand(event.raw):
            return True
        key = deferral.key_of(event.raw)
        if key is None:
            return False
        if key == NO_KEY:
            return True
        sequence = self.running.sequences[number]
        return self._wait(sequence, sequence.matcher.entity(key, now), coming)

    def _wait(
        self, sequence: SequenceRule, entity: Entity, coming: Coming, *, only_begins: bool = False
    ) -> bool:
        """Let an event wait unread for one of its key that needs it, where it may.

        That is where it does not come late. ``only_begins``: it is known to satisfy the first
        stage, and no other. Of such ones only the latest are needed where there are two stages.
        """
        only_begins = only_begins and sequence.has_two_events
        most = sequence.matcher.max_pending
        if len(entity.unread) >= most:
            if not only_begins:
                return False
            if len(entity.unread) >= 2 * most:
                self._forget_oldest(entity, most)
            if len(entity.unread) >= 2 * most:
                return False
        if entity.timeline is not None:
            try:
                if not entity.is_later(self.running.clock.time_of(coming.event)):
                    return False
            except ValueError:
                return False
        entity.unread.append(Unread(*coming, only_begins))
        sequence.filed += 1
        return True

    def _forget_oldest(self, entity: Entity, most: int) -> None:
        """Forget unread events that could only begin a sequence, all but so many latest ones."""
        time_of = self.running.clock.time_of
        firsts = [one for one in entity.unread if one.only_begins]
        latest = nlargest(most, ((time_of(one.event), one.arrival) for one in firsts))
        kept = {arrival for _, arrival in latest}
        entity.unread = [one for one in entity.unread if not one.only_begins or one.arrival in kept]

    def _file(self, suspicion: Suspicion, coming: Coming) -> tuple[tuple[int, ...], Held | None]:
        """File an event unread; the rules that have to read it now, and what holds it."""
        running, (event, now, number) = self.running, coming
        raw = event.raw
        reads = suspicion.reads
        followed: list[Following] = []
        follows = completes = 0
        for of_key, key in zip(suspicion.of_keys, suspicion.reader.keys_of(raw), strict=True):
            if not key:
                if key is None:
                    reads = (*reads, *of_key.rules)
                continue
            following = self.followers.of(key, now)
            if of_key.begins:
                reads = (*reads, *self._start(of_key, key, following, coming))
            here = of_key.follows
            if of_key.glances and running.glances is not None:
                satisfied = running.glances.satisfied(of_key.glances, raw)
                for rule in of_key.glances:
                    if rule not in satisfied:
                        here &= ~running.sequences[rule].bit
            if here & following.begun:
                here, readers = self._continue(of_key, here, following, key, coming)
                reads = (*reads, *readers)
            if here:
                if following not in followed:  # the values of two keys may be the same
                    followed.append(following)
                follows |= here
                completes |= here & of_key.completes
        if not followed:
            return reads, None
        held = Held(event, waiting=1) if completes else None
        self.followers.add(Follower(event, now, number, follows, completes, held), followed)
        return reads, held

    def _start(
        self,
        of_key: OfKey,
        key: Hashable,
        following: Following,
        coming: Coming,
        *,
        is_sure: bool = False,
    ) -> list[int]:
        """File an event for the rules of which it may be the first; those that have to read it.

        ``is_sure``: it is known to satisfy the stages that it may satisfy.
        """
        reads = []
        for number in of_key.begins:
            sequence = self.running.sequences[number]
            entity = sequence.matcher.entity(key, coming.now)
            if self._wait(sequence, entity, coming, only_begins=is_sure):
                self._begin(sequence, entity, key, following, coming.now)
            else:
                reads.append(number)
        return reads

    def _continue(
        self,
        of_key: OfKey,
        follows: int,
        following: Following,
        key: Hashable,
        coming: Coming,
    ) -> tuple[int, list[int]]:
        """Let an event follow what has begun.

        The rules for which nothing has, as a sum of bits, and those that have to read the event.
        """
        reads = []
        for sequence in self.running.of_bits(follows & following.begun):
            entity = sequence.matcher.find(key)
            completes = of_key.completes & sequence.bit
            if entity is not None and completes and entity.unread:
                self.read(sequence, entity)
            if entity is None or not entity.has_begun:
                following.begun ^= sequence.bit
                following.caught_up &= ~sequence.bit
                continue
            follows ^= sequence.bit
            entity = sequence.matcher.entity(key, coming.now)
            if completes or not self._wait(sequence, entity, coming):
                reads.append(sequence.number)
        return follows, reads

    def _has_come(self, sequence: SequenceRule, found: StagesOfKey, now: int) -> None:
        """An event was read that satisfies a stage of a rule whose events may wait unread."""
        following = self.followers.of(found.key, now)
        entity = sequence.matcher.find(found.key)
        if 0 in found.stages and entity is not None:
            self._begin(sequence, entity, found.key, following, now)

    def _begin(
        self,
        sequence: SequenceRule,
        entity: Entity,
        key: Hashable,
        following: Following,
        now: int,
    ) -> None:
        """A rule has an event that may be its first for a key; others may have come before it."""
        self._has_begun(sequence)
        following.begun |= sequence.bit
        if following.caught_up & sequence.bit:
            return
        following.caught_up |= sequence.bit
        since = now - sequence.matcher.ttl
        if following.followers:
            for one in following.waiting_for(sequence.bit, since):
                self._follow(sequence, entity, key, one, now)
        for one in self._earlier(sequence, key, since):
            self._follow(sequence, entity, key, one, now)

    def _follow(
        self, sequence: SequenceRule, entity: Entity, key: Hashable, follower: Follower, now: int
    ) -> None:
        """Read a follower for a rule, for which it came early, or its first event late."""
        try:
            seen = self.running.observer_for([sequence.number]).observe(follower.event)
        except ValueError:
            return
        for found in sequence.stages_of(seen):
            if found.key != key:
                continue
            follower.taken |= sequence.bit
            held = follower.held if sequence.last_stage in found.stages else None
            kept = sequence.kept(follower.event, found)
            subject = Subject(kept, found.by, held)
            match = _match(seen, found, follower.arrival, follower.arrived, subject)
            entity.add(match)
            sequence.matched += 1
            if held is not None and held.open:
                held.waiting += 1
                self.window.add(sequence, entity, match, follower.arrived)
            else:
                self.window.add(sequence, entity, match, now)

    def _earlier(self, sequence: SequenceRule, key: Hashable, since: int) -> Iterable[Follower]:
        """Events, kept elsewhere, that came at that time or later and may follow for a key."""
        return ()

    def _begun_for(self, key: Hashable) -> int:
        """The rules that remember something of a key, as a sum of bits."""
        waiting = self.running.of_bits(self.running.waiting)
        return sum(one.bit for one in waiting if one.matcher.find(key) is not None)


def _match(
    seen: Observation, found: StagesOfKey, arrival: int, arrived: int, subject: Subject
) -> StageMatch:
    order = order_of(seen.time, seen.tiebreaker, arrival)
    return StageMatch(order, found.stages, seen.identity, arrived, subject)
