"""A msgpack encoder that picks among all the ways to write a value.

Formats: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random
from typing import Any

import msgpack


class Writer:
    """Writes values with headers of random width; ``bin_share`` of the strings as bin."""

    def __init__(self, random: Random, *, bin_share: float = 0.0) -> None:
        self._random = random
        self._bin_share = bin_share

    def encode(self, value: Any) -> bytes:
        """One value: None, bool, int, float, str, bytes, ExtType, list or dict."""
        match value:
            case None:
                return b"\xc0"
            case bool():
                return b"\xc3" if value else b"\xc2"
            case int():
                return self._random.choice(_integers(value))
            case float():
                return struct.pack(">Bd", 0xCB, value)
            case str():
                return self._text(value.encode("utf-8", "surrogateescape"))
            case bytes():
                return self._sized(value, {1: 0xC4, 2: 0xC5, 4: 0xC6})
            case msgpack.ExtType(code, data):
                return self._ext(code, data)
            case list():
                items = b"".join(map(self.encode, value))
                return self._header(len(value), 0x90, {2: 0xDC, 4: 0xDD}) + items
            case dict():
                return self.pairs(list(value.items()))
        raise TypeError(f"cannot write {value!r}")

    def pairs(self, pairs: Sequence[tuple[Any, Any]]) -> bytes:
        """A map of these pairs in this order, equal keys included."""
        items = b"".join(self.encode(key) + self.encode(value) for key, value in pairs)
        return self._header(len(pairs), 0x80, {2: 0xDE, 4: 0xDF}) + items

    def _text(self, raw: bytes) -> bytes:
        if self._random.random() < self._bin_share:
            return self._sized(raw, {1: 0xC4, 2: 0xC5, 4: 0xC6})
        if len(raw) < 32 and self._random.random() < 0.5:
            return bytes([0xA0 | len(raw)]) + raw
        return self._sized(raw, {1: 0xD9, 2: 0xDA, 4: 0xDB})

    def _ext(self, code: int, data: bytes) -> bytes:
        width = self._random.choice([width for width in (1, 2, 4) if len(data) < 256**width])
        first = {1: 0xC7, 2: 0xC8, 4: 0xC9}[width]
        return bytes([first]) + len(data).to_bytes(width, "big") + struct.pack("b", code) + data

    def _header(self, count: int, fix: int, wide: dict[int, int]) -> bytes:
        if count < 16 and self._random.random() < 0.5:
            return bytes([fix | count])
        return self._sized(b"", wide, count)

    def _sized(self, raw: bytes, first_bytes: dict[int, int], size: int | None = None) -> bytes:
        count = len(raw) if size is None else size
        width = self._random.choice([width for width in first_bytes if count < 256**width])
        return bytes([first_bytes[width]]) + count.to_bytes(width, "big") + raw


def _integers(value: int) -> list[bytes]:
    ways = [(0xCC, ">BB"), (0xCD, ">BH"), (0xCE, ">BI"), (0xCF, ">BQ")]
    ways += [(0xD0, ">Bb"), (0xD1, ">Bh"), (0xD2, ">Bi"), (0xD3, ">Bq")]
    found = [struct.pack("b", value)] if -32 <= value < 128 else []
    for first, form in ways:
        try:
            found.append(struct.pack(form, first, value))
        except struct.error:
            continue
    return found
