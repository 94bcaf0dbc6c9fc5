"""What is said of a match: the alert object, the same in records, on the page and in replays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fluent_eql.api import Sighting
from fluent_eql.rules import Rule


@dataclass(frozen=True, slots=True)
class Alert:
    """One completed rule.

    ``by`` maps the join keys' names to their values, ``span`` is the time from the first event
    to the last in nanoseconds (both None for a rule of a single event), ``events`` holds one
    object an event, see :func:`summary`. ``late`` says that the completing record had left.
    ``sightings`` are the events themselves, which are not told.
    ``id`` is 32 hex digits, the same for the same rule and events however often they are sent.
    """

    rule: Rule
    by: Mapping[str, Any] | None
    span: int | None
    events: tuple[Mapping[str, Any], ...]
    late: bool = False
    sightings: tuple[Sighting, ...] = field(default=(), compare=False, repr=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", _alert_id(self.rule, self.by, self.events))

    def to_dict(self) -> dict[str, Any]:
        """The alert as plain values: what ``eql.alerts`` of a record holds."""
        alert: dict[str, Any] = {
            "id": self.id,
            "rule": {"id": self.rule.id, "name": self.rule.name},
            "severity": self.rule.severity,
            "risk_score": self.rule.risk_score,
        }
        events = [dict(event) for event in self.events]
        if self.by is None:
            alert["events"] = events
        else:
            alert["sequence"] = {"by": dict(self.by), "span_ns": self.span, "events": events}
        if self.late:
            alert["late"] = True
        return alert


def summary(
    stage: int, timestamp: str, event_id: tuple[Any, ...], tested: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """One event of an alert: ``stage``, ``@timestamp``, ``event.id`` and the tested fields.

    A field with one value is given as that value, one with several as a list; one without a
    value is left out.
    """
    event: dict[str, Any] = {"stage": stage, "@timestamp": timestamp}
    fields = {"event.id": event_id, **tested}
    return event | {name: _plain(values) for name, values in fields.items() if values}


def _plain(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _alert_id(rule: Rule, by: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]]) -> str:
    named = [rule.id, by, [_identity(event) for event in events]]
    return hashlib.sha256(json.dumps(named, sort_keys=True, default=repr).encode()).hexdigest()[:32]


def _identity(event: Mapping[str, Any]) -> Any:
    return event.get("event.id", event)
