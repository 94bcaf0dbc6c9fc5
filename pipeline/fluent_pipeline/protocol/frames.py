"""What the head of a message says: the frame.

Shapes: sections "Message Modes" and "Option" of the specification.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgpack

from fluent_eql.event import encode_value, text_of
from fluent_eql.splice import RawMap, is_array, is_map
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.compression import inflate
from fluent_pipeline.protocol.framing import NIL, Framer, Message
from fluent_pipeline.protocol.index import EntryIndex
from fluent_pipeline.protocol.limits import Limits

ALGORITHMS = ("gzip", "zstd")
LONGEST_KNOWN_TAG = 256
MOST_RECORDS_A_BYTE = 1000
"""More than these cannot be compressed into it."""
ARRAY_HEADERS = {0xDC: 3, 0xDD: 5}
"""The lengths of wide array headers by their first byte; fixarray's is 1."""


class Mode(Enum):
    """How a frame carries its entries: the names of the specification."""

    MESSAGE = "Message"
    FORWARD = "Forward"
    PACKED_FORWARD = "PackedForward"


class Heartbeat:
    """The message nil; its only instance is :data:`HEARTBEAT`."""


HEARTBEAT: Final = Heartbeat()


@dataclass(frozen=True, slots=True)
class Frame:
    """A message that carries entries.

    ``raw``: the whole message in msgpack, as it came; what a JSON message says where ``json``.
    ``body_start`` to ``body_end``: the entries in ``raw``, without the header of their array or
    string; a Message's time and record. ``count``: how many entries, None for PackedForward;
    ``told``: how many it has as its sender says, None where that says nothing.
    ``options_start``: where the options begin, None where there are none.
    ``chunk``: the option of that name as raw msgpack, None where absent or nil.
    ``compressed``: ``gzip``, ``zstd`` or None. ``signal``: the option ``fluent_signal``, 0 for
    logs; Fluent Bit marks metrics, traces, blobs and profiles with 1 to 4. ``index`` may say
    where the entries of a Forward frame lie.
    """

    raw: bytes
    tag: str
    tag_end: int
    mode: Mode
    body_start: int
    body_end: int
    count: int | None
    options_start: int | None = None
    chunk: bytes | None = None
    compressed: str | None = None
    signal: int = 0
    json: bool = False
    index: EntryIndex | None = field(default=None, compare=False, repr=False)
    told: int | None = field(default=None, compare=False)

    @property
    def tag_start(self) -> int:
        """Where the tag begins in ``raw``, behind the header of the array."""
        return ARRAY_HEADERS.get(self.raw[0], 1)

    @property
    def records(self) -> int:
        """How many records of logs, as far as that is known without looking at the entries.

        What the sender of a PackedForward says counts unless it cannot be.
        """
        count = self.told if self.count is None else self.count
        if count is None or self.signal or not 0 <= count <= MOST_RECORDS_A_BYTE * len(self.raw):
            return 0
        return count

    def payload(self, limits: Limits) -> bytes | memoryview:
        """The raw entries one after another, inflated.

        Raises RemoteProtocolError where a compressed body is corrupt or over ``limits``.
        """
        body = memoryview(self.raw)[self.body_start : self.body_end]
        return inflate(body, self.compressed, limits.inflated) if self.compressed else body


def parse_frame(message: Message) -> Frame | Heartbeat:
    """Read the head of a message; its entries are not looked at.

    Raises RemoteProtocolError where the message has none of the specified shapes.
    """
    try:
        if message.json:
            return _parse(_from_json(message.raw), json=True)
        return HEARTBEAT if message.raw[0] == NIL else _parse(message, json=False)
    except ValueError as error:
        raise RemoteProtocolError(str(error), message.offset) from error


def frame_of(raw: bytes) -> Frame:
    """A frame of this side's own making. Raises ValueError where ``raw`` is not one message."""
    frame = _parse(message_of(raw), json=False)
    assert isinstance(frame, Frame)
    return frame


def message_of(raw: bytes) -> Message:
    """One whole message. Raises ValueError where ``raw`` is not that."""
    framer = Framer(Limits(frame=len(raw)))
    framer.receive_data(raw)
    try:
        message = framer.next_message()
    except RemoteProtocolError as error:
        raise ValueError(error.message) from error
    if not isinstance(message, Message) or framer.buffered:
        raise ValueError("expected one whole message")
    return message


def _parse(message: Message, *, json: bool) -> Frame:
    raw, starts = message.raw, message.elements
    if not 2 <= len(starts) <= 4:
        raise ValueError(f"expected an array of 2 to 4 elements, found {len(starts)}")
    tag = _known_tag(raw[starts[0] : starts[1]])
    mode, header, count = _body_of(raw, starts[1])
    options_at = 3 if mode is Mode.MESSAGE else 2
    if mode is Mode.MESSAGE:
        _check_message(raw, starts)
    elif len(starts) > 3:
        raise ValueError(f"expected at most 3 elements in {mode.value} mode, found {len(starts)}")
    options_start = starts[options_at] if len(starts) > options_at else None
    options = NO_OPTIONS if options_start is None else _options_of(raw[options_start:], mode)
    return Frame(
        raw=raw,
        tag=tag,
        tag_end=starts[1],
        mode=mode,
        body_start=starts[1] + header,
        body_end=len(raw) if options_start is None else options_start,
        count=count,
        options_start=options_start,
        chunk=options.chunk,
        compressed=options.compressed,
        signal=options.signal,
        json=json,
        index=message.index if mode is Mode.FORWARD else None,
        told=options.size,
    )


def _known_tag(raw: bytes) -> str:
    """A tag; there are few, each in very many messages."""
    return _short_tag(raw) if len(raw) <= LONGEST_KNOWN_TAG else _tag_of(raw)


