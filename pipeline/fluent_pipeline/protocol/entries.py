"""The entries of a payload: found by skipping, read where they are asked for.

Shapes: section "Event Modes" of the specification; metadata and group markers are Fluent Bit's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

import msgpack

from fluent_eql.splice import is_array, is_map
from fluent_pipeline.protocol.frames import Mode
from fluent_pipeline.protocol.index import EntryIndex

EVENT_TIME = 0
"""The extension type of EventTime: 4 bytes of seconds, 4 of nanoseconds, big-endian."""

GROUP_START_SECONDS, GROUP_END_SECONDS = 0xFFFFFFFF, 0xFFFFFFFE
NANOSECONDS = 10**9
COMMON_FORMS = re.compile(
    rb"\x92(?:\x92\xd7\x00(.{8})(?:\x80|\xdf\x00{4})|\xd7\x00(.{8}))(?=[\x80-\x8f\xde\xdf])",
    re.DOTALL,
)
"""How Fluent Bit, with and without metadata, and Fluentd begin an entry, up to the record."""


class EntryKind(Enum):
    """What an entry is. Group markers are Fluent Bit's, around the records of one source."""

    EVENT = "event"
    GROUP_START = "group start"
    GROUP_END = "group end"
    BAD = "bad"


class Entry(NamedTuple):
    """One entry, as offsets into its payload; the payload of a Message has no array header.

    ``time``: nanoseconds since the epoch, 0 where ``kind`` is not EVENT. ``time_start`` to
    ``time_end`` is the time alone, without metadata. ``reason``: what makes an entry BAD.
    """

    start: int
    end: int
    kind: EntryKind
    time: int = 0
    time_start: int = 0
    time_end: int = 0
    record_start: int = 0
    record_end: int = 0
    reason: str = ""


def walk(payload: bytes | memoryview, mode: Mode) -> Iterator[Entry]:
    """All entries, in their order. Bytes that are no entry end the walk as one BAD entry."""
    for start, end, reason in _spans(payload, mode):
        yield _entry_of(payload, start, end, reason, mode)


def entries_at(
    payload: bytes | memoryview,
    mode: Mode,
    offsets: Sequence[int],
    index: EntryIndex | None = None,
) -> Iterator[Entry]:
    """The entries that hold at least one of the ascending ``offsets``, by the payload's index."""
    if index is not None:
        for start, end in index.spans(offsets):
            yield _entry_of(payload, start, end, "", mode)
        return
    remaining = iter(offsets)
    offset = next(remaining, None)
    for start, end, reason in _spans(payload, mode):
        if offset is None:
            return
        if offset < end:
            yield _entry_of(payload, start, end, reason, mode)
            while offset is not None and offset < end:
                offset = next(remaining, None)


def ends_of(
    payload: bytes | memoryview, mode: Mode, index: EntryIndex | None = None
) -> list[int] | None:
    """Where each entry ends; None where the payload has bytes that are no entry."""
    if index is not None:
        return index.ends
    ends = []
    for _, end, reason in _spans(payload, mode):
        if reason:
            return None
        ends.append(end)
    return ends


def entry_between(payload: bytes | memoryview, start: int, end: int, mode: Mode) -> Entry:
    """The entry between two ends, see :func:`ends_of`."""
    return _entry_of(payload, start, end, "", mode)


def _spans(payload: bytes | memoryview, mode: Mode) -> Iterator[tuple[int, int, str]]:
    """Start, end and what is wrong, "" for a whole object, of each entry."""
    size = len(payload)
    if mode is Mode.MESSAGE:
        yield 0, size, ""
        return
    unpacker = _unpacker(payload)
    skip, tell = unpacker.skip, unpacker.tell
    start = 0
    try:
        while start < size:
            skip()
            end = tell()
            yield start, end, ""
            start = end
    except (msgpack.UnpackException, ValueError) as error:
        yield start, size, _reason_of(error)


