"""Changing entries of a frame without touching the bytes of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgpack

from fluent_eql.event import encode_value
from fluent_eql.splice import RawMap
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import Entry, encode_time
from fluent_pipeline.protocol.frames import STRING_WIDTHS, Frame, Mode, frame_of
from fluent_pipeline.protocol.framing import NIL

PAIR = b"\x92"


@dataclass(frozen=True, slots=True)
class Edit:
    """Puts whole encoded entries in an entry's place; none of them takes it out."""

    entry: Entry
    replacements: tuple[bytes, ...]


def rebuild(frame: Frame, payload: bytes | memoryview, edits: Sequence[Edit]) -> Frame | None:
    """The frame with ``edits``, in the order of their entries, carried out on its payload.

    Everything else stays byte for byte, except what the edits make untrue: the array's count,
    the string's length and the option ``size``. A compressed body is compressed again. A
    Message that becomes several entries becomes a Forward frame. None where the edits leave no
    entry; a frame that came without entries stays as it is.
    """
    added = sum(len(edit.replacements) - 1 for edit in edits)
    pieces = list(_pieces(payload, edits))
    if edits and not any(pieces):
        return None
    options = _options(frame, added)
    if frame.mode is Mode.MESSAGE and added:
        raw = b"".join((_forward_head(frame), _forward_body(edits), options))
        return replace(frame_of(raw), json=frame.json)
    head, count = frame.raw[: frame.tag_end], frame.count
    if frame.mode is Mode.FORWARD:
        assert count is not None
        count += added
        head += array_header(frame.raw[frame.tag_end], count)
    elif frame.mode is Mode.PACKED_FORWARD:
        if frame.compressed:
            pieces = [deflate(b"".join(pieces), frame.compressed)]
        head += _string_header(frame.raw[frame.tag_end], sum(map(len, pieces)))
    raw = b"".join((head, *pieces, options))
    body_end = len(raw) - len(options)
    return replace(
        frame,
        raw=raw,
        body_start=len(head),
        body_end=body_end,
        count=count,
        options_start=body_end if options else None,
        index=None,
    )


def retag(frame: Frame, tag: str) -> Frame:
    """The frame under another tag; only the tag's bytes change."""
    start = frame.tag_start
    text = tag.encode("utf-8", "surrogateescape")
    was_bin = frame.raw[start] in (0xC4, 0xC5, 0xC6)
    head = frame.raw[:start] + (encode_value(text) if was_bin else encode_value(tag))
    shift = len(head) - frame.tag_end
    return replace(
        frame,
        raw=head + frame.raw[frame.tag_end :],
        tag=tag,
        tag_end=len(head),
        body_start=frame.body_start + shift,
        body_end=frame.body_end + shift,
        options_start=None if frame.options_start is None else frame.options_start + shift,
    )


def entry_with(
    entry: Entry, payload: bytes | memoryview, record: bytes, time: int | None = None
) -> bytes:
    """An entry with another record and, unless None, another time in nanoseconds.

    Its header and its metadata stay as they came.
    """
    moment = payload[entry.time_start : entry.time_end] if time is None else encode_time(time)
    return b"".join(
        (
            payload[entry.start : entry.time_start],
            moment,
            payload[entry.time_end : entry.record_start],
            record,
            payload[entry.record_end : entry.end],
        )
    )


def encode_entry(time: int, record: bytes) -> bytes:
    """``[time, record]``: nanoseconds since the epoch, and a raw map."""
    return PAIR + encode_time(time) + record


def encode_forward(tag: str, entries: Iterable[bytes], options: Mapping[str, Any]) -> bytes:
    """A Forward message of encoded entries; without the third element where no options are."""
    body = list(entries)
    raw = array_header(0x90, len(body)) + b"".join(body)
    if not options:
        return PAIR + encode_value(tag) + raw
    return b"\x93" + encode_value(tag) + raw + encode_value(dict(options))


def _pieces(payload: bytes | memoryview, edits: Sequence[Edit]) -> Iterator[bytes | memoryview]:
    position = 0
    for edit in edits:
        yield payload[position : edit.entry.start]
        yield from edit.replacements
        position = edit.entry.end
    yield payload[position:]


def _forward_head(frame: Frame) -> bytes:
    """The head of a Message made into that of a Forward message, one element shorter."""
    count = 2 if frame.options_start is None else 3
    return array_header(frame.raw[0], count) + frame.raw[frame.tag_start : frame.tag_end]


def _forward_body(edits: Sequence[Edit]) -> bytes:
    entries = [PAIR + replacement for edit in edits for replacement in edit.replacements]
    return array_header(0x90, len(entries)) + b"".join(entries)


def bin_header(body: bytes) -> bytes:
    """The header of a bin value that holds ``body``."""
    return _string_header(0xC4, len(body))


def array_header(first: int, count: int) -> bytes:
    """The header of an array, as wide as the one that began with ``first``, or as it has to be."""
    if first & 0xF0 == 0x90 and count < 16:
        return bytes([0x90 | count])
    if first != 0xDD and count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def _string_header(first: int, length: int) -> bytes:
    """The header of a str or bin, of the kind and at least the width of the one it replaces."""
    if first & 0xE0 == 0xA0:
        if length < 32:
            return bytes([0xA0 | length])
        first = 0xD9
    widest = 0xC6 if first in (0xC4, 0xC5, 0xC6) else 0xDB
    while first < widest and length >> (8 * STRING_WIDTHS[first]):
        first += 1
    return bytes([first]) + length.to_bytes(STRING_WIDTHS[first], "big")


def _options(frame: Frame, added: int) -> bytes:
    """The options, with ``size`` brought up to date where there is one."""
    if frame.options_start is None:
        return b""
    raw = frame.raw[frame.options_start :]
    if not added or raw[0] == NIL:
        return raw
    options = RawMap(raw)
    count = _size_of(options)
    if count is not None:
        options.set("size", encode_value(min(max(count + added, 0), MOST_ENTRIES)))
    return options.to_bytes()


MOST_ENTRIES = 2**64 - 1
"""That the option ``size`` can tell; some clients fill it with nonsense."""


def _size_of(options: RawMap) -> int | None:
    """The option ``size``, None where it is absent or no integer."""
    raw = options.get("size")
    if raw is None:
        return None
    try:
        count = msgpack.unpackb(raw, strict_map_key=False)
    except (ValueError, TypeError):
        return None
    return count if isinstance(count, int) and not isinstance(count, bool) else None
