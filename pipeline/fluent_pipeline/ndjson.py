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
        text = json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":"))
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
    """The value in JSON's own types; ExtType is a tuple, which json would write as an array."""
    match value:
        case dict():
            return {_key(key): _plain(item) for key, item in value.items()}
        case msgpack.ExtType():
            return {"type": value.code, "data": value.data.hex()}
        case list():
            return [_plain(item) for item in value]
        case bytes():
            return text_of(value)
        case msgpack.Timestamp():
            return value.to_unix_nano()
    return value


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | float | bool | None) else str(key)
