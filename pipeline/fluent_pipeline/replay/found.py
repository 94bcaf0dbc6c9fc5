"""Alerts with what a reader asks of them first: when, and on which host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fluent_eql.api import Outcome, Replace
from fluent_eql.event import decode_record
from fluent_eql.event_time import nanoseconds_of
from fluent_eql.fields import Fields
from fluent_eql.sources import SourceFields, SourceMapping
from fluent_pipeline.net.alerted import alerts_of

HOST_FIELDS = ("host.name", "host.hostname", "host.id")


@dataclass(frozen=True, slots=True)
class Found:
    """An alert, as it stands in ``eql.alerts``; ``host`` is "" where nothing names it."""

    alert: Mapping[str, Any]
    host: str = ""

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """What the alert says of its events, one for each stage."""
        events: Sequence[Mapping[str, Any]] = (
            self.alert["sequence"]["events"] if "sequence" in self.alert else self.alert["events"]
        )
        return events

    @property
    def time(self) -> int | None:
        """When its last event happened, in nanoseconds since the epoch; None where unknown."""
        return nanoseconds_of(self.events[-1]["@timestamp"])

    @property
    def order(self) -> tuple[str, str]:
        """Alerts are shown by the time of their last event, and by their ids."""
        return str(self.events[-1]["@timestamp"]), str(self.alert["id"])


def found_in(outcome: Outcome, mapping: SourceMapping | None) -> list[Found]:
    """The alerts of an outcome; ``mapping`` is how their records are seen."""
    if not outcome.alerts:
        return []
    hosts = {
        str(alert["id"]): _host_of(record, mapping)
        for record in _records_of(outcome)
        for alert in alerts_of(record)
    }
    return [Found(alert, hosts.get(str(alert["id"]), "")) for alert in outcome.alerts]


def _records_of(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """The records that an outcome has put alerts into."""
    decided = (verdict for _, verdict in outcome.decided if isinstance(verdict, Replace))
    replaced = [raw for verdict in decided for raw in verdict.records]
    for raw in (*replaced, *(emission.raw for emission in outcome.emitted)):
        yield decode_record(raw)


def _host_of(record: Mapping[str, Any], mapping: SourceMapping | None) -> str:
    fields = SourceFields(record, mapping) if mapping else Fields(record)
    return next((str(fields[name][0]) for name in HOST_FIELDS if fields[name]), "")
