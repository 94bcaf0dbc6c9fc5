from __future__ import annotations

import msgpack
import pytest

from fluent_pipeline.bench.load import Target, frames_of, send
from fluent_pipeline.protocol.frames import frame_of


def test_frames_hold_all_records_and_name_a_chunk_of_their_own() -> None:
    frames = [frame_of(raw) for raw in frames_of(25, seed=1, candidates=0.5, a_frame=10)]
    assert [frame.count for frame in frames] == [10, 10, 5]
    assert len({frame.chunk for frame in frames}) == 3


def test_the_share_of_candidates_is_about_what_was_asked_for() -> None:
    (raw,) = frames_of(1000, seed=1, candidates=0.1, a_frame=1000)
    entries = msgpack.unpackb(raw, strict_map_key=False)[1]
    count = sum(record["process"]["executable"].startswith("/tmp/") for _, record in entries)
    assert 60 < count < 140


def test_sending_ends_when_all_is_acknowledged() -> None:
    target = Target()
    target.start()
    send(target.port, frames_of(25, seed=1, candidates=0, a_frame=10))
    assert target.records == 25
    target.close()


def test_a_target_that_is_gone_is_an_error() -> None:
    target = Target()
    target.start()
    target.close()
    target.join(10)
    with pytest.raises(ConnectionError):
        send(target.port, [b"\xc0"])
