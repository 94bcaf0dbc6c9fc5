"""Records as JSON, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgpack

from fluent_eql.event import Event, text_of
from fluent_pipeline.protocol.entries import EntryKind, walk
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.limits import Limits


def to_line(record: dict[Any, Any]) -> bytes:
    """A record as one line of JSON, newline included.

    Bin values are written as text, bytes that are not UTF-8 as the escapes ``\\udc80`` to
    ``\\udcff``, extension values as ``{"type": code, "data": hex}``. Raises ValueError for a
    record nested too deep for JSON.
    """
    try:
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except TypeError:
        text = json.dumps(_plain_keys(record), ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise ValueError("nested too deep for JSON") from error
    return text.encode("utf-8", "backslashreplace") + b"\n"


def records_of(frame: Frame, limits: Limits) -> Iterator[Event]:
    """The records of a frame of logs, in their order; what is no record is passed over."""
    if frame.signal:
        return
    payload = frame.payload(limits)
    for entry in walk(payload, frame.mode):
        if entry.kind is EntryKind.EVENT:
            raw = bytes(payload[entry.record_start : entry.record_end])
            yield Event(frame.tag, entry.time, raw)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, msgpack.Timestamp):
        return value.to_unix_nano()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _plain_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain_keys(item) for key, item in value.items()}
    if isinstance(value, msgpack.ExtType):
        return {"type": value.code, "data": value.data.hex()}
    if isinstance(value, list):
        return [_plain_keys(item) for item in value]
    return _plain(value) if isinstance(value, bytes | msgpack.Timestamp) else value


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | float | bool | None) else str(key)
