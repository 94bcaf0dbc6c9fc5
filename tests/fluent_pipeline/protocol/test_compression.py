from __future__ import annotations

import gzip
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.compression import deflate, inflate

ALGORITHMS = ("gzip", "zstd")
MIB = 1 << 20


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(parts=st.lists(st.binary(max_size=2000), max_size=5))
def test_members_one_after_another_are_one_body(algorithm: str, parts: list[bytes]) -> None:
    packed = b"".join(deflate(part, algorithm) for part in parts)
    assert inflate(packed, algorithm, 10_000) == b"".join(parts)
    assert inflate(memoryview(packed), algorithm, 10_000) == b"".join(parts)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_body_larger_than_every_step_is_inflated(algorithm: str) -> None:
    data = bytes(range(256)) * 4 * 1024 + b"end"
    assert inflate(deflate(data, algorithm) * 3, algorithm, 4 * MIB) == data * 3


def test_a_zstd_frame_without_its_size_in_the_head_is_inflated() -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    packed = compressor.compress(b"a" * 5000) + compressor.flush()
    assert inflate(packed * 2, "zstd", 10_000) == b"a" * 10_000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_limit_counts_all_members_together(algorithm: str) -> None:
    packed = deflate(b"x" * 600, algorithm) * 2
    assert len(inflate(packed, algorithm, 1200)) == 1200
    with pytest.raises(RemoteProtocolError, match="inflates to over 1199 bytes"):
        inflate(packed, algorithm, 1199)


def bombs() -> dict[str, bytes]:
    """A quarter of a gigabyte of zeros."""
    zeros = bytes(256 * MIB)
    return {
        "gzip": gzip.compress(zeros, 9),
        "zstd": zstandard.ZstdCompressor(level=19).compress(zeros),
    }


def test_a_bomb_is_noticed_before_much_more_than_the_limit_is_held() -> None:
    for algorithm, bomb in bombs().items():
        tracemalloc.start()
        with pytest.raises(RemoteProtocolError, match="inflates to over"):
            inflate(bomb, algorithm, 8 * MIB)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 64 * MIB, algorithm


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_body_cut_off_anywhere_is_refused(algorithm: str) -> None:
    whole = deflate(b"first", algorithm)
    packed = whole + deflate(b"second, a little longer " * 9, algorithm)
    for end in range(1, len(packed)):
        if end != len(whole):
            with pytest.raises(RemoteProtocolError):
                inflate(packed[:end], algorithm, 10_000)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(junk=st.binary(min_size=1, max_size=60))
def test_junk_behind_a_member_is_refused(algorithm: str, junk: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        inflate(deflate(b"good", algorithm) + b"\x00" + junk, algorithm, 10_000)


def test_a_flipped_bit_in_a_gzip_body_is_refused() -> None:
    packed = bytearray(deflate(b"record " * 100, "gzip"))
    packed[len(packed) // 2] ^= 1
    with pytest.raises(RemoteProtocolError):
        inflate(bytes(packed), "gzip", 10_000)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_empty_body_is_an_empty_body(algorithm: str) -> None:
    assert inflate(b"", algorithm, 0) == b""
