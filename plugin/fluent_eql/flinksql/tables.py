"""The tables that a job reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

from fluent_eql.flinksql.screens import LINE
from fluent_eql.flinksql.text import quoted
from fluent_eql.flinksql.times import interval, milliseconds

EVENTS, ALERTS, UNREAD = "eql_events", "eql_alerts", "eql_unread"
ONE_TIME = r'"@timestamp"\s*:\s*(?:\[\s*)?"?([0-9]+(?:-[0-9TZ.,:+-]*[0-9Z])?)'
FOUND_TIME = f"REGEXP_EXTRACT({LINE}, {quoted(ONE_TIME)}, 1)"
"""The first time in a line, which is not parsed for it; one that is not the record's is told."""
TIME = "event_time"
"""The column of the time by which the job's clock runs, in milliseconds."""
SCREENED = f"{TIME} > TO_TIMESTAMP_LTZ(-1, 3)"
"""The SQL of whether a line can matter to a rule."""
NO_TIME = "TO_TIMESTAMP_LTZ(-62135596800000, 3)"
"""The year 1: a clock that stands there until all is read."""
ONE_WRITER = "1"
"""Files are written by one task. Else each source's task would write, and once one of them has
nothing left to read every checkpoint is declined: a writer's state cannot be that of some tasks.
"""


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders or files of NDJSON, packed or not; what is written are folders."""

    events: str
    alerts: str
    unread: str


@dataclass(frozen=True, slots=True)
class Kafka:
    """Topics of Kafka; a record's value is one JSON object."""

    servers: str
    events: str
    alerts: str
    unread: str
    group: str = "fluent-eql"


Storage = Paths | Kafka


def tables(storage: Storage, screen: str, reorder_bound: int | None) -> list[str]:
    """The statements that make the tables.

    ``screen`` is the SQL of whether a line can matter: only such lines move the clock.
    ``reorder_bound`` is how much earlier than the latest event one may be, in nanoseconds; None
    decides when all is read.
    """
    clock = NO_TIME if reorder_bound is None else f"{TIME} - {interval(reorder_bound)}"
    time = f"CASE WHEN {screen} THEN COALESCE({milliseconds(FOUND_TIME)}, 0) ELSE -1 END"
    events = (
        f"{LINE} STRING,\n"
        f"  {TIME} AS TO_TIMESTAMP_LTZ({time}, 3),\n"
        f"  WATERMARK FOR {TIME} AS {clock}"
    )
    return [
        _table(EVENTS, events, _source(storage)),
        _table(ALERTS, f"{LINE} STRING", _sink(storage, storage.alerts)),
        _table(UNREAD, f"{LINE} STRING", _sink(storage, storage.unread)),
    ]


def _source(storage: Storage) -> dict[str, str]:
    if isinstance(storage, Paths):
        return _files(storage.events)
    return _topic(storage, storage.events) | {
        "properties.group.id": storage.group,
        "scan.startup.mode": "group-offsets",
        "properties.auto.offset.reset": "earliest",
    }


def _sink(storage: Storage, name: str) -> dict[str, str]:
    if isinstance(storage, Paths):
        return _files(name) | {"sink.parallelism": ONE_WRITER}
    return _topic(storage, name) | {"sink.delivery-guarantee": "at-least-once"}


def _files(path: str) -> dict[str, str]:
    return {"connector": "filesystem", "path": path, "format": "raw"}


def _topic(storage: Kafka, topic: str) -> dict[str, str]:
    servers = {"properties.bootstrap.servers": storage.servers}
    return {"connector": "kafka", "topic": topic, "format": "raw"} | servers


def _table(name: str, columns: str, options: dict[str, str]) -> str:
    listed = ",\n".join(f"  {quoted(key)} = {quoted(value)}" for key, value in options.items())
    return f"CREATE TEMPORARY TABLE {name} (\n  {columns}\n) WITH (\n{listed}\n)"
