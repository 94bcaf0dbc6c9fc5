"""Whole frames as they come: which of their records are looked at, and which wait unread."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from fluent_eql.api import Batch
from fluent_eql.columns import Row
from fluent_eql.detection import SequenceRule
from fluent_eql.filed import FiledBatch, FiledBatches, Wanted
from fluent_eql.followers import Follower, Following
from fluent_eql.held import Held
from fluent_eql.intake import Coming, Intake
from fluent_eql.running import RunningRules
from fluent_eql.settings import EqlOptions
from fluent_eql.suspicion import OfKey, Suspicion


class FrameIntake(Intake):
    """Takes whole frames, too.

    ``newly_held`` collects what is held from now on because of other events.
    """

    def __init__(self, running: RunningRules, settings: EqlOptions) -> None:
        super().__init__(running, settings)
        self.filed = FiledBatches(settings.max_entities, settings.reorder_window)
        self.newly_held: list[Held] = []
        self._begun = 0
        self._go_live()

    def file(self, batch: Batch, now: int) -> FiledBatch | None:
        """File the records of a frame unread; None where they have to be taken one by one."""
        sieve = self.running.sieve
        if sieve is None or self.is_noting or sieve.rests(len(batch.ends)):
            return None
        number = self._number(len(batch.ends))
        filed = FiledBatch(batch, now, number, sieve, self.newly_held.append)
        filed.is_open = any(
            row is not None and self._may_complete(filed, first + place, row)
            for first, _, rows in filed.chunks()
            for place, row in enumerate(rows)
        )
        return filed

    def suspects(self, filed: FiledBatch) -> Iterator[tuple[int, Row | None, int]]:
        """The records of a frame that have to be looked at now, one by one.

        The number of each, its row, None where there is none, and the conditions that it may
        satisfy, as a sum of bits.
        """
        sieve, unread = self.running.sieve, []
        assert sieve is not None
        self.filed.current = filed
        for chunk in filed.chunks():
            self.filed.note(chunk)
            absent = sieve.absent_from(chunk.entries)
            for place, row, found in sieve.sift(chunk.rows, absent, filed.masks):
                filed.seen = chunk.first + place
                if row is None:
                    unread.append(filed.entry(filed.seen))
                yield filed.seen, row, found
        filed.end()
        self.filed.add(filed)
        sieve.learn(len(filed), unread)

    def take_row(self, filed: FiledBatch, number: int, row: Row | None, found: int) -> Held | None:
        """Look at a record of a frame, as :meth:`take` does at an event.

        ``row`` and ``found`` as :meth:`suspects` gives them.
        """
        running, now = self.running, filed.arrived
        if row is None:
            event = filed.take_alone(number)
            return None if event is None else self._take(Coming(event, now, filed.first + number))
        self.decoded += 1
        sieve, suspicions = running.sieve, running.suspicions
        assert sieve is not None
        assert suspicions is not None
        prompt = found & running.prompt
        if prompt:
            found ^= prompt ^ self._satisfied(filed, number, row, prompt)
        if not found & running.prompt:
            found &= sieve.live
            if not found:
                return None
        suspicion = suspicions.of_conditions(found)
        keys = sieve.keys_of(row, suspicion.reader)
        reads = suspicion.reads
        parts: list[tuple[OfKey, Hashable, Following]] = []
        for of_key, key in zip(suspicion.of_keys, keys, strict=True):
            if key is None:
                reads = (*reads, *of_key.rules)
            elif key:
                if of_key.begins:
                    parts.append((of_key, key, self.followers.of(key, now)))
                    continue
                following = self.followers.find(key, now)
                if following is not None and following.begun & of_key.follows:
                    parts.append((of_key, key, following))
        if not parts and not reads:
            return None
        return self._take_suspect(filed, number, suspicion, reads, parts)

    def _take_suspect(
        self,
        filed: FiledBatch,
        number: int,
        suspicion: Suspicion,
        reads: tuple[int, ...],
        parts: Sequence[tuple[OfKey, Hashable, Following]],
    ) -> Held | None:
        event = filed.batch.event(number)
        if event is None:
            return None
        coming = Coming(event, filed.arrived, filed.first + number)
        for of_key, key, following in parts:
            if of_key.begins:
                reads = (*reads, *self._start(of_key, key, following, coming, is_sure=True))
            here = of_key.follows & following.begun
            if here:
                left, readers = self._continue(of_key, here, following, key, coming)
                reads = (*reads, *readers)
                filed.take(number, here & ~left)
            filed.take(number, sum(self.running.sequences[n].bit for n in of_key.begins))
        if not reads:
            return None
        sequences = [self.running.sequences[n] for n in reads if n in self.running.sequences]
        filed.take(number, sum(sequence.bit for sequence in sequences))
        may_wait = sequences or any(of_key.completes for of_key in suspicion.of_keys)
        held = None
        if filed.is_open and may_wait:
            follower = filed.follower(number)
            held = None if follower is None else follower.held
        else:
            filed.settle(number)
        return self._observe(coming, reads, held)

    def go_on_with(self, running: RunningRules, now: int) -> int:
        """Let other rules run, see :meth:`Intake.go_on_with`."""
        bits = super().go_on_with(running, now)
        self.filed.go_on_with(running.sieve, bits)
        self._go_live()
        return bits

    def expire(self, now: int) -> None:
        """Forget the join keys whose time is over."""
        super().expire(now)
        self._go_live()

    def _may_complete(self, filed: FiledBatch, number: int, row: Row) -> bool:
        """Whether a record completes a sequence, if others come before it."""
        sieve, completing = self.running.sieve, self.running.completing
        assert sieve is not None
        found = sieve.of(row, completing) & completing
        try:
            return bool(found and self._satisfied(filed, number, row, found))
        except ValueError:
            return False

    def _satisfied(self, filed: FiledBatch, number: int, row: Row, conditions: int) -> int:
        sieve = self.running.sieve
        assert sieve is not None
        return sieve.satisfied(
            row, conditions, lambda: filed.entry(number), lambda: filed.raw(number)
        )

    def _earlier(self, sequence: SequenceRule, key: Hashable, since: int) -> Iterator[Follower]:
        """The records of whole frames that may follow for a join key."""
        for names, conditions in self.running.following.get(sequence.number, {}).items():
            wanted = Wanted.of(names, key, sequence.bit, conditions)
            yield from self.filed.following(wanted, since)

    def _go_live(self) -> None:
        """Look at what can follow for rules of which something has begun, and at nothing else."""
        running = self.running
        waiting = running.of_bits(running.waiting)
        self._begun = sum(sequence.bit for sequence in waiting if sequence.matcher.entities)
        if running.sieve is not None:
            running.sieve.live = running.prompt
            for sequence in running.of_bits(self._begun):
                running.sieve.live |= running.conditions_following(sequence)

    def _has_begun(self, sequence: SequenceRule) -> None:
        if not self._begun & sequence.bit:
            self._begun |= sequence.bit
            if self.running.sieve is not None:
                self.running.sieve.live |= self.running.conditions_following(sequence)
