"""Small flat events with names, and the sequences that a filter finds in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fluent_eql.event_time import iso_8601
from fluent_eql.testing import FilterDriver
from support.events import START, Record


def happened(name: str, category: str, time: int, **fields: Any) -> Record:
    """An event with this id and category, ``time`` nanoseconds after the start.

    ``__`` in a field's name stands for a dot. The join key ``k`` is "a" unless given.
    """
    given = {key.replace("__", "."): value for key, value in fields.items()}
    return {
        "@timestamp": iso_8601(START + time),
        "event.id": name,
        "event.category": category,
        "k": "a",
        **given,
    }


def names(alert: Record) -> tuple[str, ...]:
    """The ids of an alert's events."""
    return tuple(event["event.id"] for event in alert["sequence"]["events"])


def sequences(runner: FilterDriver, records: Iterable[Record]) -> list[tuple[str, ...]]:
    """The sequences found in records that arrive in this order, the end of the stream included."""
    alerts = [alert for record in records for alert in runner.send([record]).alerts]
    return [names(alert) for alert in (*alerts, *runner.flush().alerts)]
