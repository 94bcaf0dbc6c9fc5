from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import EntryKind, encode_time, walk
from fluent_pipeline.protocol.frames import Frame, Mode, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import (
    Edit,
    encode_entry,
    encode_forward,
    entry_with,
    rebuild,
    retag,
)
from support.wire import Writer

LIMITS = Limits()
Pairs = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Sample:
    """A frame, and the (seconds, record) pairs that are in it."""

    frame: Frame
    pairs: Pairs


def forward_pairs(frame: Frame) -> Pairs:
    payload = frame.payload(LIMITS)
    return [
        (entry.time // 10**9, msgpack.unpackb(payload[entry.record_start : entry.record_end]))
        for entry in walk(payload, frame.mode)
    ]


def options_of(frame: Frame) -> Any:
    start = frame.options_start
    return None if start is None else msgpack.unpackb(frame.raw[start:], strict_map_key=False)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Frames of every mode, with headers of random widths."""
    writer = Writer(random.Random(draw(st.integers(0, 9999))))
    mode = draw(st.sampled_from(["message", "forward", "packed", "gzip", "zstd"]))
    count = 1 if mode == "message" else draw(st.integers(1, 20))
    pairs = [(number, {"n": number, "text": "x" * number}) for number in range(count)]
    with_metadata = draw(st.booleans())
    entries = [
        writer.encode([[time, {"m": 1}] if with_metadata else time, record])
        for time, record in pairs
    ]
    options = draw(
        st.sampled_from([{}, {"chunk": "c"}, {"size": count, "chunk": "c"}, {"size": "odd"}])
    )
    if mode in ("gzip", "zstd"):
        options = {**options, "compressed": mode}
    if mode == "message":
        body = writer.encode(pairs[0][0]) + writer.encode(pairs[0][1])
    elif mode == "forward":
        body = _array(writer, entries)
    else:
        joined = b"".join(entries)
        body = writer.encode(deflate(joined, mode) if mode in ("gzip", "zstd") else joined)
    tail = writer.encode(options) if options else draw(st.sampled_from([b"", b"\xc0"]))
    elements = (3 if mode == "message" else 2) + bool(tail)
    raw = bytes([0x90 | elements]) + writer.encode("tag") + body + tail
    return Sample(frame_of(raw), pairs)


def _array(writer: Writer, entries: list[bytes]) -> bytes:
    header = writer.encode([None] * len(entries))[: -len(entries)]
    return header + b"".join(entries)


@given(samples())
def test_without_edits_a_frame_stays_byte_for_byte(sample: Sample) -> None:
    rebuilt = rebuild(sample.frame, sample.frame.payload(LIMITS), [])
    if sample.frame.compressed:
        assert rebuilt is not None
        assert forward_pairs(rebuilt) == sample.pairs
    else:
        assert rebuilt == sample.frame


@given(samples(), st.data())
def test_edits_change_their_entries_and_nothing_else(sample: Sample, data: st.DataObject) -> None:
    frame, payload = sample.frame, sample.frame.payload(LIMITS)
    edits, expected = [], []
    for entry, pair in zip(walk(payload, frame.mode), sample.pairs, strict=True):
        action = data.draw(st.sampled_from(["keep", "keep", "drop", "replace", "double"]))
        changed = {**pair[1], "changed": True}
        with_it = entry_with(entry, payload, encode_value(changed))
        if action == "keep":
            expected.append(pair)
            continue
        copies = {"drop": 0, "replace": 1, "double": 2}[action]
        edits.append(Edit(entry, (with_it,) * copies))
        expected += [(pair[0], changed)] * copies
    rebuilt = rebuild(frame, payload, edits)
    if rebuilt is None:
        assert expected == []
        return
    assert rebuilt == frame_of(rebuilt.raw)
    assert forward_pairs(rebuilt) == expected
    assert (rebuilt.tag, rebuilt.chunk, rebuilt.compressed) == (
        frame.tag, frame.chunk, frame.compressed
    )  # fmt: skip
    options, before = options_of(rebuilt), options_of(frame)
    if before and isinstance(before.get("size"), int):
        before["size"] += len(expected) - len(sample.pairs)
    assert options == before


@given(samples(), st.text(max_size=300))
def test_another_tag_changes_the_tag_alone(sample: Sample, tag: str) -> None:
    renamed = retag(sample.frame, tag)
    assert renamed == frame_of(renamed.raw)
    assert renamed.tag == tag
    assert renamed.raw[renamed.tag_end :] == sample.frame.raw[sample.frame.tag_end :]
    assert (
        retag(renamed, "tag").raw[retag(renamed, "tag").tag_end :]
        == (sample.frame.raw[sample.frame.tag_end :])
    )


def test_a_bin_tag_stays_bin_and_bytes_that_are_not_utf8_stay() -> None:
    renamed = retag(frame_of(b"\xdc\x00\x02\xc4\x02\xff\xfe\x90"), "eql.\udcff\udcfe")
    assert renamed.raw == b"\xdc\x00\x02\xc4\x06eql.\xff\xfe\x90"


@pytest.mark.parametrize("before", [15, 16, 65_535, 65_536])
def test_the_header_of_the_array_grows_where_it_has_to(before: int) -> None:
    frame = frame_of(encode_forward("t", [encode_entry(0, b"\x80")] * before, {"size": before}))
    payload = frame.payload(LIMITS)
    first = next(walk(payload, frame.mode))
    rebuilt = rebuild(frame, payload, [Edit(first, (encode_entry(0, b"\x80"),) * 2)])
    assert rebuilt is not None
    assert rebuilt.count == before + 1
    assert options_of(rebuilt) == {"size": before + 1}


@pytest.mark.parametrize(
    ("header", "width"), [(b"\xd9", 1), (b"\xc4", 1), (b"\xda", 2), (b"\xc5", 2), (b"\xc6", 4)]
)
def test_the_header_of_a_packed_body_keeps_its_kind_and_grows_where_it_has_to(
    header: bytes, width: int
) -> None:
    entry = encode_entry(0, b"\x80")
    frame = frame_of(b"\x92\xa1t" + header + len(entry).to_bytes(width, "big") + entry)
    (found,) = walk(frame.payload(LIMITS), frame.mode)
    for size in (10, 200, 300, 70_000):
        record = encode_value({"a": "x" * size})
        edit = Edit(found, (encode_entry(0, record),))
        rebuilt = rebuild(frame, frame.payload(LIMITS), [edit])
        assert rebuilt is not None
        assert forward_pairs(rebuilt) == [(0, {"a": "x" * size})]
        first = rebuilt.raw[rebuilt.tag_end]
        assert (first in (0xC4, 0xC5, 0xC6)) == (header[0] in (0xC4, 0xC5, 0xC6))
        assert first >= header[0]


def test_an_entry_with_another_record_keeps_its_header_and_metadata() -> None:
    time = encode_time(7)
    raw = b"\xdd\x00\x00\x00\x02\xdc\x00\x02" + time + b"\xdf\x00\x00\x00\x00" + b"\x81\xa1a\x01"
    (entry,) = walk(raw, Mode.FORWARD)
    assert entry_with(entry, raw, b"\x80") == raw[: -len(b"\x81\xa1a\x01")] + b"\x80"
    assert entry_with(entry, raw, b"\x80", 8) == raw[:8] + encode_time(8) + raw[18:23] + b"\x80"


def test_a_bad_entry_and_group_markers_stay_where_they_were() -> None:
    marker = b"\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80"
    entries = [marker, encode_entry(1, b"\x80"), b"\x05", encode_entry(2, b"\x80")]
    frame = frame_of(encode_forward("t", entries, {}))
    payload = frame.payload(LIMITS)
    edits = [Edit(e, ()) for e in walk(payload, frame.mode) if e.kind is EntryKind.EVENT]
    rebuilt = rebuild(frame, payload, edits)
    assert rebuilt is not None
    assert rebuilt.raw == encode_forward("t", [marker, b"\x05"], {})


@pytest.mark.parametrize(
    ("options", "rest"),
    [(b"", b""), (b"\xc0", b"\xc0"), (b"\x81\xa4size\x01", b"\x81\xa4size\x02")],
)
def test_a_message_that_becomes_two_entries_becomes_a_forward_frame(
    options: bytes, rest: bytes
) -> None:
    count = 4 if options else 3
    frame = frame_of(bytes([0x90 | count]) + b"\xa1t\x05\x80" + options)
    (entry,) = walk(frame.payload(LIMITS), frame.mode)
    edit = Edit(entry, (b"\x05\x80", b"\x06\x80"))
    rebuilt = rebuild(frame, frame.payload(LIMITS), [edit])
    assert rebuilt is not None
    head = bytes([0x90 | count - 1])
    assert rebuilt.raw == head + b"\xa1t\x92\x92\x05\x80\x92\x06\x80" + rest
    assert rebuilt.mode is Mode.FORWARD


def test_a_frame_of_our_own_has_options_only_where_it_has_some() -> None:
    entry = encode_entry(7, b"\x80")
    assert encode_forward("t", [entry], {}) == b"\x92\xa1t\x91" + entry
    with_options = encode_forward("t", [entry], {"size": 1})
    assert with_options == b"\x93\xa1t\x91" + entry + b"\x81\xa4size\x01"
