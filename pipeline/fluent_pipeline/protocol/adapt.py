"""Frames in the form in which a target takes them: entry format, compression, size.

A frame that the target takes as it is stays byte for byte. What the receivers refuse: Fluentd up
to 1.19.3 drops entries with metadata or a float time; Fluent Bit's input refuses messages over
its ``buffer_max_size``, and loses zstd bodies that inflate to more than its ``buffer_chunk_size``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgpack

from fluent_eql.event import encode_value
from fluent_eql.splice import RawMap
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import Entry, EntryKind, encode_time, walk
from fluent_pipeline.protocol.frames import Frame, Mode, frame_of
from fluent_pipeline.protocol.framing import NIL
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import PAIR, array_header, bin_header

KEEP, NONE = "keep", "none"
V1 = "v1"
FLOATS = (0xCA, 0xCB)
ZSTD_LIMIT = 1_000_000
"""The most that a zstd body may inflate to for Fluent Bit's input at its default settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFormat:
    """What a target takes.

    ``entry_format``: ``keep``, or ``v1`` for entries ``[time, record]``. ``compress``: ``keep``,
    ``none``, ``gzip`` or ``zstd``. ``limit``: bytes of a message's entries, inflated, at most; a
    single entry may be larger.
    """

    entry_format: str = KEEP
    compress: str = KEEP
    limit: int = 4 * 1024 * 1024


def adapt(frame: Frame, payload_size: int, target: TargetFormat, limits: Limits) -> list[Frame]:
    """The frame as the target takes it, in one or more parts; none where nothing is left of it.

    ``payload_size`` is that of the inflated entries. Each of several parts has a chunk of its
    own, made from the frame's; the same frame gives the same parts.
    Raises RemoteProtocolError where a compressed body cannot be inflated.
    """
    fits = _fits(frame, payload_size, target)
    if frame.signal or (fits and target.entry_format == KEEP):
        return [frame]
    payload = frame.payload(limits)
    found = list(walk(payload, frame.mode))
    to_v1 = target.entry_format == V1 and any(_is_beyond_v1(entry, payload) for entry in found)
    if fits and not to_v1:
        return [frame]
    if to_v1:
        whole = [_in_v1(entry, payload, frame.mode) for entry in found if _is_record(entry)]
    else:
        whole = [_whole(entry, payload, frame.mode) for entry in found]
    compress = _compression(frame, target)
    parts = list(_parts(whole, _limit(compress, target)))
    return [
        _part(frame, part, compress, number if len(parts) > 1 else None)
        for number, part in enumerate(parts)
    ]


def _fits(frame: Frame, payload_size: int, target: TargetFormat) -> bool:
    compress = _compression(frame, target)
    return compress == frame.compressed and payload_size <= _limit(compress, target)


def _compression(frame: Frame, target: TargetFormat) -> str | None:
    """How the frame's body is to be compressed; None for not at all."""
    if target.compress == KEEP:
        return frame.compressed
    return None if target.compress == NONE else target.compress


def _limit(compress: str | None, target: TargetFormat) -> int:
    return min(target.limit, ZSTD_LIMIT) if compress == "zstd" else target.limit


def _whole(entry: Entry, payload: bytes | memoryview, mode: Mode) -> bytes:
    """An entry with its header, which a Message's lacks."""
    raw = bytes(payload[entry.start : entry.end])
    return PAIR + raw if mode is Mode.MESSAGE else raw


def _is_beyond_v1(entry: Entry, payload: bytes | memoryview) -> bool:
    """Whether Fluentd would take an entry for something else, or drop it."""
    if entry.kind is not EntryKind.EVENT:
        return entry.kind is not EntryKind.BAD
    return entry.record_start != entry.time_end or payload[entry.time_start] in FLOATS


def _is_record(entry: Entry) -> bool:
    """Whether an entry is more than a marker of a group, which v1 has no form for."""
    return entry.kind in (EntryKind.EVENT, EntryKind.BAD)


def _in_v1(entry: Entry, payload: bytes | memoryview, mode: Mode) -> bytes:
    if not _is_beyond_v1(entry, payload):
        return _whole(entry, payload, mode)
    time = payload[entry.time_start : entry.time_end]
    moment = encode_time(entry.time) if time[0] in FLOATS else time
    return b"".join((PAIR, moment, payload[entry.record_start : entry.record_end]))


def _parts(entries: list[bytes], limit: int) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for entry in entries:
        if part and size + len(entry) > limit:
            yield part
            part, size = [], 0
        part.append(entry)
        size += len(entry)
    if part:
        yield part


def _part(frame: Frame, entries: list[bytes], compress: str | None, number: int | None) -> Frame:
    tag = frame.raw[frame.tag_start : frame.tag_end]
    options = _options(frame, len(entries), compress, number)
    if compress is None and frame.mode is not Mode.PACKED_FORWARD:
        body = array_header(0x90, len(entries)) + b"".join(entries)
    else:
        packed = b"".join(entries)
        body = bin_header(packed := deflate(packed, compress) if compress else packed) + packed
    head = b"\x93" if options else PAIR
    return replace(frame_of(head + tag + body + options), json=frame.json)


def _options(frame: Frame, count: int, compress: str | None, number: int | None) -> bytes:
    """The frame's options, those brought up to date that the change makes untrue."""
    has_some = frame.options_start is not None and frame.raw[frame.options_start] != NIL
    if not has_some and compress is None:
        return b""
    options = RawMap(frame.raw[frame.options_start :] if has_some else b"\x80")
    if options.get("size") is not None:
        options.set("size", encode_value(count))
    if compress != frame.compressed:
        options.set("compressed", encode_value(compress or "text"))
    if frame.chunk is not None and number is not None:
        options.set("chunk", encode_value(_chunk_of_part(frame.chunk, number)))
    return options.to_bytes()


def _chunk_of_part(chunk: bytes, number: int) -> str:
    return hashlib.sha256(chunk + msgpack.packb(number)).hexdigest()[:32]
