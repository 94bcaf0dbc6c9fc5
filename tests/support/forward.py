"""Forward messages of every shape, and what they say when they are simply decoded.

The decoder here is a model to hold the protocol core against: it shares no code with it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from random import Random
from typing import Any

import msgpack
import zstandard

from support.wire import Writer

MODES = ("message", "forward", "packed", "gzip", "zstd")
BAD_ENTRIES: tuple[Any, ...] = (None, 5, "x", [], [1], [1, 2], [1, {}, {}], [None, {}], [[1], {}])
GROUP = msgpack.ExtType(0, b"\xff\xff\xff\xff\x00\x00\x00\x00")


@dataclass(frozen=True)
class Said:
    """What a message says: a Message's time and record are its one entry."""

    tag: str | bytes
    entries: list[Any]
    options: Any


def array_of(writer: Writer, elements: list[bytes]) -> bytes:
    """Encoded elements as an array whose header is of random width."""
    header = writer.encode([None] * len(elements))
    return header[: len(header) - len(elements)] + b"".join(elements)


def random_entry(random: Random) -> Any:
    """An event of one of the shapes, a group marker, or what is no entry."""
    seconds, record = random.randrange(2**32 - 2), random_record(random)
    event_time = msgpack.ExtType(0, seconds.to_bytes(4, "big") + b"\x00\x00\x00\x07")
    time = random.choice([seconds, event_time, event_time, -seconds, seconds / 2])
    return random.choice(
        [[time, record]] * 3 + [[[time, {"m": 1}], record]] * 3
        + [[[GROUP, {}], {}], [GROUP, {}], random.choice(BAD_ENTRIES)]
    )  # fmt: skip


def random_record(random: Random) -> dict[str, Any]:
    text = "x" * random.choice([0, 3, 31, 32, 300])
    return {"n": random.randrange(2**64), text: [b"\xff\xfe", None, -1.5, {"deep": {}}]}


def random_options(random: Random, mode: str, count: int) -> Any:
    """Options of any kind but compressed ones that ``mode`` does not have; nil; "" for none."""
    compressed = {"compressed": mode} if mode in ("gzip", "zstd") else {}
    options: dict[Any, Any] = random.choice(
        [{}, {"size": count}, {"size": count + 3}, {"size": "?"}]
    )
    options |= random.choice([{}, {"chunk": "c\n"}, {"chunk": b"\xff", 5: [6]}])
    return options | compressed if compressed else random.choice(["", None, options])


def random_message(random: Random, mode: str, entries: list[Any]) -> bytes:
    """These entries as a message of one of MODES, all headers of random width."""
    writer = Writer(random)
    options = random_options(random, mode, len(entries))
    tag = random.choice(["", "tag", "t" * 40, b"bin", "t\udcff"])
    elements = [writer.encode(tag)]
    encoded = [writer.encode(entry) for entry in entries]
    if mode == "message":
        elements += [writer.encode(part) for part in entries[0]]
    elif mode == "forward":
        elements.append(array_of(writer, encoded))
    else:
        body = b"".join(_packed(mode, part) for part in _parts(random, encoded))
        elements.append(
            writer.encode(random.choice([body, body.decode("utf-8", "surrogateescape")]))
        )
    if options != "":
        elements.append(writer.encode(options))
    return array_of(writer, elements)


def _parts(random: Random, encoded: list[bytes]) -> list[bytes]:
    """The entries in one or two parts, as of a client that compresses at each append."""
    middle = random.randrange(len(encoded) + 1)
    return [b"".join(encoded[:middle]), b"".join(encoded[middle:])]


def _packed(mode: str, part: bytes) -> bytes:
    if mode == "gzip":
        return gzip.compress(part)
    return zstandard.ZstdCompressor().compress(part) if mode == "zstd" else part


def said_by(raw: bytes) -> Said:
    """Decode a msgpack message as a receiver would that keeps nothing of its bytes."""
    tag, body, *rest = decoded(raw)
    if isinstance(body, list):
        return Said(tag, body, rest[0] if rest else "")
    if isinstance(body, str | bytes):
        options = rest[0] if rest else ""
        return Said(tag, _unpacked(_bytes(body), options), options)
    return Said(tag, [[body, rest[0]]], rest[1] if len(rest) > 1 else "")


def decoded(raw: bytes) -> Any:
    return msgpack.unpackb(raw, unicode_errors="surrogateescape", strict_map_key=False)


def _bytes(body: str | bytes) -> bytes:
    return body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body


def _unpacked(body: bytes, options: Any) -> list[Any]:
    compressed = options.get("compressed") if isinstance(options, dict) else None
    if compressed == "gzip":
        body = gzip.decompress(body)
    elif compressed == "zstd":
        reader = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True)
        body = reader.read()
    unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", strict_map_key=False)
    unpacker.feed(body)
    return list(unpacker)
