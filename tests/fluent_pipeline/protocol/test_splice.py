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
from fluent_pipeline.protocol.entries import Entry, EntryKind, encode_time, walk
from fluent_pipeline.protocol.frames import Frame, Mode, frame_of, message_of, parse_frame
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import (
    Edit,
    encode_entry,
    encode_forward,
    entry_with,
    rebuild,
    retag,
)
from support.forward import (
    MODES,
    Said,
    decoded,
    random_entry,
    random_message,
    random_record,
    said_by,
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
    options: dict[str, Any] = draw(
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


@st.composite
def frames(draw: st.DrawFn) -> tuple[Frame, random.Random]:
    """Frames of every mode and header width, with entries of every kind."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    mode = draw(st.sampled_from(MODES))
    entries = [random_entry(chance) for _ in range(draw(st.integers(0, 20)))]
    if mode == "message":
        entries = [[chance.choice([7, -7, 1.5, encoded_time(7)]), random_record(chance)]]
    return frame_of(random_message(chance, mode, entries)), chance


def encoded_time(time: int) -> Any:
    return decoded(encode_time(time))


def replacements_of(
    frame: Frame, entry: Entry, payload: bytes | memoryview, chance: random.Random, count: int
) -> tuple[bytes, ...]:
    """Whole entries to put in an entry's place."""
    if entry.kind is EntryKind.BAD:
        return tuple(encode_value([n, {"instead": n}]) for n in range(count))
    return tuple(
        entry_with(entry, payload, Writer(chance).encode(random_record(chance)), time)
        for time in [None, 8 * 10**9, None][:count]
    )


@given(frames(), st.data())
def test_a_rebuilt_frame_says_what_the_edits_make_of_the_decoded_one(
    made: tuple[Frame, random.Random], data: st.DataObject
) -> None:
    frame, chance = made
    payload, before = frame.payload(LIMITS), said_by(frame.raw)
    edits, expected, pieces = [], [], []
    for entry, value in zip(walk(payload, frame.mode), before.entries, strict=True):
        count = data.draw(st.sampled_from([None, None, 0, 1, 2, 3]))
        if count is None:
            expected.append(value)
            pieces.append(bytes(payload[entry.start : entry.end]))
            continue
        new = replacements_of(frame, entry, payload, chance, count)
        edits.append(Edit(entry, new))
        is_message = frame.mode is Mode.MESSAGE
        expected += [decoded(b"\x92" + raw if is_message else raw) for raw in new]
        pieces += [b"\x92" + raw if is_message and count > 1 else raw for raw in new]
    rebuilt = rebuild(frame, payload, edits)
    if rebuilt is None:
        assert edits
        assert expected == []
        return
    assert rebuilt == frame_of(rebuilt.raw)
    added = len(expected) - len(before.entries)
    assert said_by(rebuilt.raw) == Said(before.tag, expected, resized(before.options, added))
    assert rebuilt.payload(LIMITS) == b"".join(pieces)
    if frame.mode is not Mode.MESSAGE or not added:
        assert rebuilt.mode is frame.mode
        assert rebuilt.raw[: rebuilt.tag_end] == frame.raw[: frame.tag_end]
    if not added:
        assert raw_options(rebuilt) == raw_options(frame)


def resized(options: Any, added: int) -> Any:
    if isinstance(options, dict) and isinstance(options.get("size"), int):
        return {**options, "size": max(options["size"] + added, 0)}
    return options


def raw_options(frame: Frame) -> bytes | None:
    return None if frame.options_start is None else frame.raw[frame.options_start :]


@given(frames())
def test_a_frame_of_any_kind_stays_byte_for_byte_without_edits(
    made: tuple[Frame, random.Random],
) -> None:
    frame, payload = made[0], made[0].payload(LIMITS)
    rebuilt = rebuild(frame, payload, [])
    assert rebuilt is not None
    assert rebuilt.payload(LIMITS) == payload
    assert rebuilt == frame or frame.compressed
    events = [entry for entry in walk(payload, frame.mode) if entry.kind is not EntryKind.BAD]
    own = [Edit(e, (bytes(payload[e.start : e.end]),)) for e in events]
    again = [
        Edit(e, (entry_with(e, payload, bytes(payload[e.record_start : e.record_end])),))
        for e in events
    ]
    for edits in (own, again):
        assert rebuild(frame, payload, edits) == rebuilt


@given(frames(), st.sampled_from(["", "t", "eql.\udcff", "x" * 31, "x" * 32, "x" * 70_000]))
def test_a_retagged_frame_says_the_same_under_the_new_tag(
    made: tuple[Frame, random.Random], tag: str
) -> None:
    frame = made[0]
    renamed = retag(frame, tag)
    assert renamed == frame_of(renamed.raw)
    before = said_by(frame.raw)
    raw_tag = tag.encode("utf-8", "surrogateescape")
    expected: Any = raw_tag if isinstance(before.tag, bytes) else tag
    assert said_by(renamed.raw) == Said(expected, before.entries, before.options)
    assert renamed.raw[renamed.tag_end :] == frame.raw[frame.tag_end :]
    assert renamed.raw[0] == frame.raw[0]


COUNTS = [
    (b"\x9f", 15, 1, b"\xdc\x00\x10"),
    (b"\x92", 2, -1, b"\x91"),
    (b"\xdc\x00\x10", 16, -1, b"\xdc\x00\x0f"),
    (b"\xdc\x00\x02", 2, 1, b"\xdc\x00\x03"),
    (b"\xdc\xff\xff", 65_535, 1, b"\xdd\x00\x01\x00\x00"),
    (b"\xdd\x00\x01\x00\x00", 65_536, -1, b"\xdd\x00\x00\xff\xff"),
    (b"\xdd\x00\x00\x00\x01", 1, 1, b"\xdd\x00\x00\x00\x02"),
]


@pytest.mark.parametrize(("header", "count", "added", "expected"), COUNTS)
def test_the_header_of_the_array_stays_as_wide_as_it_can(
    header: bytes, count: int, added: int, expected: bytes
) -> None:
    frame = frame_of(b"\x92\xa1t" + header + b"\x92\x01\x80" * count)
    payload = frame.payload(LIMITS)
    first = next(walk(payload, frame.mode))
    rebuilt = rebuild(frame, payload, [Edit(first, (b"\x92\x01\x80",) * (1 + added))])
    assert rebuilt is not None
    assert rebuilt.raw == b"\x92\xa1t" + expected + b"\x92\x01\x80" * (count + added)


LENGTHS = [
    (b"\xbe", 31, b"\xbf"),
    (b"\xbf", 32, b"\xd9\x20"),
    (b"\xd9\x20", 31, b"\xd9\x1f"),
    (b"\xd9\xfe", 255, b"\xd9\xff"),
    (b"\xd9\xff", 256, b"\xda\x01\x00"),
    (b"\xda\x01\x00", 255, b"\xda\x00\xff"),
    (b"\xda\xff\xfe", 65_535, b"\xda\xff\xff"),
    (b"\xda\xff\xff", 65_536, b"\xdb\x00\x01\x00\x00"),
    (b"\xdb\x00\x01\x00\x00", 65_535, b"\xdb\x00\x00\xff\xff"),
    (b"\xc4\xff", 256, b"\xc5\x01\x00"),
    (b"\xc4\xff", 65_536, b"\xc6\x00\x01\x00\x00"),
    (b"\xc5\xff\xff", 65_536, b"\xc6\x00\x01\x00\x00"),
    (b"\xc5\x01\x00", 20, b"\xc5\x00\x14"),
    (b"\xc6\x00\x00\x00\x20", 31, b"\xc6\x00\x00\x00\x1f"),
]


def entry_of(length: int) -> bytes:
    """An entry of so many bytes."""
    head = b"\x92\x01\x81\xa1a"
    if length - len(head) - 1 < 32:
        return head + bytes([0xA0 | length - len(head) - 1]) + b"x" * (length - len(head) - 1)
    return head + b"\xdb" + (length - len(head) - 5).to_bytes(4, "big") + b"x" * (length - 10)


@pytest.mark.parametrize(("header", "length", "expected"), LENGTHS)
def test_the_header_of_a_packed_body_stays_as_wide_as_it_can(
    header: bytes, length: int, expected: bytes
) -> None:
    before = int.from_bytes(header[1:], "big") if header[1:] else header[0] & 0x1F
    raw = b"\x92\xa1t" + header + entry_of(before)
    frame = frame_of(raw)
    (found,) = walk(frame.payload(LIMITS), frame.mode)
    rebuilt = rebuild(frame, frame.payload(LIMITS), [Edit(found, (entry_of(length),))])
    assert rebuilt is not None
    assert rebuilt.raw == b"\x92\xa1t" + expected + entry_of(length)


@pytest.mark.parametrize(
    ("size", "doubled"),
    [
        (b"\x01", b"\x02"),
        (b"\xcd\x00\x01", b"\x02"),
        (b"\xff", b"\x00"),
        (b"\xd3\x80" + bytes(7), b"\x00"),
        (b"\xcf" + b"\xff" * 8, b"\xcf" + b"\xff" * 8),
        (b"\xc0", b"\xc0"),
        (b"\xc3", b"\xc3"),
        (b"\xa11", b"\xa11"),
        (b"\xa1\xff", b"\xa1\xff"),
        (b"\xca\x3f\x80\x00\x00", b"\xca\x3f\x80\x00\x00"),
        (b"\x81\x90\x01", b"\x81\x90\x01"),
        (b"\xc7\x03\xff\x00\x00\x00", b"\xc7\x03\xff\x00\x00\x00"),
    ],
)
def test_a_size_is_brought_up_to_date_where_it_is_a_number(size: bytes, doubled: bytes) -> None:
    head, entry = b"\x93\xa1t", b"\x92\x01\x80"
    frame = frame_of(head + b"\x91" + entry + b"\xde\x00\x02\xa1o\xcd\x00\x05\xa4size" + size)
    (found,) = walk(frame.payload(LIMITS), frame.mode)
    rebuilt = rebuild(frame, frame.payload(LIMITS), [Edit(found, (entry, entry))])
    assert rebuilt is not None
    options = b"\xde\x00\x02\xa1o\xcd\x00\x05\xa4size" + doubled
    assert rebuilt.raw == head + b"\x92" + entry * 2 + options


@pytest.mark.parametrize("raw", [b"\x92\xa1t\x90", b"\x93\xa1t\xc4\x00\x81\xa5chunk\xa1c"])
def test_a_frame_that_came_without_entries_stays(raw: bytes) -> None:
    frame = frame_of(raw)
    assert rebuild(frame, frame.payload(LIMITS), []) == frame


def test_what_came_as_json_is_still_acknowledged_as_json_when_changed() -> None:
    frame = parse_frame(message_of(b'["t",[[1,{}]],{"chunk":"c","size":1}]'))
    assert isinstance(frame, Frame)
    (entry,) = walk(frame.payload(LIMITS), frame.mode)
    changed = rebuild(frame, frame.payload(LIMITS), [Edit(entry, (b"\x92\x01\x80",) * 2)])
    assert changed is not None
    assert (changed.json, changed.chunk) == (True, b"\xa1c")
    assert retag(frame, "u").json
