"""How data is written one after another into a file, and found again in a damaged one.

A record is a marker, the length of its data, its number, a CRC-32 of number and data, and the
data. Where a record is damaged, the next one is looked for by its marker.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MARKER = b"\xf1EQL"
HEADER = struct.Struct(">4sIQI")


@dataclass(frozen=True, slots=True)
class Record:
    """Data of that number, which stands from ``start`` to ``end`` of its file, header aside."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record; ``is_tail`` where no record follows them."""

    start: int
    end: int
    is_tail: bool


def encode_record(number: int, data: bytes) -> bytes:
    """A record, ready to be appended."""
    return HEADER.pack(MARKER, len(data), number, _checksum(number, data)) + data


def write_all(descriptor: int, data: bytes) -> None:
    """Write to a file to the last byte. Raises OSError; some of it may be written by then."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def scan(content: bytes | memoryview) -> Iterator[Record | Damage]:
    """All records of a file, and what lies damaged between and behind them."""
    position = 0
    while position < len(content):
        record = _record_at(content, position)
        if record is None:
            following = _next_record(content, position + 1)
            end = len(content) if following is None else following
            yield Damage(position, end, is_tail=following is None)
            position = end
        else:
            yield record
            position = record.end


def _record_at(content: bytes | memoryview, position: int) -> Record | None:
    start = position + HEADER.size
    if start > len(content):
        return None
    marker, length, number, checksum = HEADER.unpack_from(content, position)
    end = start + length
    if marker != MARKER or end > len(content):
        return None
    return Record(number, start, end) if _checksum(number, content[start:end]) == checksum else None


def _next_record(content: bytes | memoryview, position: int) -> int | None:
    haystack = bytes(content)
    while (position := haystack.find(MARKER, position)) >= 0:
        if _record_at(content, position) is not None:
            return position
        position += 1
    return None


def _checksum(number: int, data: bytes | memoryview) -> int:
    return zlib.crc32(data, zlib.crc32(number.to_bytes(8, "big")))
