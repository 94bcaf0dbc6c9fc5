"""Fuzzes framing, modes, handshake, entries and acks, with the recorded clients as corpus.

    make fuzz                                     # a minute
    python tests/fuzz/fuzz_protocol.py CORPUS…    # until something is found

The invariant: any bytes, however they are split, are frames, "need more", or an error of the
peer's; never another exception. A frame that no filter changes rebuilds to the same bytes, and
its parts for any target can be read again.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fluent_eql", "fluent_pipeline"]):
    from fluent_eql.event import decode_record
    from fluent_pipeline.errors import RemoteProtocolError
    from fluent_pipeline.protocol.acks import AckReader, chunk_id, encode_ack
    from fluent_pipeline.protocol.adapt import TargetFormat, adapt
    from fluent_pipeline.protocol.entries import Entry, EntryKind, entries_at, walk
    from fluent_pipeline.protocol.frames import Frame, Mode, frame_of, parse_frame
    from fluent_pipeline.protocol.framing import NEED_DATA, Framer, Message
    from fluent_pipeline.protocol.handshake import ClientHandshake, ServerHandshake
    from fluent_pipeline.protocol.limits import Limits
    from fluent_pipeline.protocol.splice import Edit, rebuild

LIMITS = Limits(frame=1 << 20, inflated=1 << 20)
ENTRY = b"\x92\x01\x80"
TARGET = TargetFormat(entry_format="v1", limit=64)


def check(data: bytes) -> None:
    """Feed ``data``, the first byte of which says how it is split."""
    step = data[0] + 1 if data else 1
    with contextlib.suppress(RemoteProtocolError):
        check_stream(data[1:], step)
    check_acks(data)


def check_stream(stream: bytes, step: int) -> None:
    framer = Framer(LIMITS)
    framer.indexing = step % 2 == 0
    for start in range(0, len(stream), step):
        framer.receive_data(stream[start : start + step])
        while isinstance(message := framer.next_message(), Message):
            check_handshake(message)
            frame = parse_frame(message)
            if isinstance(frame, Frame) and not frame.signal:
                check_frame(frame)
    assert framer.buffered <= LIMITS.frame


def check_frame(frame: Frame) -> None:
    payload = frame.payload(LIMITS)
    if not frame.compressed:
        assert rebuild(frame, payload, []) == frame
    entries = list(walk(payload, frame.mode))
    offsets = range(0, len(payload), 7)
    found = list(entries_at(payload, frame.mode, offsets, frame.index))
    assert found == list(entries_at(payload, frame.mode, offsets))
    check_edits(frame, payload, entries)
    for entry in entries:
        if entry.kind is EntryKind.EVENT:
            with contextlib.suppress(ValueError):
                decode_record(bytes(payload[entry.record_start : entry.record_end]))
    for part in adapt(frame, len(payload), TARGET, LIMITS):
        assert frame_of(part.raw).tag == frame.tag
    if frame.chunk is not None:
        reader = AckReader()
        reader.receive_data(encode_ack(frame.chunk, json=False))
        assert reader.next_ack() == chunk_id(frame.chunk)


def check_edits(frame: Frame, payload: bytes | memoryview, entries: list[Entry]) -> None:
    """A changed frame is what its bytes say."""
    for edits in ([Edit(entry, (ENTRY,)) for entry in entries[:2]], [Edit(e, ()) for e in entries]):
        rebuilt = rebuild(frame, payload, edits) if frame.mode is not Mode.MESSAGE else None
        if rebuilt is not None:
            assert replace(frame_of(rebuilt.raw), json=frame.json) == rebuilt


def check_handshake(message: Message) -> None:
    server = ServerHandshake("relay", "key", {"a": "b"}, nonce=b"n" * 16, auth_salt=b"s" * 16)
    client = ClientHandshake("edge", "key", salt=b"x" * 16)
    for step in (server.receive_ping, client.receive_hello, client.receive_pong):
        with contextlib.suppress(RemoteProtocolError):
            step(message)


def check_acks(data: bytes) -> None:
    reader = AckReader()
    try:
        reader.receive_data(data)
        while reader.next_ack() is not NEED_DATA:
            pass
    except RemoteProtocolError:
        pass


def main() -> None:
    captures = Path(__file__).parent.parent / "captures"
    atheris.Setup([*sys.argv, str(captures)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
