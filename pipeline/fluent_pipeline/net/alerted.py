"""The alerts that records of a frame hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fluent_pipeline.ndjson import records_of
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.limits import Limits

NAME = b"alerts"
"""What the record of an alert must contain: the last part of the field's name."""


@dataclass(frozen=True, slots=True)
class Alerted:
    """A record and the alerts in its ``eql.alerts``, of which there is at least one."""

    record: Mapping[Any, Any]
    alerts: tuple[Mapping[str, Any], ...]


def alerted_records(frame: Frame, limits: Limits) -> Iterator[Alerted]:
    """The records of a frame that hold alerts, in their order; of others few are decoded.

    Records that cannot be decoded are passed over. Raises RemoteProtocolError where a compressed
    body is corrupt or over ``limits``.
    """
    if not frame.compressed and NAME not in frame.raw:
        return
    for event in records_of(frame, limits):
        if NAME not in event.raw:
            continue
        try:
            record = event.record
        except ValueError:
            continue
        if alerts := tuple(alerts_of(record)):
            yield Alerted(record, alerts)


def alerts_of(record: Mapping[Any, Any]) -> Iterator[Mapping[str, Any]]:
    """The alerts under ``eql.alerts``, be the name flat or nested; each has a text as ``id``."""
    eql = record.get("eql")
    nested = eql.get("alerts") if isinstance(eql, dict) else None
    for found in (record.get("eql.alerts"), nested):
        if isinstance(found, list):
            yield from (
                alert
                for alert in found
                if isinstance(alert, dict) and isinstance(alert.get("id"), str)
            )
