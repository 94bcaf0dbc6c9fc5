"""Compressed bodies. A peer may append gzip members or zstd frames one after another."""

from __future__ import annotations

from typing import Any

import zstandard
from isal import igzip, isal_zlib

from fluent_pipeline.errors import RemoteProtocolError

ERRORS: tuple[Any, ...] = (isal_zlib.IsalError, zstandard.ZstdError)
GZIP_WINDOW = 16 + isal_zlib.MAX_WBITS
LEAST_GZIP_STEP = 1_024
MOST_MEMBERS = 100_000
"""Of one body: each costs some microseconds, however small it is."""
ZSTD_WINDOW = 1 << 27
"""The largest zstd window that is accepted, in bytes: what ``zstd --long`` uses."""

ZSTD_STEPS = (64, 8_192)
ZSTD_EXPANSION = 32_768
"""How far one byte of zstd can inflate: a block of 128 KiB takes four bytes."""


def inflate(data: bytes | memoryview, algorithm: str, limit: int) -> bytes:
    """Inflate all members or frames of ``data``; ``algorithm`` is ``gzip`` or ``zstd``.

    Raises RemoteProtocolError where the data is corrupt, cut off, or inflates to more than
    ``limit`` bytes. That is noticed step by step, before much more than ``limit`` is held.
    """
    try:
        if algorithm == "gzip":
            return _inflate_gzip(memoryview(data), limit)
        return _inflate_zstd(memoryview(data), limit)
    except ERRORS as error:
        raise RemoteProtocolError(f"corrupt {algorithm} body: {error}") from error


def deflate(data: bytes, algorithm: str) -> bytes:
    """Compress as one member or frame; ``algorithm`` is ``gzip`` or ``zstd``."""
    if algorithm == "gzip":
        return igzip.compress(data, mtime=0)
    return zstandard.ZstdCompressor().compress(data)


def _inflate_gzip(view: memoryview, limit: int) -> bytes:
    """With ISA-L, in a third of zlib's time.

    What a member leaves of the data that it was given is copied. So the first is given all, and
    the next ones about what they are likely to take.
    """
    pieces: list[bytes] = []
    position, room, step, members = 0, limit, len(view), 0
    member = None
    while position < len(view):
        if member is None:
            members = _counted(members, "gzip")
            member = isal_zlib.decompressobj(GZIP_WINDOW)
        taken = view[position : position + step]
        pieces.append(member.decompress(taken, room + 1))
        room -= len(pieces[-1])
        if room < 0:
            raise _too_large("gzip", limit)
        consumed = len(taken) - len(member.unused_data)
        position += consumed
        step = 2 * max(step, LEAST_GZIP_STEP)
        if member.eof:
            member, step = None, max(2 * consumed, LEAST_GZIP_STEP)
    if member is not None:
        raise _cut_off("gzip")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _inflate_zstd(view: memoryview, limit: int) -> bytes:
    """Step by step: zstandard has no limit for what one call gives back."""
    least, most = ZSTD_STEPS
    step = max(least, min(most, limit // ZSTD_EXPANSION))
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    pieces: list[bytes] = []
    position, room, frames = 0, limit, 0
    frame = None
    while position < len(view):
        if frame is None:
            frames = _counted(frames, "zstd")
            frame = decompressor.decompressobj()
        taken = view[position : position + step]
        pieces.append(frame.decompress(taken))
        position += len(taken)
        room -= len(pieces[-1])
        if room < 0:
            raise _too_large("zstd", limit)
        if frame.eof:
            position -= len(frame.unused_data)
            frame = None
    if frame is not None:
        raise _cut_off("zstd")
    return b"".join(pieces)


def _counted(members: int, algorithm: str) -> int:
    """One more member or frame."""
    if members == MOST_MEMBERS:
        text = f"the {algorithm} body has more than {MOST_MEMBERS} members"
        raise RemoteProtocolError(text)
    return members + 1


def _too_large(algorithm: str, limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"the {algorithm} body inflates to over {limit} bytes")


def _cut_off(algorithm: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"the {algorithm} body lacks its end")
