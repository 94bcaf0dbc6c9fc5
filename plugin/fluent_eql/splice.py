"""Changing a msgpack map or array without touching the bytes of what stays.

Decoding and encoding a record again would turn 32-bit floats into 64-bit ones, drop duplicate
keys and shrink non-minimal headers. Here only headers and the named values are rewritten.
Formats: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from dataclasses import dataclass

import msgpack

from fluent_eql.event import encode_value, text_of

FIXMAP, MAP_16, MAP_32 = 0x80, 0xDE, 0xDF
FIXARRAY, ARRAY_16, ARRAY_32 = 0x90, 0xDC, 0xDD


@dataclass(slots=True)
class _Pair:
    key: object
    raw_key: bytes
    raw_value: bytes


class RawMap:
    """A map taken apart into keys and raw values.

    Raises ValueError where ``raw`` is not one map. Of duplicate keys the last one counts, and
    all of them stay.
    """

    def __init__(self, raw: bytes) -> None:
        self._first_byte = raw[0] if raw else 0
        try:
            self._pairs = _pairs_of(raw)
        except msgpack.UnpackException as error:
            raise ValueError(f"not one msgpack map: {error}") from error

    def names(self) -> list[str]:
        """The keys that are text, in their order; bin keys as text."""
        return [pair.key for pair in self._pairs if isinstance(pair.key, str)]

    def get(self, key: str) -> bytes | None:
        """The raw value under ``key``; None where there is none."""
        pair = self._find(key)
        return pair.raw_value if pair else None

    def set(self, key: str, raw_value: bytes) -> None:
        """Put a raw value in the place of the key's present one, or at the end."""
        pair = self._find(key)
        if pair is None:
            self._pairs.append(_Pair(key, encode_value(key), raw_value))
        else:
            pair.raw_value = raw_value

    def to_bytes(self) -> bytes:
        """The map as msgpack, its header as wide as it was or as it has to be."""
        header = _header(self._first_byte, len(self._pairs), FIXMAP, MAP_16, MAP_32)
        return header + b"".join(pair.raw_key + pair.raw_value for pair in self._pairs)

    def _find(self, key: str) -> _Pair | None:
        return next((pair for pair in reversed(self._pairs) if pair.key == key), None)


def extend_array(raw: bytes, items: list[bytes]) -> bytes:
    """Append raw values to a raw array. Raises ValueError where ``raw`` is not an array."""
    unpacker = _unpacker(raw)
    count = _read_header(unpacker.read_array_header)
    header = _header(raw[0], count + len(items), FIXARRAY, ARRAY_16, ARRAY_32)
    return header + raw[unpacker.tell() :] + b"".join(items)


def array_of(items: list[bytes]) -> bytes:
    """Raw values as one raw array."""
    return _header(FIXARRAY, len(items), FIXARRAY, ARRAY_16, ARRAY_32) + b"".join(items)


def is_map(raw: bytes | memoryview) -> bool:
    """Whether a raw value is a map."""
    return raw[0] & 0xF0 == FIXMAP or raw[0] in (MAP_16, MAP_32)


def is_array(raw: bytes | memoryview) -> bool:
    """Whether a raw value is an array."""
    return raw[0] & 0xF0 == FIXARRAY or raw[0] in (ARRAY_16, ARRAY_32)


def _pairs_of(raw: bytes) -> list[_Pair]:
    unpacker = _unpacker(raw)
    pairs = []
    for _ in range(_read_header(unpacker.read_map_header)):
        start = unpacker.tell()
        key = unpacker.unpack()
        key_end = unpacker.tell()
        unpacker.skip()
        name = text_of(key) if isinstance(key, bytes) else key
        pairs.append(_Pair(name, raw[start:key_end], raw[key_end : unpacker.tell()]))
    return pairs


def _unpacker(raw: bytes) -> msgpack.Unpacker:
    unpacker = msgpack.Unpacker(
        strict_map_key=False,
        unicode_errors="surrogateescape",
        max_buffer_size=max(len(raw), 1),
    )
    unpacker.feed(raw)
    return unpacker


def _read_header(read: object) -> int:
    try:
        count: int = read()  # type: ignore[operator]
    except (msgpack.UnpackException, ValueError) as error:
        raise ValueError(f"not the expected msgpack container: {error}") from error
    return count


def _header(first_byte: int, count: int, fix: int, wide: int, widest: int) -> bytes:
    if count <= 15 and first_byte & 0xF0 == fix:
        return bytes([fix | count])
    if count <= 0xFFFF and first_byte != widest:
        return bytes([wide]) + count.to_bytes(2, "big")
    return bytes([widest]) + count.to_bytes(4, "big")