def _reason_of(error: Exception) -> str:
    if isinstance(error, msgpack.OutOfData):
        return "the payload ends inside an entry"
    if isinstance(error, msgpack.StackError):
        return "an entry nests too deep"
    return "malformed msgpack"


def _entry_of(payload: bytes | memoryview, start: int, end: int, reason: str, mode: Mode) -> Entry:
    if not reason:
        if mode is not Mode.MESSAGE and (common := COMMON_FORMS.match(payload, start, end)):
            kind, time = _event_time(common[common.lastindex or 0])
            time_start, time_end = common.span(common.lastindex or 0)
            return Entry(start, end, kind, time, time_start - 2, time_end, common.end(), end)
        try:
            return _read(payload[start:end], start, mode)
        except (msgpack.UnpackException, ValueError, TypeError) as error:
            reason = str(error) or type(error).__name__
    return Entry(start, end, EntryKind.BAD, reason=reason)


def _read(raw: bytes | memoryview, start: int, mode: Mode) -> Entry:
    """Read an entry that begins at ``start`` of its payload. Raises ValueError."""
    unpacker = _unpacker(raw)
    if mode is not Mode.MESSAGE:
        _open_pair(unpacker, raw, 0, "[time, record]")
    has_metadata = is_array(raw[unpacker.tell() :])
    if has_metadata:
        _open_pair(unpacker, raw, unpacker.tell(), "[time, metadata]")
    time_start = unpacker.tell()
    kind, time = _time_of(unpacker.unpack())
    time_end = unpacker.tell()
    if has_metadata:
        unpacker.skip()
    record_start = unpacker.tell()
    if not is_map(raw[record_start:]):
        raise ValueError("expected a map as the record")
    return Entry(
        start,
        start + len(raw),
        kind,
        time,
        start + time_start,
        start + time_end,
        start + record_start,
        start + len(raw),
    )


def _open_pair(unpacker: msgpack.Unpacker, raw: bytes | memoryview, at: int, expected: str) -> None:
    if not is_array(raw[at:]) or unpacker.read_array_header() != 2:
        raise ValueError(f"expected {expected}")


def _time_of(value: object) -> tuple[EntryKind, int]:
    if isinstance(value, msgpack.ExtType) and value.code == EVENT_TIME and len(value.data) == 8:
        return _event_time(value.data)
    if isinstance(value, int) and not isinstance(value, bool):
        return EntryKind.EVENT, value * NANOSECONDS
    if isinstance(value, float) and math.isfinite(value * NANOSECONDS):
        return EntryKind.EVENT, round(value * NANOSECONDS)
    raise ValueError("expected an EventTime, an integer or a float as the time")


def _event_time(data: bytes) -> tuple[EntryKind, int]:
    seconds = int.from_bytes(data[:4], "big")
    if seconds == GROUP_START_SECONDS:
        return EntryKind.GROUP_START, 0
    if seconds == GROUP_END_SECONDS:
        return EntryKind.GROUP_END, 0
    return EntryKind.EVENT, seconds * NANOSECONDS + int.from_bytes(data[4:], "big")


def encode_time(time: int) -> bytes:
    """Nanoseconds since the epoch as EventTime (fixext 8).

    Times that EventTime cannot hold, before 1970 or after 2106, become integer seconds.
    """
    seconds, nanoseconds = divmod(time, NANOSECONDS)
    if 0 <= seconds < GROUP_END_SECONDS:
        return b"\xd7\x00" + seconds.to_bytes(4, "big") + nanoseconds.to_bytes(4, "big")
    encoded: bytes = msgpack.packb(max(-(2**63), min(seconds, 2**64 - 1)))
    return encoded


def _unpacker(data: bytes | memoryview) -> msgpack.Unpacker:
    unpacker = msgpack.Unpacker(
        strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=max(len(data), 1)
    )
    unpacker.feed(data)
    return unpacker
