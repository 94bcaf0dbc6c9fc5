"""What the rules of a filter are, what they remember, and what their alerts rest on; for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fluent_eql.about import about
from fluent_eql.alert import Alert
from fluent_eql.api import Evidence
from fluent_eql.detection import SequenceRule, untyped
from fluent_eql.event import Event
from fluent_eql.fields import Fields
from fluent_eql.needles import Needles
from fluent_eql.running import RunningRules
from fluent_eql.sources import SourceFields, SourceMapping

HOST_FIELDS = ("host.name", "host.hostname", "host.id")
MOST_TEXTS = 50
"""Of a condition that are told."""


class Inspection:
    """Looks into running rules; see :class:`fluent_eql.api.Inspectable`."""

    def __init__(self, running: RunningRules, mapping: SourceMapping | None) -> None:
        self._running = running
        self._mapping = mapping

    def rules(self) -> Iterator[dict[str, Any]]:
        """What :func:`fluent_eql.about.about` says of each rule, and whether it is ``screened``.

        For one that is not, every record is decoded.
        """
        for rule, derived in zip(self._running.rules, self._running.screening(), strict=True):
            yield {**about(rule), "screened": None not in derived}

    def screening(self, rule_id: str) -> list[list[dict[str, Any]] | None]:
        """For each condition of a rule the texts of which a record must hold one.

        None where nothing is certain; nothing at all for a rule that does not run here.
        """
        for rule, derived in zip(self._running.rules, self._running.screening(), strict=True):
            if rule.id == rule_id:
                return [None if needles is None else _told(needles) for needles in derived]
        return []

    def candidates(self, rule_id: str | None, value: str | None) -> Iterator[dict[str, Any]]:
        """The join keys whose events wait for others, of each rule the newest first.

        Only those of the rule with that id, and those with a value that is written so, where these
        are not None. ``events`` is how many may become part of a sequence, ``renewed`` when the key
        was last put among the newest, as ``now`` said.
        """
        for sequence in self._running.sequences.values():
            if rule_id is None or sequence.rule.id == rule_id:
                yield from _candidates_of(sequence, value)

    def evidence(self, alert: Alert) -> Evidence:
        """What an alert of these rules rests on."""
        host = _host_of(alert.sightings[-1].event, self._mapping) if alert.sightings else ""
        return Evidence(alert.sightings, host, about(alert.rule))


def _told(needles: Needles) -> list[dict[str, Any]]:
    return [
        {"field": needle.field, "text": needle.written, "caseless": needle.caseless}
        for needle in sorted(needles, key=repr)[:MOST_TEXTS]
    ]


def _candidates_of(sequence: SequenceRule, value: str | None) -> Iterator[dict[str, Any]]:
    names = [key.name for key in sequence.query.stages[0].by]
    for key, entity in sequence.matcher.look():
        by = untyped(key)
        if entity.candidates and (value is None or value in map(str, by)):
            yield {
                "rule": {"id": sequence.rule.id, "name": sequence.rule.name},
                "by": dict(zip(names, by, strict=True)),
                "events": entity.candidates,
                "renewed": entity.renewed,
            }


def _host_of(event: Event, mapping: SourceMapping | None) -> str:
    """The name of the host that an event is from, else its id; "" where nothing names it."""
    try:
        fields = Fields(event.record) if mapping is None else SourceFields(event.record, mapping)
    except ValueError:
        return ""
    finally:
        event.forget_record()
    return next((str(fields[name][0]) for name in HOST_FIELDS if fields[name]), "")