@lru_cache(maxsize=1024)
def _short_tag(raw: bytes) -> str:
    return _tag_of(raw)


def _tag_of(raw: bytes) -> str:
    tag = _decode(raw)
    if not isinstance(tag, str | bytes):
        raise ValueError(f"expected a string as the tag, found {type(tag).__name__}")
    return text_of(tag)


def _body_of(raw: bytes, at: int) -> tuple[Mode, int, int | None]:
    """The mode, the length of the header before the entries, and how many those are."""
    first = raw[at]
    if first & 0xF0 == 0x90:
        return Mode.FORWARD, 1, first & 0x0F
    if first in (0xDC, 0xDD):
        width = 2 if first == 0xDC else 4
        return Mode.FORWARD, 1 + width, int.from_bytes(raw[at + 1 : at + 1 + width], "big")
    if first & 0xE0 == 0xA0:
        return Mode.PACKED_FORWARD, 1, None
    if first in STRING_WIDTHS:
        return Mode.PACKED_FORWARD, 1 + STRING_WIDTHS[first], None
    return Mode.MESSAGE, 0, 1


STRING_WIDTHS = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4}
"""The first bytes of str and bin, with the width of the length that follows."""


def _check_message(raw: bytes, starts: tuple[int, ...]) -> None:
    time = raw[starts[1] : starts[2]] if len(starts) > 2 else b""
    if len(starts) == 2 or is_map(time) or time[0] in NO_TIMES:
        raise ValueError("expected an array, a string or a time as the second element")
    if not is_map(raw[starts[2] :][:1]):
        raise ValueError("expected a map as the record of a Message")


NO_TIMES = (0xC0, 0xC1, 0xC2, 0xC3)
"""The first bytes of nil and the booleans."""


class _Options(NamedTuple):
    """What a message's options say; ``chunk`` as raw msgpack."""

    chunk: bytes | None = None
    compressed: str | None = None
    signal: int = 0
    size: int | None = None


NO_OPTIONS = _Options()


def _options_of(raw: bytes, mode: Mode) -> _Options:
    """What raw options say. Only a PackedForward is compressed. Raises ValueError."""
    if raw[0] == NIL:
        return NO_OPTIONS
    return _common_options(raw) or _read_options(raw, mode)


def _common_options(raw: bytes) -> _Options | None:
    """What the agents' own options say; None for others, and for what needs a closer look.

    The chunk, written in the usual way, must then stand behind its key: nothing else in such
    options has room for it.
    """
    try:
        options = msgpack.unpackb(raw)
    except (msgpack.UnpackException, ValueError, TypeError):
        return None
    if not isinstance(options, dict) or not AGENTS_OPTIONS.issuperset(options):
        return None
    chunk = options.get("chunk")
    size = options.get("size")
    if options.get("compressed") is not None or (size is not None and type(size) is not int):
        return None
    if chunk is None:
        return NO_OPTIONS if size is None else _Options(size=size)
    if not isinstance(chunk, str):
        return None
    raw_chunk = encode_value(chunk)
    return _Options(raw_chunk, size=size) if CHUNK_KEY + raw_chunk in raw else None


AGENTS_OPTIONS = frozenset(["size", "chunk", "compressed"])
CHUNK_KEY = b"\xa5chunk"


def _read_options(raw: bytes, mode: Mode) -> _Options:
    """Raises ValueError."""
    if not is_map(raw[:1]):
        raise ValueError("expected a map or nil as the options")
    try:
        options = RawMap(raw)
    except TypeError as error:
        raise ValueError(UNHASHABLE) from error
    compressed = _compressed(options) if mode is Mode.PACKED_FORWARD else None
    size = _value(options, "size") if mode is Mode.PACKED_FORWARD else None
    told = size if type(size) is int else None
    return _Options(_chunk(options), compressed, _signal(options), told)


def _chunk(options: RawMap) -> bytes | None:
    """The raw chunk. Fluentd, too, takes nil and false for none."""
    value = _value(options, "chunk")
    if value is None or value is False:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected chunk to be a string or a number, found {_shown(value)}")
    return options.get("chunk")


def _compressed(options: RawMap) -> str | None:
    value = _value(options, "compressed")
    if value is None or value == "text":
        return None
    if value not in ALGORITHMS:
        raise ValueError(f"expected compressed to be gzip, zstd or text, found {_shown(value)}")
    return str(value)


def _signal(options: RawMap) -> int:
    value = _value(options, "fluent_signal")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"expected fluent_signal to be an integer, found {_shown(value)}")
    return value or 0


def _value(options: RawMap, key: str) -> Any:
    raw = options.get(key)
    if raw is None:
        return None
    value = _decode(raw)
    return text_of(value) if isinstance(value, bytes) else value


def _shown(value: Any) -> str:
    """A value as an error tells it: containers may be too deep to print."""
    return f"{value!r:.80}" if isinstance(value, str) else type(value).__name__


UNHASHABLE = "a map has an array or a map in one of its keys"


def _decode(raw: bytes) -> Any:
    try:
        return msgpack.unpackb(raw, unicode_errors="surrogateescape", strict_map_key=False)
    except TypeError as error:
        raise ValueError(UNHASHABLE) from error


def _from_json(raw: bytes) -> Message:
    """The message that a JSON text stands for."""
    try:
        value = json.loads(raw.decode("utf-8", "surrogateescape"))
        encoded = encode_value(value)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"malformed JSON: {error or type(error).__name__}") from error
    if not isinstance(value, list) or not is_array(encoded):
        raise ValueError("expected a JSON array")
    if len(value) > 1 and isinstance(value[1], str):
        raise ValueError("expected an array or a time as the second element of a JSON message")
    return message_of(encoded)
