from __future__ import annotations

import random
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.protocol.entries import (
    Entry,
    EntryKind,
    encode_time,
    ends_of,
    entries_at,
    entry_between,
    walk,
)
from fluent_pipeline.protocol.frames import Mode
from support.wire import Writer

TIME = b"\xd7\x00\x65\x00\x00\x00\x00\x00\x00\x07"
NANOSECONDS = 0x65000000 * 10**9 + 7
RECORD = b"\x81\xa1a\x01"
GOOD = b"\x92" + TIME + RECORD


def only(raw: bytes, mode: Mode = Mode.FORWARD) -> Entry:
    (entry,) = walk(raw, mode)
    return entry


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (TIME, NANOSECONDS),
        (b"\xc7\x08" + TIME[1:], NANOSECONDS),
        (b"\xc8\x00\x08" + TIME[1:], NANOSECONDS),
        (b"\xc9\x00\x00\x00\x08" + TIME[1:], NANOSECONDS),
        (b"\x05", 5 * 10**9),
        (b"\xce\x65\x00\x00\x00", 0x65000000 * 10**9),
        (b"\xcf\x00\x00\x00\x00\x65\x00\x00\x00", 0x65000000 * 10**9),
        (b"\xff", -(10**9)),
        (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 15 * 10**8),
        (b"\xca\x3f\xc0\x00\x00", 15 * 10**8),
    ],
)
@pytest.mark.parametrize(
    ("head", "tail"),
    [
        (b"\x92", b""),
        (b"\xdc\x00\x02", b""),
        (b"\xdd\x00\x00\x00\x02", b""),
        (b"\x92\x92", b"\x80"),
        (b"\xdd\x00\x00\x00\x02\xdc\x00\x02", b"\x81\xa1m\x80"),
    ],
)
def test_an_entry_tells_its_time_and_where_its_parts_are(
    time: bytes, expected: int, head: bytes, tail: bytes
) -> None:
    raw = b"".join((head, time, tail, RECORD))
    entry = only(raw)
    assert (entry.kind, entry.time, entry.start, entry.end) == (
        EntryKind.EVENT, expected, 0, len(raw)
    )  # fmt: skip
    assert raw[entry.time_start : entry.time_end] == time
    assert raw[entry.record_start : entry.record_end] == RECORD


def test_the_one_entry_of_a_message_is_its_time_and_record() -> None:
    entry = only(TIME + RECORD, Mode.MESSAGE)
    assert (entry.time, entry.start, entry.end) == (NANOSECONDS, 0, len(TIME + RECORD))
    assert (entry.time_start, entry.record_start) == (0, len(TIME))


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [(b"\xff\xff\xff\xff", EntryKind.GROUP_START), (b"\xff\xff\xff\xfe", EntryKind.GROUP_END)],
)
def test_the_markers_of_a_group_are_no_events(seconds: bytes, kind: EntryKind) -> None:
    raw = b"\x92\x92\xd7\x00" + seconds + b"\x00\x00\x00\x00\x81\xa1g\x01\x80"
    assert only(raw).kind is kind


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x05", "expected [time, record]"),
        (b"\xc0", "expected [time, record]"),
        (b"\x80", "expected [time, record]"),
        (b"\x90", "expected [time, record]"),
        (b"\x91" + TIME, "expected [time, record]"),
        (b"\x93" + TIME + RECORD + b"\xc0", "expected [time, record]"),
        (b"\x92\x91" + TIME + RECORD, "expected [time, metadata]"),
        (b"\x92\x90" + RECORD, "expected [time, metadata]"),
        (b"\x92" + TIME + b"\xc0", "expected a map as the record"),
        (b"\x92" + TIME + b"\xa1x", "expected a map as the record"),
        (b"\x92\xc0" + RECORD, "expected an EventTime"),
        (b"\x92\xa15" + RECORD, "expected an EventTime"),
        (b"\x92\xc3" + RECORD, "expected an EventTime"),
        (b"\x92\x80" + RECORD, "expected an EventTime"),
        (b"\x92\xd7\x05" + TIME[2:] + RECORD, "expected an EventTime"),
        (b"\x92\xd6\x00" + TIME[2:6] + RECORD, "expected an EventTime"),
        (b"\x92\xd6\xff" + TIME[2:6] + RECORD, "expected an EventTime"),
        (b"\x92\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00" + RECORD, "expected an EventTime"),
        (b"\x92\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00" + RECORD, "expected an EventTime"),
        (b"\x92\xcb\x7f\xef\xff\xff\xff\xff\xff\xff" + RECORD, "expected an EventTime"),
        (b"\x92\xcb\xff\xef\xff\xff\xff\xff\xff\xff" + RECORD, "expected an EventTime"),
        (b"\x92\x81\x90\x01" + RECORD, "unhashable"),
        (b"\x92\x92\x81\x90\x01\x80" + RECORD, "unhashable"),
        (b"\x92\xc7\x03\xff\x00\x00\x00" + RECORD, "timestamp"),
        (b"\x92\xc7\x09\x00" + TIME[2:] + b"\x00" + RECORD, "expected an EventTime"),
    ],
)
def test_a_bad_entry_says_what_was_expected_and_costs_the_others_nothing(
    raw: bytes, reason: str
) -> None:
    before, bad, after = walk(GOOD + raw + GOOD, Mode.FORWARD)
    assert (bad.kind, bad.start, bad.end) == (EntryKind.BAD, len(GOOD), len(GOOD + raw))
    assert reason in bad.reason
    assert (before.kind, after.kind) == (EntryKind.EVENT, EntryKind.EVENT)


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (GOOD[:-1], "ends inside an entry"),
        (b"\xc1" + GOOD, "malformed msgpack"),
        (b"\x92" + TIME + b"\x91" * 2000, "nests too deep"),
        (b"\xdb\xff\xff\xff\xff", "ends inside an entry"),
    ],
)
def test_bytes_that_are_no_entry_end_the_walk_as_one_bad_entry(rest: bytes, reason: str) -> None:
    good, bad = walk(GOOD + rest, Mode.PACKED_FORWARD)
    assert good.kind is EntryKind.EVENT
    assert (bad.kind, bad.start, bad.end) == (EntryKind.BAD, len(GOOD), len(GOOD + rest))
    assert reason in bad.reason


