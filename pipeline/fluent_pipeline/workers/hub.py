"""The filters of all workers, and whose event is whose."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fluent_eql.api import KEEP, Evidence, Filter, Metric, Outcome, Reloadable, Stateful
from fluent_eql.event import Event
from fluent_pipeline.engine import Stage
from fluent_pipeline.workers import wire

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Member:
    """One worker, as the hub sees it. ``say`` sends it a message."""

    say: Callable[[bytes], None]
    is_ready: bool = False
    is_flushing: bool = False
    metrics: list[Metric] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    reported: float = 0


class Hub:
    """Runs each stage's filter on the events of all workers.

    Nothing is processed before all ``members`` are ready, for until then notes may come that have
    to be recalled first. ``on_alert`` is that of the engine. ``clock`` gives nanoseconds.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        members: int,
        *,
        on_alert: Callable[[dict[str, Any], Evidence | None], None] = lambda alert, evidence: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.stages = tuple(stages)
        self.members: list[Member] = []
        self._expected = members
        self._on_alert = on_alert
        self._clock = clock
        self._owners: list[dict[Event, tuple[Member, int]]] = [{} for _ in stages]
        self._notes: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        self._early: list[tuple[Member, list[Any]]] = []
        self._is_open = False

    def join(self, member: Member) -> None:
        """A worker has connected."""
        self.members.append(member)

    def leave(self, member: Member) -> None:
        """A worker is gone; its events are decided all the same, and told to nobody."""
        self.members.remove(member)
        for owners in self._owners:
            for event, (owner, _) in list(owners.items()):
                if owner is member:
                    del owners[event]
        self._flush_if_all_ask()

    def receive(self, member: Member, message: list[Any]) -> None:
        """Take what a worker says."""
        kind, *parts = message
        if kind == wire.RECALL:
            stage, notes = parts
            self._notes[stage] += [(age, note) for age, note in notes]
        elif kind == wire.READY:
            member.is_ready = True
            self._open_if_all_are_ready()
        elif kind == wire.REPORT:
            metrics, member.troubles = parts
            member.metrics = [wire.metric_of(plain) for plain in metrics]
            member.reported = self._clock()
        elif kind == wire.FLUSH:
            member.is_flushing = True
            self._flush_if_all_ask()
        elif not self._is_open:
            self._early.append((member, message))
        else:
            self._process(member, *parts)

    def advance(self) -> None:
        """Decide what is due."""
        now = self._clock()
        for number, stage in enumerate(self.stages):
            self._tell(number, stage.filter.advance(now))

    def reload(self, successors: Mapping[int, Filter]) -> None:
        """Have filters go on as others, see :meth:`Engine.reload`, and tell the workers."""
        now = self._clock()
        for number, successor in successors.items():
            current = self.stages[number].filter
            if isinstance(current, Reloadable):
                self._tell(number, current.go_on_as(successor, now))
        for member in self.members:
            member.say(wire.encode(wire.RELOADED))

    def next_deadline(self) -> int | None:
        """When :meth:`advance` has work to do next."""
        deadlines = [stage.filter.next_deadline() for stage in self.stages]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def metrics(self) -> Iterator[Metric]:
        """Those of the filters, and the workers' added up; a worker that is down makes all so."""
        for stage in self.stages:
            yield from stage.filter.metrics()
        found: dict[tuple[str, tuple[tuple[str, str], ...]], list[Metric]] = defaultdict(list)
        for member in self.members:
            for metric in member.metrics:
                found[metric.name, metric.labels].append(metric)
        for metrics in found.values():
            first, values = metrics[0], [metric.value for metric in metrics]
            value = min(values) if first.name.endswith("_up") else sum(values)
            yield Metric(first.name, first.help, first.kind, value, first.labels)

    def _open_if_all_are_ready(self) -> None:
        if self._is_open or sum(member.is_ready for member in self.members) < self._expected:
            return
        self._is_open = True
        now = self._clock()
        for number, notes in self._notes.items():
            stage = self.stages[number]
            if isinstance(stage.filter, Stateful):
                oldest_first = sorted(notes, key=lambda note: -note[0])
                for line in stage.filter.recall(oldest_first, now):
                    log.warning("%s: %s", stage.name, line)
        self._notes.clear()
        self.advance()
        for member, message in self._early:
            self.receive(member, message)
        self._early.clear()

    def _process(self, member: Member, number: int, plain: Iterable[wire.Plain]) -> None:
        numbered = [wire.event_of(one) for one in plain]
        self._owners[number].update((event, (member, own)) for own, event in numbered)
        events = [event for _, event in numbered]
        outcome = self.stages[number].filter.process(events, self._clock())
        spoken_for = {event for event, _ in outcome.decided}.union(outcome.held)
        outcome.decided += [(event, KEEP) for event in events if event not in spoken_for]
        self._tell(number, outcome, member)

    def _flush_if_all_ask(self) -> None:
        if not self.members or not all(member.is_flushing for member in self.members):
            return
        now = self._clock()
        for number, stage in enumerate(self.stages):
            self._tell(number, stage.filter.flush(now))
        for member in self.members:
            member.is_flushing = False
            member.say(wire.encode(wire.FLUSHED))

    def _tell(self, number: int, outcome: Outcome, asking: Member | None = None) -> None:
        """Give each worker its part of an outcome; whoever asked gets what is nobody's."""
        for alert in outcome.alerts:
            self._on_alert(alert, outcome.evidence.get(str(alert.get("id"))))
        for warning in outcome.warnings:
            log.warning("%s: %s", self.stages[number].name, warning)
        owners = self._owners[number]
        asking = asking or next(iter(self.members), None)
        parts: dict[Member, Outcome] = defaultdict(Outcome)
        for event, verdict in outcome.decided:
            if event in owners:
                parts[owners[event][0]].decided.append((event, verdict))
        for emission in outcome.emitted:
            known = owners.get(emission.cause) if emission.cause is not None else None
            if known is not None or (emission.cause is None and asking is not None):
                parts[known[0] if known else asking].emitted.append(emission)  # type: ignore[index]
        for problem in outcome.problems:
            if problem.event in owners:
                parts[owners[problem.event][0]].problems.append(problem)
        for note in outcome.notes:
            if note.event in owners:
                parts[owners[note.event][0]].notes.append(note)
        for member, part in parts.items():
            numbers = {event: own for event, (owner, own) in _those_of(part, owners)}
            member.say(wire.encode(wire.OUTCOME, number, wire.plain_outcome(part, numbers)))
        for event, _ in outcome.decided:
            owners.pop(event, None)


def _those_of(
    part: Outcome, owners: dict[Event, tuple[Member, int]]
) -> Iterator[tuple[Event, tuple[Member, int]]]:
    """The events that a worker's part of an outcome is about."""
    events = [event for event, _ in part.decided]
    events += [emission.cause for emission in part.emitted if emission.cause is not None]
    events += [problem.event for problem in part.problems]
    events += [note.event for note in part.notes]
    return ((event, owners[event]) for event in events)
