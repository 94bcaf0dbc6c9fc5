"""What one would write first: ``python -m fluent_pipeline.bench.plain skip|decode PORT TARGET``.

Two forward relays without a filter. Each frame goes to the target once it is whole, and the
target's acknowledgements go back to the client. ``skip`` finds where frames end and passes them on
as they came; ``decode`` decodes every record and encodes it again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from fluent_pipeline.bench.copier import Side, serve
from fluent_pipeline.protocol.compression import deflate, inflate

MOST = 1 << 30


class Skipping:
    """Cuts a stream into frames; nothing in them is looked at."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(max_buffer_size=MOST)
        self._buffer = bytearray()
        self._start = 0

    def receive(self, data: bytes) -> Iterator[bytes]:
        """The frames that ``data`` makes whole."""
        self._buffer += data
        self._unpacker.feed(data)
        try:
            while True:
                self._unpacker.skip()
                size = self._unpacker.tell() - self._start
                yield bytes(memoryview(self._buffer)[:size])
                del self._buffer[:size]
                self._start += size
        except msgpack.OutOfData:
            return


class Decoding:
    """Cuts a stream into frames, and decodes and encodes every record in them."""

    def __init__(self) -> None:
        self._unpacker = _unpacker()

    def receive(self, data: bytes) -> Iterator[bytes]:
        """The frames that ``data`` makes whole, encoded anew."""
        self._unpacker.feed(data)
        for message in self._unpacker:
            if isinstance(message[1], str | bytes):
                message[1] = _again(message[1], message[2].get("compressed"))
            yield _packed(message)


def _again(body: str | bytes, algorithm: str | None) -> bytes:
    """The entries of a PackedForward body, decoded and encoded."""
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogateescape")
    compressed = algorithm if algorithm in ("gzip", "zstd") else None
    unpacker = _unpacker()
    unpacker.feed(inflate(raw, compressed, MOST) if compressed else raw)
    entries = b"".join(_packed(entry) for entry in unpacker)
    return deflate(entries, compressed) if compressed else entries


def _unpacker() -> msgpack.Unpacker:
    return msgpack.Unpacker(
        max_buffer_size=MOST, strict_map_key=False, unicode_errors="surrogateescape"
    )


def _packed(value: Any) -> bytes:
    encoded: bytes = msgpack.packb(value, unicode_errors="surrogateescape")
    return encoded


class _Frames(Side):
    """The client's end of a connection, where frames are made of bytes."""

    def __init__(self, frames: Skipping | Decoding) -> None:
        super().__init__()
        self._frames = frames

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.receive(data):
            super().data_received(frame)


KINDS: dict[str, Callable[[], Side]] = {
    "skip": lambda: _Frames(Skipping()),
    "decode": lambda: _Frames(Decoding()),
}

if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[2]), int(sys.argv[3]), KINDS[sys.argv[1]]))
