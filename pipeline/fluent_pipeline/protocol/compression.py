"""Compressed bodies. A peer may append gzip members or zstd frames one after another."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import partial

import zstandard

from fluent_pipeline.errors import RemoteProtocolError

GZIP_WINDOW = 16 + zlib.MAX_WBITS
ZSTD_WINDOW = 1 << 27
"""The largest zstd window that is accepted, in bytes: what ``zstd --long`` uses."""

GZIP_STEP = 16_384
ZSTD_STEPS = (64, 8_192)
ZSTD_EXPANSION = 32_768
"""How far one byte of zstd can inflate: a block of 128 KiB takes four bytes."""


def inflate(data: bytes | memoryview, algorithm: str, limit: int) -> bytes:
    """Inflate all members or frames of ``data``; ``algorithm`` is ``gzip`` or ``zstd``.

    Raises RemoteProtocolError where the data is corrupt, cut off, or inflates to more than
    ``limit`` bytes. That is noticed step by step, before much more than ``limit`` is held.
    """
    try:
        return _inflate(memoryview(data), algorithm, limit)
    except (zlib.error, zstandard.ZstdError) as error:
        raise RemoteProtocolError(f"corrupt {algorithm} body: {error}") from error


def deflate(data: bytes, algorithm: str) -> bytes:
    """Compress as one member or frame; ``algorithm`` is ``gzip`` or ``zstd``."""
    if algorithm == "gzip":
        return gzip.compress(data, compresslevel=6, mtime=0)
    return zstandard.ZstdCompressor().compress(data)


def _inflate(view: memoryview, algorithm: str, limit: int) -> bytes:
    step = GZIP_STEP if algorithm == "gzip" else _zstd_step(limit)
    new_member = _members(algorithm)
    pieces: list[bytes] = []
    position, room = 0, limit
    member = None
    while position < len(view):
        member = member or new_member()
        taken = view[position : position + step]
        pieces.append(member.decompress(taken))
        position += len(taken)
        room -= len(pieces[-1])
        if room < 0:
            raise RemoteProtocolError(f"the {algorithm} body inflates to over {limit} bytes")
        if member.eof:
            position -= len(member.unused_data)
            member = None
    if member is not None:
        raise RemoteProtocolError(f"the {algorithm} body lacks its end")
    return b"".join(pieces)


def _zstd_step(limit: int) -> int:
    least, most = ZSTD_STEPS
    return max(least, min(most, limit // ZSTD_EXPANSION))


def _members(algorithm: str) -> Callable[[], zlib._Decompress | zstandard.ZstdDecompressionObj]:
    """What makes the reader of each member. A decompressor for each zstd frame would cost 9 µs."""
    if algorithm == "gzip":
        return partial(zlib.decompressobj, GZIP_WINDOW)
    return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj
