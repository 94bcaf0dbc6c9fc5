"""Compressed recordings, read as if they were not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import zstandard
from isal import isal_zlib

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.protocol.compression import ERRORS, GZIP_WINDOW, ZSTD_WINDOW
from fluent_pipeline.recordings import Readable

GZIP = "gzip"
ZSTD = "zstd"
MAGICS = {
    b"\x1f\x8b": GZIP,
    b"\x28\xb5\x2f\xfd": ZSTD,
    **{bytes((first,)) + b"\x2a\x4d\x18": ZSTD for first in range(0x50, 0x60)},
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
}
"""What compressed data begins with. No NDJSON and no forward stream does."""
STEP = 8192
"""Bytes that are unpacked at once: even the worst of them give no more than 256 MiB."""


class Member(Protocol):
    """Unpacks one member of a gzip file, or one frame of a zstd file."""

    @property
    def eof(self) -> bool:
        """Whether its end has been seen."""

    @property
    def unused_data(self) -> bytes:
        """What follows its end in the data that it got."""

    def decompress(self, data: bytes, /) -> bytes:
        """What these bytes give."""


MEMBERS: dict[str, Callable[[], Member]] = {
    GZIP: lambda: isal_zlib.decompressobj(GZIP_WINDOW),
    ZSTD: lambda: zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj(),
}


def unpacked(source: Readable, name: str) -> Readable:
    """A recording without its compression: gzip and zstd, told by how it begins.

    What is not compressed is given as it is. Raises FluentPipelineError, with the ``name``, for
    other compressions; so does reading where the data is corrupt or cut off.
    """
    head = b""
    while _could_be(head) and (more := source.read(1)):
        head += more
    begun = _Begun(head, source)
    kind = next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), None)
    if kind is None:
        return begun
    if kind not in MEMBERS:
        raise FluentPipelineError(f"{name}: is packed with {kind}; gzip and zstd can be read")
    return _Unpacked(begun, kind, name)


def _could_be(head: bytes) -> bool:
    """Whether more bytes are to say whether it is compressed."""
    return any(magic.startswith(head) and magic != head for magic in MAGICS)


class _Begun:
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, source: Readable) -> None:
        self._head = head
        self._source = source

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._source.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data


class _Unpacked:
    """Members one after another; zeros may stand between and behind those of gzip."""

    def __init__(self, source: Readable, kind: str, name: str) -> None:
        self._source = source
        self._kind = kind
        self._name = name
        self._member: Member | None = None
        self._packed = b""
        self._data = b""

    def read(self, size: int, /) -> bytes:
        while not self._data and self._fill():
            pass
        data, self._data = self._data[:size], self._data[size:]
        return data

    def _fill(self) -> bool:
        """Unpack some more; whether there is any."""
        packed, self._packed = self._packed or self._source.read(STEP), b""
        if self._member is None and self._kind == GZIP:
            packed = self._behind_zeros(packed)
        if not packed:
            if self._member is not None:
                raise FluentPipelineError(
                    f"{self._name}: cut off: the {self._kind} data lacks its end"
                )
            return False
        if self._member is None:
            self._member = MEMBERS[self._kind]()
        try:
            self._data = self._member.decompress(packed)
        except ERRORS as error:
            raise FluentPipelineError(
                f"{self._name}: corrupt {self._kind} data: {error}"
            ) from error
        if self._member.eof:
            self._packed, self._member = self._member.unused_data, None
        return True

    def _behind_zeros(self, packed: bytes) -> bytes:
        while packed and not (rest := packed.lstrip(b"\0")):
            packed = self._source.read(STEP)
        return rest if packed else b""
