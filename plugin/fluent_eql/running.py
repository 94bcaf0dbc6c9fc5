"""Rules that run together: one screen, one observer, and each rule's state."""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count

from fluent_eql.deferral import Deferral
from fluent_eql.detection import EventRule, Observer, SequenceRule, least_ttl
from fluent_eql.glance import Glances
from fluent_eql.lang import SequenceQuery
from fluent_eql.needles import Needles
from fluent_eql.notes import digest_of
from fluent_eql.rules import Rule
from fluent_eql.screen import Screen
from fluent_eql.settings import EqlOptions
from fluent_eql.sieve import Sieve
from fluent_eql.sources import in_records
from fluent_eql.suspicion import Suspicions

WORTH_A_SCAN = 4
"""The number of rules from which on a scan costs less than to test them all."""


class RunningRules:
    """Rules, ready to run.

    ``events`` and ``sequences`` are those of each kind by their numbers. Where they are few,
    ``deferrals`` are for the sequences whose events may stay unread; else it is None, and there are
    ``suspicions``.
    """

    def __init__(self, rules: Sequence[Rule], settings: EqlOptions) -> None:
        self.rules = tuple(rules)
        self.everyone = range(len(rules))
        self.observer = Observer([rule.query for rule in rules], settings)
        self._observers: dict[int, Observer] = {}
        self.clock = Observer((), settings)
        """Tells no more of events than when they happened."""
        conditions = [condition for rule in rules for condition in rule.query.conditions]
        self._conditions = tuple(in_records(conditions, settings.mapping))
        self._rule_of = [n for n, rule in enumerate(rules) for _ in rule.query.conditions]
        self._settings = settings
        self.screen = Screen(self._conditions)
        self.events: dict[int, EventRule] = {}
        self.sequences: dict[int, SequenceRule] = {}
        for number, rule in enumerate(rules):
            if isinstance(rule.query, SequenceQuery):
                self.sequences[number] = SequenceRule(number, rule, rule.query, settings)
            else:
                self.events[number] = EventRule(rule, rule.query)
        self.deferrals: dict[int, Deferral] = {}
        self.suspicions: Suspicions | None = None
        self.glances: Glances | None = None
        """Where records are read as they are, and the rules are many."""
        self.sieve: Sieve | None = None
        """Where there are suspicions, for records that are read as they are."""
        self.prompt = 0
        """The conditions of events that have to be looked at when they come, as a sum of bits."""
        self.completing = 0
        """Those of events that complete a sequence of :attr:`following`, as a sum of bits."""
        self.following: dict[int, dict[tuple[str, ...], int]] = {}
        """See :meth:`Suspicions.following`."""
        self.waiting = 0
        """The sequences whose events may wait unread with those of others, as a sum of bits."""
        if len(rules) < WORTH_A_SCAN:
            self.deferrals = {} if settings.mapping else self._deferrals()
        else:
            self._be_many()

    def _deferrals(self) -> dict[int, Deferral]:
        found = {n: Deferral.of(one.query, one.completing) for n, one in self.sequences.items()}
        return {number: deferral for number, deferral in found.items() if deferral is not None}

    def _be_many(self) -> None:
        waiting: dict[int, SequenceRule] = {}
        if self._settings.mapping is None:
            ttl = least_ttl(self._settings)
            waiting = {n: one for n, one in self.sequences.items() if one.waits_unread(ttl)}
            self.glances = Glances([rule.query for rule in self.rules])
        self.deferrals = {}
        self.waiting = sum(one.bit for one in waiting.values())
        self._by_bit = {one.bit: one for one in waiting.values()}
        self.suspicions = Suspicions(
            [rule.query for rule in self.rules],
            self._conditions,
            waiting,
            self._settings.event_category_field,
        )
        self.sieve = None
        if self._settings.mapping is None:
            keys = {k.name for one in waiting.values() for s in one.query.stages for k in s.by}
            self.sieve = Sieve(self._conditions, keys)
            self.following = self.suspicions.following(self.sieve.keys)
            self.prompt = self.suspicions.prompt(self.following)
            self.completing = self.suspicions.completing(self.following)

    def observer_for(self, numbers: Sequence[int]) -> Observer:
        """What observes an event for the rules with these numbers, as :attr:`observer` does."""
        if len(numbers) > 1 or self._settings.mapping is not None:
            return self.observer
        [number] = numbers
        if number not in self._observers:
            self._observers[number] = Observer([self.rules[number].query], self._settings)
        return self._observers[number]

    def of_bits(self, bits: int) -> Iterator[SequenceRule]:
        """The sequences whose events may wait unread with those of others, of a sum of bits."""
        bits &= self.waiting
        while bits:
            bit = bits & -bits
            bits ^= bit
            yield self._by_bit[bit]

    def conditions_following(self, sequence: SequenceRule) -> int:
        """The conditions of events that may follow in it by :attr:`following`, as a sum of bits."""
        return functools.reduce(operator.or_, self.following.get(sequence.number, {}).values(), 0)

    def screening(self) -> list[list[Needles | None]]:
        """What the screen looks for, by the numbers of the rules: the needles of each condition."""
        found: list[list[Needles | None]] = [[] for _ in self.rules]
        for number, needles in zip(self._rule_of, self.screen.derived, strict=True):
            found[number].append(needles)
        return found

    def take_over(self, before: RunningRules) -> frozenset[SequenceRule]:
        """Let the rules that are the same as before have what they remember; those are the answer.

        The same is a rule with the same id and the same query. Nothing has been run here yet. Rules
        that were many go on so, however few they are now.
        """
        kept = set()
        known = {sequence.rule.id: sequence for sequence in before.sequences.values()}
        for number, fresh in self.sequences.items():
            sequence = known.get(fresh.rule.id)
            if sequence is not None and digest_of(sequence.rule) == digest_of(fresh.rule):
                sequence.number, sequence.rule = number, fresh.rule
                self.sequences[number] = sequence
                kept.add(sequence)
        self._give_bits(kept)
        if self.suspicions is not None or before.suspicions is not None:
            self._be_many()
        return frozenset(kept)

    def _give_bits(self, kept: Collection[SequenceRule]) -> None:
        """Give the other sequences bits that those kept do not have."""
        taken = {sequence.bit for sequence in kept}
        free = (bit for bit in map((1).__lshift__, count()) if bit not in taken)
        for sequence in self.sequences.values():
            if sequence not in kept:
                sequence.bit = next(free)


def changes_between(before: Iterable[Rule], after: Iterable[Rule]) -> str:
    """What has become of rules, for people: ``4 rules run: 2 unchanged, 1 changed, 1 new``."""
    old, new = _digests(before), _digests(after)
    counts = Counter(
        "new" if id not in old else "unchanged" if old[id] == digest else "changed"
        for id, digest in new.items()
    )
    counts["gone"] = len(old.keys() - new.keys())
    told = [f"{counts[what]} {what}" for what in ("unchanged", "changed", "new", "gone")]
    return f"{len(new)} rules run: {', '.join(part for part in told if not part.startswith('0 '))}"


def _digests(rules: Iterable[Rule]) -> Mapping[str, bytes]:
    return {rule.id: digest_of(rule) for rule in rules}
