"""What real clients sent: Fluent Bit, Fluentd and fluent-logger, byte for byte as recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fluent_pipeline.protocol.acks import AckReader, chunk_id, encode_ack
from fluent_pipeline.protocol.entries import Entry, EntryKind, walk
from fluent_pipeline.protocol.frames import Frame, Mode, parse_frame
from fluent_pipeline.protocol.framing import NEED_DATA, Framer, Message
from fluent_pipeline.protocol.handshake import is_ping
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import Edit, rebuild, retag

TESTS = Path(__file__).parents[2]
LIMITS = Limits()
EVENTS = [
    json.loads(line) for line in (TESTS / "samples" / "events.ndjson").read_text().splitlines()
]
METRICS = "fb_metrics"
TWO_INPUTS = "fb_two_inputs"


@dataclass(frozen=True)
class Expected:
    """What a capture holds; ``entry`` is how each of its entries begins in Forward modes."""

    mode: Mode
    records: int = 120
    entry: bytes = b""
    options: tuple[str, ...] | None = None
    compressed: str | None = None
    handshake: bool = False


WITH_METADATA = b"\x92\x92\xd7\x00"
PLAIN = b"\x92\xce"
FORWARD, PACKED = Mode.FORWARD, Mode.PACKED_FORWARD
ACKED = ("chunk", "size", "fluent_signal")

EXPECTED = {
    "fb_plain": Expected(FORWARD, entry=WITH_METADATA),
    "fb_ack": Expected(FORWARD, entry=WITH_METADATA, options=ACKED),
    "fb_sendopt": Expected(FORWARD, entry=WITH_METADATA, options=("size", "fluent_signal")),
    "fb_gzip_ack": Expected(
        PACKED, options=("chunk", "size", "compressed", "fluent_signal"), compressed="gzip"
    ),
    "fb_inttime": Expected(FORWARD, entry=PLAIN),
    "fb_nometa": Expected(FORWARD, entry=b"\xdd\x00\x00\x00\x02\xd7\x00"),
    "fb_shared_key": Expected(FORWARD, entry=WITH_METADATA, options=ACKED, handshake=True),
    "fb_two_inputs": Expected(FORWARD, records=596, entry=WITH_METADATA, options=ACKED),
    "fd_plain": Expected(PACKED, entry=b"\x92\xd7\x00", options=("size", "compressed")),
    "fd_ack": Expected(PACKED, options=("size", "compressed", "chunk")),
    "fd_gzip": Expected(PACKED, options=("size", "compressed", "chunk"), compressed="gzip"),
    "fd_zstd": Expected(PACKED, options=("size", "compressed", "chunk"), compressed="zstd"),
    "fd_shared_key": Expected(PACKED, options=("size", "compressed", "chunk"), handshake=True),
    "fluent_logger_python": Expected(Mode.MESSAGE, records=20),
}


def stream_of(name: str) -> bytes:
    return (TESTS / "captures" / f"{name}.bin").read_bytes()


def messages_of(stream: bytes, step: int | None = None) -> list[Message]:
    framer, found = Framer(LIMITS), []
    for start in range(0, len(stream), step or len(stream)):
        framer.receive_data(stream[start : start + (step or len(stream))])
        while isinstance(message := framer.next_message(), Message):
            found.append(message)
    assert framer.buffered == 0
    return found


def frames_of(name: str) -> list[Frame]:
    frames = []
    for message in messages_of(stream_of(name)):
        if not is_ping(message):
            frame = parse_frame(message)
            assert isinstance(frame, Frame)
            frames.append(frame)
    return frames


def entries_of(frame: Frame) -> list[Entry]:
    return list(walk(frame.payload(LIMITS), frame.mode))


def records_of(frame: Frame) -> list[Any]:
    payload = frame.payload(LIMITS)
    return [msgpack.unpackb(payload[e.record_start : e.record_end]) for e in entries_of(frame)]


def options_of(frame: Frame) -> dict[str, Any] | None:
    start = frame.options_start
    return None if start is None else msgpack.unpackb(frame.raw[start:], strict_map_key=False)


def test_every_capture_is_expected_to_hold_something() -> None:
    captures = {path.stem for path in (TESTS / "captures").glob("*.bin")}
    assert captures == {*EXPECTED, METRICS}


@pytest.mark.parametrize("name", [*EXPECTED, METRICS])
def test_the_messages_are_the_stream_cut_into_pieces_however_it_was_read(name: str) -> None:
    stream = stream_of(name)
    whole = messages_of(stream)
    assert b"".join(message.raw for message in whole) == stream
    for before, after in pairwise(whole):
        assert after.offset == before.offset + len(before.raw)
    assert messages_of(stream, 1) == messages_of(stream, 1448) == whole


@pytest.mark.parametrize("name", EXPECTED)
def test_the_frames_have_the_mode_and_the_options_of_their_client(name: str) -> None:
    expected = EXPECTED[name]
    frames = frames_of(name)
    for frame in frames:
        options = options_of(frame)
        assert (options is None) == (expected.options is None)
        assert set(options or ()) == set(expected.options or ())
        assert (frame.mode, frame.compressed) == (expected.mode, expected.compressed)
        assert (frame.signal, frame.json) == (0, False)
    pings = [is_ping(message) for message in messages_of(stream_of(name))]
    assert pings == [True] * expected.handshake + [False] * len(frames)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_entries_are_events_as_many_as_the_frame_says(name: str) -> None:
    expected = EXPECTED[name]
    total = 0
    for frame in frames_of(name):
        payload, entries = frame.payload(LIMITS), entries_of(frame)
        assert {entry.kind for entry in entries} == {EntryKind.EVENT}
        assert all(entry.time > 1_700_000_000 * 10**9 for entry in entries)
        assert all(bytes(payload[e.start :]).startswith(expected.entry) for e in entries)
        size = (options_of(frame) or {}).get("size", len(entries))
        assert {size, len(entries), frame.count or size} == {size}
        total += len(entries)
    assert total == expected.records


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != TWO_INPUTS])
def test_the_records_are_those_that_the_client_was_given(name: str) -> None:
    records = [record for frame in frames_of(name) for record in records_of(frame)]
    assert records == EVENTS[: EXPECTED[name].records]


def test_the_file_events_of_two_inputs_come_before_the_network_events_they_follow() -> None:
    frames = frames_of(TWO_INPUTS)
    by_frame = [records_of(frame) for frame in frames]
    categories = [{record["event"]["category"][0] for record in records} for records in by_frame]
    assert categories[0] == {"file"}
    assert {"network"} in categories[1:]
    network, file = (
        [event for event in EVENTS if event["event"]["category"] == [name]]
        for name in ("network", "file")
    )
    assert [r for records in by_frame for r in records if r in file] == file
    assert [r for records in by_frame for r in records if r in network] == network


def test_the_metrics_of_fluent_bit_are_no_logs_and_come_packed() -> None:
    frames = frames_of(METRICS)
    assert {frame.signal for frame in frames} == {1}
    assert {frame.mode for frame in frames} == {PACKED}
    for frame in frames:
        assert rebuild(frame, frame.payload(LIMITS), []) == frame


@pytest.mark.parametrize("name", EXPECTED)
def test_a_frame_rebuilt_without_edits_is_what_came(name: str) -> None:
    for frame in frames_of(name):
        rebuilt = rebuild(frame, frame.payload(LIMITS), [])
        assert rebuilt is not None
        assert rebuilt.payload(LIMITS) == frame.payload(LIMITS)
        assert rebuilt == frame or frame.compressed


@pytest.mark.parametrize("name", EXPECTED)
def test_a_frame_without_its_first_entry_holds_the_others_as_they_came(name: str) -> None:
    for frame in frames_of(name):
        payload, entries = frame.payload(LIMITS), entries_of(frame)
        rebuilt = rebuild(frame, payload, [Edit(entries[0], ())])
        if len(entries) == 1:
            assert rebuilt is None
            continue
        assert rebuilt is not None
        assert rebuilt.payload(LIMITS) == payload[entries[0].end :]
        options = options_of(frame)
        if options and "size" in options:
            options["size"] -= 1
        assert options_of(rebuilt) == options
        assert rebuilt.chunk == frame.chunk


@pytest.mark.parametrize("name", EXPECTED)
def test_another_tag_leaves_all_that_follows_it(name: str) -> None:
    for frame in frames_of(name):
        renamed = retag(frame, "seen." + frame.tag)
        assert renamed.tag == "seen." + frame.tag
        assert renamed.raw.endswith(frame.raw[frame.tag_end :])
        assert renamed.payload(LIMITS) == frame.payload(LIMITS)


@pytest.mark.parametrize(
    "name", [name for name, expected in EXPECTED.items() if "chunk" in (expected.options or ())]
)
def test_the_ack_repeats_the_chunk_in_the_bytes_of_the_client(name: str) -> None:
    for frame in frames_of(name):
        assert frame.chunk is not None
        assert b"\xa5chunk" + frame.chunk in frame.raw
        ack = encode_ack(frame.chunk, json=False)
        assert len(ack) <= 511
        reader = AckReader()
        reader.receive_data(ack)
        assert reader.next_ack() == chunk_id(frame.chunk)
        assert reader.next_ack() is NEED_DATA


def test_the_chunks_of_fluentd_end_in_a_newline() -> None:
    chunks = [frame.chunk for frame in frames_of("fd_ack")]
    assert [chunk and chunk[-1:] for chunk in chunks] == [b"\n"] * len(chunks)
