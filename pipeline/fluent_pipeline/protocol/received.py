"""Bytes received and not taken yet, kept as they came: a large message is copied once."""

from __future__ import annotations

from collections import deque

SMALL = 16_384
"""Data below this size is gathered, so that bytes that trickle in cost no object each."""
GATHERED = 65_536


class Received:
    """A queue of bytes."""

    __slots__ = ("_chunks", "_start", "_size")

    def __init__(self) -> None:
        self._chunks: deque[bytes | bytearray] = deque()
        self._start = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Put bytes at the end."""
        self._size += len(data)
        if len(data) >= SMALL:
            self._chunks.append(data)
            return
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, bytearray) and len(last) < GATHERED:
            last += data
        elif data:
            self._chunks.append(bytearray(data))

    def peek(self, start: int, size: int) -> bytes:
        """So many bytes from ``start`` on; fewer where there are no more."""
        found = bytearray()
        position = start + self._start
        for chunk in self._chunks:
            if position < len(chunk):
                found += chunk[position : position + size - len(found)]
                position = 0
                if len(found) == size:
                    break
            else:
                position -= len(chunk)
        return bytes(found)

    def take(self, size: int) -> bytes:
        """Take so many bytes, which there must be, from the front."""
        self._size -= size
        chunk = self._chunks[0] if self._chunks else b""
        if isinstance(chunk, bytes) and self._start == 0 and size == len(chunk):
            if chunk:
                self._chunks.popleft()
            return chunk
        parts: list[memoryview] = []
        while size:
            chunk = self._chunks[0]
            part = memoryview(chunk)[self._start : self._start + size]
            parts.append(part)
            size -= len(part)
            self._start += len(part)
            if self._start == len(chunk):
                self._chunks.popleft()
                self._start = 0
        return b"".join(parts)

    def together(self) -> bytearray:
        """All of the bytes, as one array; not to be changed."""
        if len(self._chunks) != 1 or self._start or not isinstance(self._chunks[0], bytearray):
            self._chunks = deque([bytearray(self.take(self._size))])
            self._start, self._size = 0, len(self._chunks[0])
        whole = self._chunks[0]
        assert isinstance(whole, bytearray)
        return whole
