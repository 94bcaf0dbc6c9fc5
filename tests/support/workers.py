"""A hub and workers' filters in one process, joined without sockets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fluent_eql.api import Evidence, Filter, Outcome, Replace, Stateful
from fluent_eql.event import Event, decode_record
from fluent_eql.testing import make_event
from fluent_pipeline.engine import Stage
from fluent_pipeline.workers import wire
from fluent_pipeline.workers.hub import Hub, Member
from fluent_pipeline.workers.remote import RemoteFilter


class Joined:
    """A hub with one filter, and ``workers`` that have it done there."""

    def __init__(self, filter: Filter, workers: int, *, notes: Iterable[bytes] = ()) -> None:
        self.now = 0
        self.alerts: list[dict[str, Any]] = []
        stage = Stage("eql.0", filter, lambda tag: True)
        self.evidence: list[Evidence | None] = []

        def on_alert(alert: dict[str, Any], evidence: Evidence | None) -> None:
            self.alerts.append(alert)
            self.evidence.append(evidence)

        self.hub = Hub([stage], workers, on_alert=on_alert, clock=lambda: self.now)
        self.filters: list[RemoteFilter] = []
        self.members: list[Member] = []
        self.outcomes: list[Outcome] = [Outcome() for _ in range(workers)]
        self.flushed = [0] * workers
        self.reloaded = [0] * workers
        for number in range(workers):
            self._add(number, filter)
        if isinstance(filter, Stateful):
            self.filters[0].recall([(0, note) for note in notes], 0)
        for member in self.members:
            self.hub.receive(member, [wire.READY])

    def _add(self, number: int, filter: Filter) -> None:
        decoder = wire.Decoder()

        def to_worker(data: bytes) -> None:
            for kind, *parts in decoder.messages(data):
                if kind == wire.FLUSHED:
                    self.flushed[number] += 1
                elif kind == wire.RELOADED:
                    self.reloaded[number] += 1
                else:
                    self.filters[number].receive(parts[1])

        member = Member(to_worker)

        def to_hub(data: bytes) -> None:
            for message in wire.Decoder().messages(data):
                self.hub.receive(member, message)

        self.members.append(member)
        self.filters.append(RemoteFilter(0, filter, to_hub))
        self.hub.join(member)

    def send(self, worker: int, *records: Mapping[str, Any]) -> list[Event]:
        """Have a worker process records; its events."""
        events = [make_event(record) for record in records]
        outcome = self.filters[worker].process(events, self.now)
        assert outcome.held == events
        self.collect()
        return events

    def advance(self, span: int) -> None:
        """Let time pass."""
        self.now += span
        self.hub.advance()
        self.collect()

    def flush(self) -> None:
        """The end of the stream, asked for by every worker."""
        for member in list(self.hub.members):
            self.hub.receive(member, [wire.FLUSH])
        self.collect()

    def collect(self) -> None:
        """Take what has come in to each worker."""
        for number, remote in enumerate(self.filters):
            news, known = remote.advance(self.now), self.outcomes[number]
            known.decided += news.decided
            known.emitted += news.emitted
            known.problems += news.problems
            known.notes += news.notes

    def verdicts(self, worker: int) -> dict[Event, Any]:
        """What has been decided of a worker's events: the new records, or the verdict."""
        return {
            event: [decode_record(raw) for raw in verdict.records]
            if isinstance(verdict, Replace)
            else verdict
            for event, verdict in self.outcomes[worker].decided
        }


def alert_ids(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sorted, for a comparison that does not look at the order."""
    return sorted(str(alert["id"]) for alert in alerts)
