from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.recordings import Readable
from fluent_pipeline.replay.unpacking import MAGICS, unpacked

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}
CAPTURES = Path(__file__).parents[2] / "captures"


class Trickling:
    """Gives so many bytes at once, at most."""

    def __init__(self, data: bytes, step: int) -> None:
        self._file = io.BytesIO(data)
        self._step = step

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._step))


def read(stream: Readable, size: int = 100) -> bytes:
    parts = []
    while part := stream.read(size):
        assert len(part) <= size
        parts.append(part)
    assert stream.read(size) == b""
    return b"".join(parts)


@pytest.mark.parametrize("kind", PACK)
@given(
    members=st.lists(st.binary(max_size=2000), min_size=1, max_size=4),
    step=st.integers(1, 9000),
    size=st.integers(1, 3000),
)
def test_members_are_unpacked_however_they_come(
    kind: str, members: list[bytes], step: int, size: int
) -> None:
    packed = b"".join(map(PACK[kind], members))
    assert read(unpacked(Trickling(packed, step), "name"), size) == b"".join(members)


@given(
    st.binary(max_size=300).filter(
        lambda data: not any(data.startswith(magic) for magic in MAGICS)
    ),
    st.integers(1, 400),
)
def test_what_is_not_packed_is_given_as_it_is(data: bytes, step: int) -> None:
    assert read(unpacked(Trickling(data, step), "name")) == data


def test_no_recording_is_taken_for_packed() -> None:
    for path in CAPTURES.glob("*.bin"):
        data = path.read_bytes()
        assert read(unpacked(io.BytesIO(data), "name"), 1 << 20) == data


@pytest.mark.parametrize("zeros", [1, 512, 20_000])
def test_zeros_between_and_behind_members_of_gzip_are_passed_over(zeros: int) -> None:
    packed = gzip.compress(b"a") + bytes(zeros) + gzip.compress(b"b") + bytes(zeros)
    assert read(unpacked(io.BytesIO(packed), "name")) == b"ab"


def test_frames_of_zstd_that_are_to_be_skipped_are() -> None:
    skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"
    packed = skippable + PACK["zstd"](b"a") + skippable + PACK["zstd"](b"b")
    assert read(unpacked(io.BytesIO(packed), "name")) == b"ab"


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("missing", [1, 4, 100])
def test_what_is_cut_off_is_told_once_all_before_it_is_read(kind: str, missing: int) -> None:
    data = bytes(range(256)) * 100
    stream = unpacked(io.BytesIO(PACK[kind](data) + PACK[kind](data)[:-missing]), "x.packed")
    found = b""
    with pytest.raises(FluentPipelineError, match="x.packed: cut off: the " + kind):
        while part := stream.read(1000):
            found += part
    assert len(data) <= len(found) <= 2 * len(data)
    assert found == (data * 2)[: len(found)]


@pytest.mark.parametrize("kind", PACK)
def test_what_is_corrupt_is_told(kind: str) -> None:
    packed = PACK[kind](b"abc" * 1000)
    for bad in (packed[:8] + b"\xff" * 20 + packed[28:], packed + b"junk that is no member"):
        with pytest.raises(FluentPipelineError, match=f"x.packed: corrupt {kind} data"):
            read(unpacked(io.BytesIO(bad), "x.packed"))


@pytest.mark.parametrize(
    ("packed", "kind"),
    [
        (bz2.compress(b"a"), "bzip2"),
        (lzma.compress(b"a"), "xz"),
        (b"\x04\x22\x4d\x18rest", "lz4"),
        (b"PK\x03\x04rest", "zip"),
    ],
)
def test_other_packings_are_refused_by_name(packed: bytes, kind: str) -> None:
    with pytest.raises(FluentPipelineError, match=f"x: is packed with {kind}; gzip and zstd can"):
        unpacked(io.BytesIO(packed), "x")


def test_a_small_file_that_unpacks_to_much_is_unpacked_in_pieces() -> None:
    stream = unpacked(io.BytesIO(gzip.compress(bytes(50_000_000))), "name")
    assert len(stream.read(10)) == 10
    assert len(read(stream, 1 << 20)) == 50_000_000 - 10
