"""The wait that puts events that arrive in disorder into event order.

An event that could complete a sequence waits for ``span`` after its arrival; when it is due, all
events of its key that come before it in event order are run with it, in order. Where no event
arrives more than ``span`` after one that it precedes, every key's events are run exactly in event
order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import Generic, NamedTuple, TypeVar

from fluent_eql.match.entity import Entity
from fluent_eql.match.machine import StageMatch

Rule = TypeVar("Rule")


class Waiting(NamedTuple, Generic[Rule]):
    """An event that is to be run: its rule, what is remembered of its key, itself.

    It waits ``since`` its arrival.
    """

    rule: Rule
    entity: Entity
    match: StageMatch
    since: int


class ReorderWindow(Generic[Rule]):
    """Events in the order of their arrival; ``span`` in nanoseconds, None to wait for the end."""

    def __init__(self, span: int | None) -> None:
        self._span = span
        self._arrivals: deque[Waiting[Rule]] = deque()

    def __len__(self) -> int:
        return len(self._arrivals)

    def add(self, rule: Rule, entity: Entity, match: StageMatch, since: int) -> None:
        """Let an event wait ``since`` its arrival; mostly that is now.

        Of those that wait since the same time the ones that arrived first are due first.
        """
        arrivals, number = self._arrivals, match.order[2]
        place = len(arrivals)
        while place:
            before = arrivals[place - 1]
            if before.since < since or (before.since == since and before.match.order[2] <= number):
                break
            place -= 1
        arrivals.insert(place, Waiting(rule, entity, match, since))

    def next_deadline(self) -> int | None:
        """When the next event is due; None if none waits, or all wait for the end."""
        if self._span is None or not self._arrivals:
            return None
        return self._arrivals[0].since + self._span

    def due(self, now: int) -> Iterator[Waiting[Rule]]:
        """Take out the events that are due at ``now``."""
        if self._span is None:
            return
        arrivals, latest_arrival = self._arrivals, now - self._span
        while arrivals and arrivals[0].since <= latest_arrival:
            yield arrivals.popleft()

    def without(self, rules: Collection[Rule]) -> list[Waiting[Rule]]:
        """Take out the events of all rules but these."""
        taken = [waiting for waiting in self._arrivals if waiting.rule not in rules]
        self._arrivals = deque(waiting for waiting in self._arrivals if waiting.rule in rules)
        return taken

    def all(self) -> Iterator[Waiting[Rule]]:
        """Take out all events."""
        while self._arrivals:
            yield self._arrivals.popleft()
