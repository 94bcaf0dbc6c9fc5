from __future__ import annotations

import msgpack
import pytest

from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.plain import Decoding, Skipping
from fluent_pipeline.bench.workloads import Form, Workload
from fluent_pipeline.protocol.frames import frame_of
from fluent_pipeline.protocol.limits import Limits


def batch(form: Form) -> bytes:
    return bytes(Batches(Workload(name="small", form=form, batch=20)).batch(0, 0))


def through(relay: Skipping | Decoding, raw: bytes) -> list[bytes]:
    pieces = (raw[at : at + 999] for at in range(0, len(raw), 999))
    return [frame for piece in pieces for frame in relay.receive(piece)]


@pytest.mark.parametrize("form", Form)
def test_skipping_passes_frames_on_as_they_came(form: Form) -> None:
    raw = batch(form)
    frames = through(Skipping(), raw * 2)
    assert b"".join(frames) == raw * 2
    assert len(frames) == (40 if form is Form.MESSAGE else 2)


@pytest.mark.parametrize("form", [Form.FORWARD, Form.PACKED, Form.GZIP, Form.ZSTD])
def test_decoding_passes_on_the_same_entries(form: Form) -> None:
    raw = batch(form)
    (again,) = through(Decoding(), raw)
    assert again != raw
    payloads = [bytes(frame_of(each).payload(Limits())) for each in (raw, again)]
    assert decoded(payloads[0]) == decoded(payloads[1])
    assert frame_of(again).chunk == frame_of(raw).chunk


def decoded(payload: bytes) -> list[object]:
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(payload)
    return list(unpacker)
