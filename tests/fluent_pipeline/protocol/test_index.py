from __future__ import annotations

import random
from array import array

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.protocol.entries import ends_of, entries_at, entry_between, walk
from fluent_pipeline.protocol.frames import Frame, Mode, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.index import LEAST_ENTRY, MOST_ENTRIES, EntryIndex
from fluent_pipeline.protocol.limits import Limits
from support.forward import random_entry, random_message


def frames_of(data: bytes, split: random.Random | None = None) -> list[Frame]:
    """The frames of a stream that is split anywhere, read with an index."""
    framer = Framer(Limits())
    framer.indexing = True
    found = []
    while data:
        size = split.randrange(1, 40) if split else len(data)
        framer.receive_data(data[:size])
        data = data[size:]
        while isinstance(message := framer.next_message(), Message):
            frame = parse_frame(message)
            assert isinstance(frame, Frame)
            found.append(frame)
    return found


def forward(entries: list[bytes]) -> bytes:
    header = b"\xdd" + len(entries).to_bytes(4, "big")
    return b"\x92" + msgpack.packb("app") + header + b"".join(entries)


def entry(size: int) -> bytes:
    """One of that size."""
    made: bytes = msgpack.packb([1, {"x": b"." * (size - 7)}])
    return made


def test_spans_are_those_of_the_entries_that_hold_an_offset() -> None:
    index = EntryIndex(array("Q", [110, 115, 130]), 100)
    assert list(index.spans([0])) == [(0, 10)]
    assert list(index.spans([9, 10, 14, 29])) == [(0, 10), (10, 15), (15, 30)]
    assert list(index.spans([16, 17, 20])) == [(15, 30)]
    assert list(index.spans([])) == []


@given(st.integers(0, 10**6), st.lists(st.integers(0, 2000), max_size=8))
def test_an_index_finds_the_entries_that_a_walk_finds(seed: int, offsets: list[int]) -> None:
    source = random.Random(seed)
    stream = b"".join(
        random_message(
            source,
            source.choice(("forward", "packed", "gzip")),
            [random_entry(source) for _ in range(source.randrange(1, 9))],
        )
        if source.random() < 0.5
        else forward([entry(source.randrange(LEAST_ENTRY, 300)) for _ in range(5)])
        for _ in range(3)
    )
    for frame in frames_of(stream, source):
        payload = frame.payload(Limits())
        asked = sorted(offset % max(len(payload), 1) for offset in offsets)
        walked = list(entries_at(payload, frame.mode, asked))
        assert list(entries_at(payload, frame.mode, asked, frame.index)) == walked


def test_the_ends_count_from_the_start_of_the_first_entry() -> None:
    assert EntryIndex(array("Q", [110, 115, 130]), 100).ends == [10, 15, 30]
    assert EntryIndex(array("Q"), 100).ends == []


def test_where_there_is_an_index_the_ends_are_not_looked_for() -> None:
    index = EntryIndex(array("Q", [110, 115]), 100)
    assert ends_of(b"\xc1", Mode.FORWARD, index) == [10, 15]


@given(st.integers(0, 10**6))
def test_the_ends_in_an_index_are_those_of_the_entries_that_a_walk_finds(seed: int) -> None:
    source = random.Random(seed)
    sizes = [source.randrange(LEAST_ENTRY, 300) for _ in range(source.randrange(1, 9))]
    many = [forward([entry(size) for size in sizes]), forward([entry(500), b"\xc0", b"\x91\x05"])]
    for frame in frames_of(b"".join(many)):
        assert frame.index is not None
        payload = frame.payload(Limits())
        walked = list(walk(payload, frame.mode))
        assert frame.index.ends == [one.end for one in walked]
        assert ends_of(payload, frame.mode, frame.index) == ends_of(payload, frame.mode)
        starts = [0, *frame.index.ends]
        pairs = zip(starts, frame.index.ends, strict=False)
        assert [entry_between(payload, *pair, frame.mode) for pair in pairs] == walked


def test_only_forward_frames_of_some_size_have_an_index() -> None:
    (large,) = frames_of(forward([entry(LEAST_ENTRY)] * 20))
    (small,) = frames_of(forward([b"\x92\x01\x80"] * 20))
    (packed,) = frames_of(msgpack.packb(["app", entry(100)]))
    assert large.mode is Mode.FORWARD
    assert large.index is not None
    assert small.index is None
    assert packed.index is None


@pytest.mark.parametrize("more", [0, 1])
def test_a_message_of_very_many_entries_has_none(more: int) -> None:
    (frame,) = frames_of(forward([entry(LEAST_ENTRY)] * (MOST_ENTRIES + more)))
    assert frame.count == MOST_ENTRIES + more
    assert (frame.index is None) is bool(more)


def test_a_framer_indexes_only_while_it_is_told_to() -> None:
    framer = Framer(Limits())
    raw = forward([entry(100)] * 3)
    found = []
    for indexing in (False, True, False):
        framer.indexing = indexing
        framer.receive_data(raw)
        message = framer.next_message()
        assert isinstance(message, Message)
        found.append(message.index is not None)
    assert found == [False, True, False]
