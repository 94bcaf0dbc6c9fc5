from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_pipeline.protocol.adapt import ZSTD_LIMIT, TargetFormat, adapt
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import EntryKind, encode_time, walk
from fluent_pipeline.protocol.frames import Frame, Mode, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_entry, encode_forward

LIMITS = Limits()
TIME = encode_time(7)


def adapted(frame: Frame, **target: Any) -> list[Frame]:
    size = 0 if frame.signal else len(frame.payload(LIMITS))
    return adapt(frame, size, TargetFormat(**target), LIMITS)


def entries_of(frame: Frame) -> list[bytes]:
    payload = frame.payload(LIMITS)
    head = b"\x92" if frame.mode is Mode.MESSAGE else b""
    return [head + bytes(payload[e.start : e.end]) for e in walk(payload, frame.mode)]


def options_of(frame: Frame) -> Any:
    start = frame.options_start
    return None if start is None else msgpack.unpackb(frame.raw[start:])


def entry(number: int, size: int = 0) -> bytes:
    return encode_entry(number, encode_value({"n": number, "text": "x" * size}))


def packed(entries: bytes, **options: Any) -> Frame:
    tail = encode_value(options) if options else b""
    head = b"\x93" if options else b"\x92"
    return frame_of(head + b"\xa1t" + encode_value(entries) + tail)


FRAMES = [
    frame_of(encode_forward("t", [entry(1), entry(2)], {"size": 2, "chunk": "c"})),
    frame_of(b"\x93\xa1t" + TIME + b"\x81\xa1a\x01"),
    packed(entry(1) + entry(2), chunk="c"),
    packed(deflate(entry(1), "gzip") + deflate(entry(2), "gzip"), compressed="gzip"),
    packed(deflate(entry(1), "zstd"), compressed="zstd", size=1),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_what_a_target_takes_as_it_is_stays_the_same_frame(frame: Frame) -> None:
    assert adapted(frame) == [frame]
    assert adapted(frame, entry_format="v1") == [frame]
    assert adapted(frame)[0] is frame


def test_telemetry_is_never_touched() -> None:
    frame = packed(b"\xc1" * 100, fluent_signal=1)
    assert adapted(frame, entry_format="v1", compress="gzip", limit=10) == [frame]


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=20),
    st.integers(1, 2000),
    st.sampled_from(["forward", "packed", "gzip", "zstd"]),
    st.booleans(),
)
def test_the_parts_of_a_frame_hold_its_entries_in_order_each_below_the_limit(
    sizes: list[int], limit: int, mode: str, has_chunk: bool
) -> None:
    entries = [entry(number, size) for number, size in enumerate(sizes)]
    options = {"size": len(entries), "seq": 9} | ({"chunk": b"c"} if has_chunk else {})
    if mode == "forward":
        frame = frame_of(encode_forward("t", entries, options))
    elif mode == "packed":
        frame = packed(b"".join(entries), **options)
    else:
        frame = packed(deflate(b"".join(entries), mode), compressed=mode, **options)
    parts = adapted(frame, limit=limit)
    assert [raw for part in parts for raw in entries_of(part)] == entries
    assert adapted(frame, limit=limit) == parts
    for part in parts:
        assert part == frame_of(part.raw)
        assert len(part.payload(LIMITS)) <= limit or len(entries_of(part)) == 1
        assert (part.tag, part.mode, part.compressed) == (frame.tag, frame.mode, frame.compressed)
        assert options_of(part)["size"] == len(entries_of(part))
        assert options_of(part)["seq"] == 9
    chunks = [part.chunk for part in parts]
    assert len(set(chunks)) == (len(parts) if has_chunk else 1)
    if len(parts) == 1:
        assert chunks == [frame.chunk]


def test_a_zstd_body_that_fluent_bit_would_lose_is_split_whatever_the_limit() -> None:
    entries = [entry(number, 300_000) for number in range(5)]
    frame = packed(deflate(b"".join(entries), "zstd"), compressed="zstd", chunk="c")
    parts = adapted(frame)
    assert [len(entries_of(part)) for part in parts] == [3, 2]
    assert all(len(part.payload(LIMITS)) <= ZSTD_LIMIT for part in parts)
    gzipped = packed(deflate(b"".join(entries), "gzip"), compressed="gzip", chunk="c")
    assert adapted(gzipped) == [gzipped]


METADATA = b"\xdd\x00\x00\x00\x02\x92" + TIME + b"\x81\xa1m\x01\xdf\x00\x00\x00\x01\xa1a\x01"
FLOAT = b"\x92\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x80"
MARKER = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
BAD = b"\x05"


def test_v1_entries_have_no_metadata_and_their_records_keep_their_bytes() -> None:
    entries = [METADATA, entry(1), FLOAT, MARKER, BAD]
    frame = frame_of(encode_forward("t", entries, {"size": 5, "chunk": "c"}))
    (made,) = adapted(frame, entry_format="v1")
    assert entries_of(made) == [
        b"\x92" + TIME + b"\xdf\x00\x00\x00\x01\xa1a\x01",
        entry(1),
        b"\x92" + encode_time(15 * 10**8) + b"\x80",
        BAD,
    ]
    assert options_of(made) == {"size": 4, "chunk": "c"}


def test_a_message_with_a_float_time_gets_an_event_time_for_v1() -> None:
    frame = frame_of(b"\x93\xa1t\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x80")
    (made,) = adapted(frame, entry_format="v1")
    assert entries_of(made) == [b"\x92" + encode_time(15 * 10**8) + b"\x80"]


def test_of_a_frame_of_markers_nothing_is_left_for_v1() -> None:
    frame = frame_of(encode_forward("t", [MARKER, MARKER], {}))
    assert adapted(frame, entry_format="v1") == []


@pytest.mark.parametrize("compress", ["gzip", "zstd"])
@pytest.mark.parametrize("frame", FRAMES)
def test_bodies_are_compressed_as_the_target_is_set(frame: Frame, compress: str) -> None:
    (made,) = adapted(frame, compress=compress)
    assert made.compressed == compress
    assert entries_of(made) == entries_of(frame)
    assert made.chunk == frame.chunk


@pytest.mark.parametrize("frame", FRAMES)
def test_bodies_are_inflated_for_a_target_without_compression(frame: Frame) -> None:
    (made,) = adapted(frame, compress="none")
    assert made.compressed is None
    assert entries_of(made) == entries_of(frame)
    assert (made == frame) == (frame.compressed is None)


def test_a_json_clients_frame_is_still_one() -> None:
    value = encode_forward("t", [entry(1), entry(2)], {"chunk": "c"})
    frame = Frame(**{**_fields(frame_of(value)), "json": True})
    assert all(part.json for part in adapted(frame, limit=10))


def _fields(frame: Frame) -> dict[str, Any]:
    return {name: getattr(frame, name) for name in Frame.__dataclass_fields__}


def test_the_kinds_of_entries_above_are_what_they_are_meant_to_be() -> None:
    kinds = [entry.kind for entry in walk(METADATA + FLOAT + MARKER + BAD, Mode.FORWARD)]
    assert kinds == [EntryKind.EVENT, EntryKind.EVENT, EntryKind.GROUP_START, EntryKind.BAD]
