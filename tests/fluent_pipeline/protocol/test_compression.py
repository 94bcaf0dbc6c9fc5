from __future__ import annotations

import contextlib
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


@pytest.mark.parametrize("limit", [MIB, 32 * MIB])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_bomb_of_many_members_is_noticed_too(algorithm: str, limit: int) -> None:
    member = gzip.compress(bytes(MIB)) if algorithm == "gzip" else deflate(bytes(MIB), algorithm)
    assert len(member) < MIB // 500
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError, match=f"inflates to over {limit} bytes"):
        inflate(member * 64, algorithm, limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * limit + 4 * MIB


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_body_of_very_many_members_is_refused(algorithm: str) -> None:
    member = deflate(b"", algorithm)
    with pytest.raises(RemoteProtocolError, match="more than 100000 members"):
        inflate(member * 100_001, algorithm, MIB)


def test_a_zstd_bomb_of_the_densest_blocks_stays_near_the_limit() -> None:
    block = (128 * 1024 << 3 | 1 << 1).to_bytes(3, "little") + b"\x00"
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + block * 20_000
    for limit in (MIB, 16 * MIB):
        tracemalloc.start()
        with pytest.raises(RemoteProtocolError, match="inflates to over"):
            inflate(bomb, "zstd", limit)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * limit + 4 * MIB


def test_a_zstd_frame_that_needs_a_larger_window_than_ours_is_refused() -> None:
    largest, next_larger, two_gigabytes = b"\x88", b"\x89", b"\xa8"
    head, empty_block = b"\x28\xb5\x2f\xfd\x00", b"\x01\x00\x00"
    assert inflate(head + largest + empty_block, "zstd", 10_000) == b""
    for window in (next_larger, two_gigabytes):
        with pytest.raises(RemoteProtocolError, match="corrupt zstd body"):
            inflate(head + window + empty_block, "zstd", 10_000)


def test_a_zstd_frame_that_is_to_be_skipped_is_skipped() -> None:
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    assert inflate(skippable + deflate(b"x", "zstd"), "zstd", 10) == b"x"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(junk=st.binary(max_size=100))
def test_any_bytes_at_all_are_a_body_or_an_error_of_the_peers(algorithm: str, junk: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert len(inflate(junk, algorithm, 1000)) <= 1000


@pytest.mark.parametrize("corrupt", [b"\x28\xb5\x2f\xfd\x20\x05\xff\xff\xff", b"\x00" * 9])
def test_a_corrupt_zstd_frame_between_good_ones_is_refused_and_spoils_no_later_body(
    corrupt: bytes,
) -> None:
    good = deflate(b"good", "zstd")
    with pytest.raises(RemoteProtocolError, match="corrupt zstd body"):
        inflate(good + corrupt + good, "zstd", 1000)
    assert inflate(good * 2, "zstd", 1000) == b"goodgood"


def test_one_decompressor_reads_all_frames_of_a_zstd_body(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[zstandard.ZstdDecompressor] = []
    known = zstandard.ZstdDecompressor

    def counted(max_window_size: int) -> zstandard.ZstdDecompressor:
        made.append(known(max_window_size=max_window_size))
        return made[-1]

    monkeypatch.setattr(zstandard, "ZstdDecompressor", counted)
    assert inflate(deflate(b"", "zstd") * 5000 + deflate(b"x", "zstd"), "zstd", 10) == b"x"
    assert len(made) == 1


def test_a_body_in_the_other_format_is_refused() -> None:
    for written, read in (ALGORITHMS, ALGORITHMS[::-1]):
        with pytest.raises(RemoteProtocolError, match=f"corrupt {read} body"):
            inflate(deflate(b"x" * 100, written), read, 1000)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_data_is_compressed_to_the_same_bytes(algorithm: str) -> None:
    assert deflate(b"x" * 100, algorithm) == deflate(b"x" * 100, algorithm)
