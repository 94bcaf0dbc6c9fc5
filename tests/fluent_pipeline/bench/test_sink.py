from __future__ import annotations

import socket

import pytest

from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.sink import OptionReader
from fluent_pipeline.bench.workloads import MAIN, Form, Workload
from fluent_pipeline.protocol.frames import frame_of
from support.frames import ack_of, forward_frame


def batch(form: Form) -> bytes:
    return bytes(Batches(Workload(name="small", form=form, batch=50)).batch(0, 0))


def read(raw: bytes, size: int) -> tuple[OptionReader, bytes]:
    """What a reader makes of the bytes in pieces of a size."""
    reader, acks = OptionReader(), b""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for at in range(0, len(raw), size):
            theirs.sendall(raw[at : at + size])
            acks += reader.receive(ours) or b""
        theirs.close()
        assert reader.receive(ours) is None
    return reader, acks


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("form", [Form.FORWARD, Form.PACKED, Form.GZIP, Form.ZSTD])
def test_each_chunk_is_acknowledged_and_the_records_are_counted(form: Form, size: int) -> None:
    raw = batch(form)
    chunk = frame_of(raw).chunk
    assert chunk is not None
    reader, acks = read(raw[-400:] if size == 1 else raw, size)
    assert acks == b"\x81\xa3ack" + chunk
    assert reader.seen.chunks == 1
    assert reader.seen.records == 50


def test_each_message_is_acknowledged() -> None:
    reader, acks = read(batch(Form.MESSAGE), 1000)
    assert reader.seen.chunks == 50
    assert acks.count(b"\xa3ack") == 50


def test_the_time_of_chunks_that_pass_is_taken_and_of_foreign_ones_not() -> None:
    reader, _ = read(batch(Form.FORWARD), 1 << 16)
    assert len(reader.seen.latencies) == 1
    reader, acks = read(forward_frame([{"a": 1}], chunk="c").raw, 1 << 16)
    assert acks == ack_of("c")
    assert reader.seen.latencies == []


def test_no_record_holds_the_names_that_are_looked_for() -> None:
    raw = bytes(Batches(MAIN).batch(0, 0))
    assert raw.count(b"\xa5chunk") == raw.count(b"\xa4size") == 1
