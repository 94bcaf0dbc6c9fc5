"""One join key's recent past.

Events that arrive in order go straight through the machine. One that comes late is put in its
place, and the key's remembered events are run again from there: the verdicts are those of a
stream that had arrived in order, except that an alert once given stays given.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter

from fluent_eql.match.machine import Machine, Order, StageMatch, Undecided

by_order = attrgetter("order")


class Timeline:
    """The events of one key that are remembered, and the machine before and after them.

    Remembered are the newest ``max_pending`` events of each stage. What is older has gone into
    the machine ``_before`` for good; an event that comes even later than that is fed to it there.
    """

    __slots__ = (
        "_before",
        "_after",
        "_recent",
        "_horizon",
        "_max_pending",
        "_ttl",
        "_retired",
        "_oldest",
        "_is_own",
    )

    def __init__(self, machine: Machine, max_pending: int, ttl: int) -> None:
        """``machine`` is one that nothing has been fed to; it stays so.

        Of the events before an event those count that arrived at most ``ttl`` before it.
        """
        self._before = machine
        self._is_own = False
        self._after = machine.copy()
        self._recent: list[StageMatch] = []
        self._horizon: Order | None = None
        self._max_pending = max_pending
        self._ttl = ttl
        self._retired: list[StageMatch] = []
        self._oldest: float = math.inf

    def run(self, batch: Iterable[StageMatch]) -> list[StageMatch]:
        """Take events in their order; those that now complete a sequence, old ones included.

        The ``sequence`` of a completed event is set. An event that is remembered already, sent a
        second time, shares the first one's sequence and changes nothing else.
        """
        self._let_go_of_retired()
        completed: list[StageMatch] = []
        repeats: list[tuple[StageMatch, StageMatch]] = []
        disordered = False
        for match in batch:
            self._forget(match.arrived - self._ttl)
            if match.arrived < self._oldest:
                self._oldest = match.arrived
            if (first := self._remembered(match)) is not None:
                repeats.append((match, first))
            elif not disordered and self._is_next(match):
                self._recent.append(match)
                _complete(match, self._after, completed)
            else:
                disordered = True
                self._insert(match, completed)
        if disordered:
            self._run_again(completed)
        for match, first in repeats:
            match.sequence = first.sequence
            if match.sequence is not None:
                completed.append(match)
        self._trim()
        return completed

    def undecided(self) -> Iterable[Undecided]:
        """The sequences that time has to decide."""
        return self._after.undecided()

    def decide(self, match: StageMatch, deadline: int) -> bool:
        """Whether ``match`` completes a sequence, now that this event time has passed.

        All events of the key up to ``deadline`` have been run. The ``sequence`` is set.
        """
        sequence = self._after.decide(match, deadline)
        if self._is_own:
            self._before.decide(match, deadline)
        if sequence is None or match.sequence is not None:
            return False
        match.sequence = sequence
        if self._horizon is not None and match.order <= self._horizon:
            self._retired.append(match)
        return True

    def is_past(self, order: Order) -> bool:
        """Whether an event of that place has been run, or a later one."""
        newest = self._newest()
        return newest is not None and order <= newest

    def is_later(self, time: int) -> bool:
        """Whether an event of that time comes after all that have been run, whatever came first."""
        newest = self._newest()
        return newest is None or time > newest[0]

    @property
    def pending(self) -> int:
        """How many partial sequences wait for their next event."""
        return self._after.pending

    @property
    def has_begun(self) -> bool:
        """Whether a sequence has begun, or an event that is late could be in one that is over."""
        return bool(self._after.pending or self._before.pending) or any(
            0 in match.stages for match in self._recent
        )

    def let_go(self) -> None:
        """Cut the events of a forgotten key off from what they completed.

        An event that has completed a sequence is in it: such a circle would wait for Python's
        collector, and the records with it.
        """
        for match in self._recent:
            match.sequence = None
        self._let_go_of_retired()

    def _forget(self, arrived_before: int) -> None:
        """Forget what arrived before that time."""
        if arrived_before <= self._oldest:
            return
        while self._recent and self._recent[0].arrived < arrived_before:
            self._forget_oldest()
        self._before.forget(arrived_before)
        self._after.forget(arrived_before)
        known = [*self._recent, *self._before.last_events(), *self._after.last_events()]
        self._oldest = min((match.arrived for match in known), default=math.inf)

    def _let_go_of_retired(self) -> None:
        """Cut what was forgotten off from what it completed.

        Where an event ends one sequence and begins the next, each would keep all before it.
        """
        for match in self._retired:
            match.sequence = None
        self._retired.clear()

    def _newest(self) -> Order | None:
        return self._recent[-1].order if self._recent else self._horizon

    def _is_next(self, match: StageMatch) -> bool:
        newest = self._newest()
        return newest is None or match.order > newest

    def _insert(self, match: StageMatch, completed: list[StageMatch]) -> None:
        if self._horizon is not None and match.order < self._horizon:
            _complete(match, self._own_before(), completed)
        else:
            insort(self._recent, match, key=by_order)

    def _run_again(self, completed: list[StageMatch]) -> None:
        self._after = self._before.copy()
        for match in self._recent:
            _complete(match, self._after, completed)

    def _remembered(self, match: StageMatch) -> StageMatch | None:
        if match.identity is None:
            return None
        for known in reversed(self._recent):
            if known.order[0] < match.order[0]:
                break
            if known.identity == match.identity and known.stages == match.stages:
                return known
        return None

    def _trim(self) -> None:
        if len(self._recent) <= self._max_pending:
            return
        counts: Counter[int] = Counter()
        for stages, number in Counter(match.stages for match in self._recent).items():
            counts.update(dict.fromkeys(stages, number))
        while max(counts.values()) > self._max_pending:
            counts.subtract(self._recent[0].stages)
            self._forget_oldest()

    def _own_before(self) -> Machine:
        """The machine before the remembered events; first that of all timelines, then one's own."""
        if not self._is_own:
            self._before, self._is_own = self._before.copy(), True
        return self._before

    def _forget_oldest(self) -> None:
        oldest = self._recent.pop(0)
        self._own_before().feed(oldest)
        self._retired.append(oldest)
        self._horizon = oldest.order


def _complete(match: StageMatch, machine: Machine, completed: list[StageMatch]) -> None:
    sequence = machine.feed(match)
    if sequence is not None and match.sequence is None:
        match.sequence = sequence
        completed.append(match)
