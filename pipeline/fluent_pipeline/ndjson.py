"""Records as JSON, one a line."""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from fluent_eql.event import Event, encode_value, text_of
from fluent_pipeline.protocol.entries import EntryKind, walk
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.limits import Limits

UNPAIRED_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""The surrogates that stand for no byte; those of bytes are U+DC80 to U+DCFF (PEP 383)."""


class LineBuffer:
    """Splits bytes that come in pieces into lines, at a cost that grows with the bytes alone."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def receive(self, data: bytes) -> list[bytes]:
        """The lines that end in these bytes, without their newlines."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts = []
        if rest:
            self._parts.append(rest)
        return lines

    def finish(self) -> list[bytes]:
        """The last line, where no newline ended it."""
        parts, self._parts = self._parts, []
        return [b"".join(parts)] if parts else []


def from_line(line: bytes) -> bytes:
    """A line of JSON as a raw msgpack map.

    Bytes that are not UTF-8 are kept; a byte order mark is passed over; a surrogate without its
    partner, which JSON can hold and UTF-8 cannot, becomes U+FFFD. Raises ValueError where the
    line is no JSON object, or holds what msgpack cannot.
    """
    text = line.removeprefix(BOM_UTF8).decode("utf-8", "surrogateescape")
    try:
        record = json.loads(text)
        if not isinstance(record, dict):
            raise ValueError(f"expected a JSON object, found {type(record).__name__}")
        return _encoded(record)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at column {error.colno}: {error.msg}") from error
    except OverflowError as error:
        raise ValueError("a whole number of more than 64 bits") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _encoded(record: dict[str, Any]) -> bytes:
    try:
        return encode_value(record)
    except UnicodeEncodeError:
        text = json.dumps(record, ensure_ascii=False)
        return encode_value(json.loads(UNPAIRED_SURROGATE.sub("\ufffd", text)))


def to_line(record: dict[Any, Any]) -> bytes:
    """A record as one line of JSON, newline included.

    Bin values are written as text, bytes that are not UTF-8 as the escapes ``\\udc80`` to
    ``\\udcff``, extension values as ``{"type": code, "data": hex}``, and as null the floats that
    JSON lacks, NaN and the infinities. Raises ValueError for a record nested too deep for JSON.
    """
    try:
        text = json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise ValueError("nested too deep for JSON") from error
    return text.encode("utf-8", "backslashreplace") + b"\n"


def records_of(
    frame: Frame, limits: Limits, unreadable: Callable[[str], None] = lambda reason: None
) -> Iterator[Event]:
    """The records of a frame of logs, in their order; group markers are passed over.

    ``unreadable`` is told of each entry that is none. Raises RemoteProtocolError where a
    compressed body is corrupt or over ``limits``.
    """
    if frame.signal:
        return
    payload = frame.payload(limits)
    for number, entry in enumerate(walk(payload, frame.mode), start=1):
        if entry.kind is EntryKind.EVENT:
            raw = bytes(payload[entry.record_start : entry.record_end])
            yield Event(frame.tag, entry.time, raw)
        elif entry.kind is EntryKind.BAD:
            unreadable(f"entry {number}: {entry.reason}")


def _plain(value: Any) -> Any:
    """The value in JSON's own types; ExtType is a tuple, which json would write as an array.

    Loops, not comprehensions, which cost a second frame of Python's stack for each level.
    """
    match value:
        case dict():
            members = {}
            for key, item in value.items():
                members[_key(key)] = _plain(item)
            return members
        case msgpack.ExtType():
            return {"type": value.code, "data": value.data.hex()}
        case list():
            items = []
            for item in value:
                items.append(_plain(item))
            return items
        case bytes():
            return text_of(value)
        case msgpack.Timestamp():
            return value.to_unix_nano()
        case float() if not math.isfinite(value):
            return None
    return value


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | float | bool | None) else str(key)