def test_nothing_holds_no_entries() -> None:
    assert list(walk(b"", Mode.FORWARD)) == []


values = (
    st.none()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.lists(st.booleans(), max_size=20)
)
records = st.dictionaries(st.text(max_size=8), values)


@given(st.lists(records, max_size=8), st.integers(0, 999))
def test_the_walk_finds_what_was_written_whatever_the_widths_of_its_headers(
    written: list[dict[str, Any]], seed: int
) -> None:
    writer = Writer(random.Random(seed))
    payload = b"".join(writer.encode([number, record]) for number, record in enumerate(written))
    found = list(walk(memoryview(payload), Mode.FORWARD))
    assert [entry.time for entry in found] == [number * 10**9 for number in range(len(written))]
    raws = [payload[entry.record_start : entry.record_end] for entry in found]
    assert [msgpack.unpackb(raw) for raw in raws] == written
    assert b"".join(payload[entry.start : entry.end] for entry in found) == payload


@given(st.integers(1, 12), st.data())
def test_only_the_entries_that_hold_an_offset_are_given(count: int, data: st.DataObject) -> None:
    payload = b"".join(b"\x92" + bytes([n]) + b"\x81\xa1a" + bytes([n]) for n in range(count))
    offsets = sorted(data.draw(st.lists(st.integers(0, len(payload) - 1), max_size=6)))
    expected = [
        entry
        for entry in walk(payload, Mode.FORWARD)
        if any(entry.start <= offset < entry.end for offset in offsets)
    ]
    assert list(entries_at(payload, Mode.FORWARD, offsets)) == expected


@given(st.integers(0, 0xFFFFFFFD * 10**9))
def test_a_time_that_is_written_is_read_again(time: int) -> None:
    assert only(b"\x92" + encode_time(time) + b"\x80").time == time


@pytest.mark.parametrize("time", [-1, -(10**20), 0xFFFFFFFE * 10**9, 10**40])
def test_a_time_that_event_time_cannot_hold_becomes_whole_seconds(time: int) -> None:
    entry = only(b"\x92" + encode_time(time) + b"\x80")
    assert entry.kind is EntryKind.EVENT
    if -(2**63) < time // 10**9 < 2**64:
        assert entry.time == time // 10**9 * 10**9


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (10**40, b"\xcf" + b"\xff" * 8),
        (-(10**40), b"\xd3\x80" + bytes(7)),
        (0xFFFFFFFE * 10**9, b"\xce\xff\xff\xff\xfe"),
        (0xFFFFFFFE * 10**9 - 1, b"\xd7\x00\xff\xff\xff\xfd\x3b\x9a\xc9\xff"),
        (0, b"\xd7\x00" + bytes(8)),
        (-1, b"\xff"),
    ],
)
def test_a_time_is_written_as_event_time_or_as_the_nearest_integer(
    time: int, written: bytes
) -> None:
    assert encode_time(time) == written


@pytest.mark.parametrize(
    "time",
    [b"\xcb\x7f\xef\xff\xff\xff\xff\xff\xff", b"\xd4\x05\x00", b"\xd6\xff\x00\x00\x00\x01"],
)
def test_a_message_whose_time_is_none_is_one_bad_entry(time: bytes) -> None:
    entry = only(time + RECORD, Mode.MESSAGE)
    assert (entry.kind, entry.start, entry.end) == (EntryKind.BAD, 0, len(time + RECORD))


