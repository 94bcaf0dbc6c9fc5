from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fluent_pipeline.buffer.disk import DiskBuffer, Stored

BIG = 10**9


@contextmanager
def opened(folder: Path, *, limit: int = BIG, segment: int = 100) -> Iterator[DiskBuffer]:
    """A buffer, and nothing of an orderly end: as a process leaves it that is killed."""
    buffer = DiskBuffer(folder, limit, segment)
    yield buffer
    buffer.abandon()


def left_in(folder: Path) -> list[bytes]:
    with opened(folder) as buffer:
        return [buffer.read(stored) for stored in buffer.recover()]


def frames(count: int) -> list[bytes]:
    return [b"frame %d " % number * 4 for number in range(count)]


def test_frames_that_were_not_delivered_are_there_for_the_next_process_in_their_order(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as buffer:
        assert list(buffer.recover()) == []
        for data in frames(10):
            buffer.append(data)
        buffer.sync()
    assert left_in(tmp_path) == frames(10)
    assert left_in(tmp_path) == frames(10)


def test_a_frame_can_be_read_as_long_as_it_is_not_delivered(tmp_path: Path) -> None:
    with opened(tmp_path) as buffer:
        list(buffer.recover())
        stored = [buffer.append(data) for data in frames(10)]
        assert [buffer.read(one) for one in stored] == frames(10)


def test_what_is_delivered_is_not_there_any_more(tmp_path: Path) -> None:
    with opened(tmp_path) as buffer:
        list(buffer.recover())
        stored = [buffer.append(data) for data in frames(10)]
        for number in (0, 1, 2, 3, 7):
            buffer.delivered(stored[number])
    assert left_in(tmp_path) == [frames(10)[number] for number in (4, 5, 6, 8, 9)]


def test_segments_go_once_all_in_them_is_delivered(tmp_path: Path) -> None:
    with opened(tmp_path) as buffer:
        list(buffer.recover())
        stored = [buffer.append(data) for data in frames(20)]
        before = len(list(tmp_path.glob("*.segment")))
        for one in stored:
            buffer.delivered(one)
        assert before > 5
        assert len(list(tmp_path.glob("*.segment"))) == 1
        assert buffer.size <= 200
        buffer.close()
    assert list(tmp_path.glob("*.segment")) == list(tmp_path.glob("*.done")) == []


def test_frames_of_an_earlier_process_are_delivered_by_the_next(tmp_path: Path) -> None:
    with opened(tmp_path) as buffer:
        list(buffer.recover())
        for data in frames(6):
            buffer.append(data)
    with opened(tmp_path) as buffer:
        for stored in list(buffer.recover())[:5]:
            buffer.delivered(stored)
        buffer.append(b"new")
    assert left_in(tmp_path) == [frames(6)[5], b"new"]


def test_a_buffer_is_full_at_its_limit_and_has_room_once_segments_go(tmp_path: Path) -> None:
    with opened(tmp_path, limit=300) as buffer:
        list(buffer.recover())
        stored: list[Stored] = []
        while not buffer.is_full:
            stored.append(buffer.append(b"x" * 40))
        assert 300 <= buffer.size < 360
        for one in stored:
            buffer.delivered(one)
        assert not buffer.is_full


def test_two_processes_cannot_have_one_folder(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        list(first.recover())
        with pytest.raises(BlockingIOError):
            list(DiskBuffer(tmp_path, BIG).recover())


def test_a_flipped_bit_in_a_thousand_places_costs_at_most_its_record_and_is_kept_and_told(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, segment=BIG) as buffer:
        list(buffer.recover())
        for data in frames(8):
            buffer.append(data)
    (segment,) = tmp_path.glob("*.segment")
    whole, source = segment.read_bytes(), random.Random(1)
    for bit in source.sample(range(8 * len(whole)), 1000):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        segment.write_bytes(content)
        with opened(tmp_path) as buffer:
            found = [buffer.read(stored) for stored in buffer.recover()]
            assert buffer.damaged == 1
        lost = [data for data in frames(8) if data not in found]
        assert len(lost) == 1
        assert found == [data for data in frames(8) if data in found]
        (kept,) = (tmp_path / "damaged").iterdir()
        assert len(kept.read_bytes()) == 20 + len(lost[0])
        kept.unlink()


def test_of_a_frame_that_cannot_be_written_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:30])
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as buffer:
        list(buffer.recover())
        buffer.append(b"first")
        with monkeypatch.context() as patch:
            patch.setattr("fluent_pipeline.buffer.disk.write_all", torn)
            with pytest.raises(OSError, match="No space"):
                buffer.append(b"second")
        stored = buffer.append(b"third")
        assert buffer.read(stored) == b"third"
    assert left_in(tmp_path) == [b"first", b"third"]


def test_a_torn_tail_is_cut_off_at_every_byte_and_what_comes_after_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path, segment=BIG) as buffer:
        list(buffer.recover())
        for data in frames(3):
            buffer.append(data)
    (segment,) = tmp_path.glob("*.segment")
    content = segment.read_bytes()
    for cut in range(len(content) - 20 - len(frames(3)[2]) + 1, len(content)):
        segment.write_bytes(content[:cut])
        assert left_in(tmp_path) == frames(2)
        assert "its torn end" in caplog.text
        caplog.clear()
    with opened(tmp_path) as buffer:
        list(buffer.recover())
        buffer.append(b"after")
    assert left_in(tmp_path) == [*frames(2), b"after"]