def test_the_nanoseconds_of_an_event_time_may_be_over_a_second() -> None:
    assert only(b"\x92\xd7\x00\x00\x00\x00\x01\xff\xff\xff\xff\x80").time == 10**9 + 0xFFFFFFFF


def test_groups_keep_their_place_among_the_events() -> None:
    start = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
    end = b"\x92\x92\xd7\x00\xff\xff\xff\xfe\x00\x00\x00\x00\x80\x80"
    entries = walk(start + GOOD + end + GOOD, Mode.PACKED_FORWARD)
    assert [(entry.kind, entry.time) for entry in entries] == [
        (EntryKind.GROUP_START, 0),
        (EntryKind.EVENT, NANOSECONDS),
        (EntryKind.GROUP_END, 0),
        (EntryKind.EVENT, NANOSECONDS),
    ]


@given(st.binary(max_size=200), st.sampled_from([Mode.FORWARD, Mode.PACKED_FORWARD]))
def test_any_bytes_at_all_are_entries_that_fill_the_payload(data: bytes, mode: Mode) -> None:
    entries = list(walk(data, mode))
    assert b"".join(data[entry.start : entry.end] for entry in entries) == data
    assert list(entries_at(data, mode, range(len(data)))) == entries


bad = st.sampled_from(
    [b"\xc0", b"\x90", b"\x91\x80", b"\x93\x01\x80\x80", b"\x92\x01\x02", b"\xa1x"]
)


@given(st.lists(st.one_of(bad, st.just(GOOD)), max_size=8), st.data())
def test_bad_entries_are_asked_for_by_offset_like_all_others(
    parts: list[bytes], data: st.DataObject
) -> None:
    payload = b"".join(parts)
    offsets = sorted(data.draw(st.sets(st.integers(0, max(len(payload) - 1, 0)), max_size=5)))
    every = list(walk(payload, Mode.FORWARD))
    asked = [e for e in every if any(e.start <= offset < e.end for offset in offsets)]
    assert [(e.kind is EntryKind.EVENT) for e in every] == [part == GOOD for part in parts]
    assert list(entries_at(payload, Mode.FORWARD, offsets)) == asked


def by_ends(payload: bytes | memoryview, ends: list[int], mode: Mode) -> list[Entry]:
    """The entries between these ends."""
    pairs = zip([0, *ends], ends, strict=False)
    return [entry_between(payload, start, end, mode) for start, end in pairs]


GROUP = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
NO_ENTRIES = [b"\xc1", GOOD[:-1], b"\x92" + TIME + b"\x91" * 2000, b"\xdb\xff\xff\xff\xff"]
forms = st.sampled_from([GOOD, GROUP, b"\x92\x05\x80", b"\x92\x92" + TIME + b"\x80" + RECORD])


@given(
    st.lists(forms | bad, max_size=8),
    st.sampled_from([Mode.FORWARD, Mode.PACKED_FORWARD]),
    st.sampled_from([bytes, memoryview]),
)
def test_the_entries_between_the_ends_are_those_of_a_walk(
    parts: list[bytes], mode: Mode, kind: type[bytes] | type[memoryview]
) -> None:
    payload = kind(b"".join(parts))
    ends = ends_of(payload, mode)
    assert ends == [len(b"".join(parts[: number + 1])) for number in range(len(parts))]
    assert by_ends(payload, ends, mode) == list(walk(payload, mode))


@given(st.lists(forms | bad, max_size=4), st.sampled_from(NO_ENTRIES))
def test_a_payload_with_bytes_that_are_no_entry_has_no_ends(
    parts: list[bytes], rest: bytes
) -> None:
    assert ends_of(b"".join(parts) + rest, Mode.PACKED_FORWARD) is None


@given(st.binary(max_size=200), st.sampled_from([Mode.FORWARD, Mode.PACKED_FORWARD]))
def test_of_any_bytes_at_all_there_are_the_ends_of_a_walk_or_its_last_entry_is_none(
    data: bytes, mode: Mode
) -> None:
    entries = list(walk(data, mode))
    ends = ends_of(data, mode)
    if ends is None:
        last = entries.pop()
        assert (last.kind, last.end) == (EntryKind.BAD, len(data))
        data = data[: last.start]
        ends = ends_of(data, mode)
        assert ends is not None
    assert by_ends(data, ends, mode) == entries


def test_the_one_entry_of_a_message_ends_with_its_payload() -> None:
    payload = TIME + RECORD
    assert ends_of(payload, Mode.MESSAGE) == [len(payload)]
    assert by_ends(payload, [len(payload)], Mode.MESSAGE) == list(walk(payload, Mode.MESSAGE))
