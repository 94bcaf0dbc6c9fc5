"""Where messages begin and end in a stream of bytes. Nothing in them is decoded."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import msgpack

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.index import LEAST_ENTRY, MOST_ENTRIES, EntryIndex
from fluent_pipeline.protocol.limits import NESTING, Limits
from fluent_pipeline.protocol.received import Received

NIL = 0xC0
FIXARRAYS = range(0x90, 0xA0)
WIDE_ARRAYS = (0xDC, 0xDD)
ARRAY_WIDTHS = {**dict.fromkeys(FIXARRAYS, 1), 0xDC: 3, 0xDD: 5}
"""The lengths of array headers by their first byte."""
WIDEST_HEADER = 5
JSON_OPENERS = (0x5B, 0x7B)
MOST_ELEMENTS = 6
"""Of a message's array: a PING has six."""

_MAX_BUFFER = 2**31 - 1

_JSON_SPACE = b" \t\r\n"
_CLOSERS = {ord("["): ord("]"), ord("{"): ord("}")}
_JSON_MARKS = re.compile(rb'["\\\[\]{}]')


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message, as it was received.

    ``offset`` is where it begins in the stream. ``elements`` are the offsets in ``raw`` of the
    elements of a msgpack array; empty for nil and for JSON. ``index`` may say where the elements
    of the second element lie.
    """

    raw: bytes
    offset: int
    elements: tuple[int, ...] = ()
    json: bool = False
    index: EntryIndex | None = None


class NeedData:
    """The answer while the next message is not whole; its only instance is :data:`NEED_DATA`."""

    def __repr__(self) -> str:
        return "NEED_DATA"


NEED_DATA: Final = NeedData()


class Framer:
    """Cuts a stream into messages: msgpack arrays, msgpack nil, JSON texts.

    Each byte is looked at once, however the stream is split. At most ``limits.frame`` bytes of
    an unfinished message are kept. After an error every further call raises it again.

    While ``indexing`` is set, the messages that begin get an index.
    """

    def __init__(self, limits: Limits) -> None:
        self.indexing = False
        self._limits = limits
        self._received = Received()
        self._offset = 0
        self._scan: _MsgpackScan | _JsonScan | None = None
        self._inside = False
        self._error: RemoteProtocolError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes are kept of a message that is not whole."""
        return len(self._received)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._received.append(data)
        if isinstance(self._scan, _MsgpackScan):
            self._scan.feed(data)

    def next_message(self) -> Message | NeedData:
        """The next whole message, NEED_DATA where there is none yet.

        Raises RemoteProtocolError where the bytes can be no message, or one over the limits.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next_message()
        except _MalformedError as error:
            self._error = RemoteProtocolError(str(error), self._offset)
            raise self._error from error

    def unread(self) -> bytes:
        """The bytes beyond the last message."""
        return self._received.peek(0, len(self._received))

    def _next_message(self) -> Message | NeedData:
        scan = self._scan if self._inside else self._begin()
        if scan is None:
            return NEED_DATA
        if not self._inside and isinstance(scan, _MsgpackScan):
            scan.indexing = self.indexing
        end = scan.end(self._received)
        if (end or len(self._received)) > self._limits.frame:
            raise _MalformedError(f"the message is over the limit of {self._limits.frame} bytes")
        self._inside = end is None
        if end is None:
            return NEED_DATA
        return self._cut(end, scan)

    def _begin(self) -> _MsgpackScan | _JsonScan | None:
        """What finds the end of the message that begins the buffer."""
        if isinstance(self._scan, _JsonScan):
            self._drop_space()
        if not self._received:
            return None
        (first,) = self._received.peek(0, 1)
        if first in JSON_OPENERS:
            self._scan = _JsonScan()
        elif first not in FIXARRAYS and first not in WIDE_ARRAYS and first != NIL:
            raise _MalformedError(f"expected a msgpack array, nil or JSON, found 0x{first:02x}")
        elif not isinstance(self._scan, _MsgpackScan):
            self._scan = _MsgpackScan(self.unread())
        return self._scan

    def _drop_space(self) -> None:
        whole = self._received.together()
        space = len(whole) - len(whole.lstrip(_JSON_SPACE))
        self._received.take(space)
        self._offset += space

    def _cut(self, end: int, scan: _MsgpackScan | _JsonScan) -> Message:
        raw = self._received.take(end)
        is_json = isinstance(scan, _JsonScan)
        message = Message(raw, self._offset, scan.take_elements(), is_json, scan.take_index())
        self._offset += end
        return message


class _MalformedError(Exception):
    """What is wrong with the current message."""


class _MsgpackScan:
    """Finds the ends of msgpack objects, one after another; resumes where it ran out of data."""

    def __init__(self, data: bytes) -> None:
        self._unpacker = msgpack.Unpacker(max_buffer_size=_MAX_BUFFER)
        self._start = 0
        self._elements: list[int] = []
        self._remaining: int | None = None
        self._skipping = False
        self.indexing = False
        self._entries: _Entries | None = None
        self._index: EntryIndex | None = None
        self.feed(data)

    def feed(self, data: bytes) -> None:
        self._unpacker.feed(data)

    def end(self, received: Received) -> int | None:
        """The end of the object that begins the bytes; None while it is not whole."""
        try:
            return self._scan_on(received)
        except msgpack.OutOfData:
            return None
        except msgpack.StackError:
            raise _MalformedError(f"the message nests deeper than {NESTING} levels") from None
        except (msgpack.FormatError, ValueError):
            at = self._unpacker.tell() - self._start
            raise _MalformedError(f"malformed msgpack {at} bytes into the message") from None

    def take_elements(self) -> tuple[int, ...]:
        """The offsets of the finished object's elements; the next object begins here."""
        elements = tuple(self._elements)
        self._elements.clear()
        self._remaining = None
        self._start = self._unpacker.tell()
        return elements

    def take_index(self) -> EntryIndex | None:
        """The finished object's index, if it has got one."""
        index, self._index = self._index, None
        return index

    def _scan_on(self, received: Received) -> int:
        unpacker = self._unpacker
        is_nil = received.peek(0, 1)[0] == NIL
        if self._remaining is None:
            self._remaining = 1 if is_nil else self._read_header()
        while self._remaining:
            if not self._skipping:
                if not is_nil:
                    self._elements.append(unpacker.tell() - self._start)
                if self.indexing and len(self._elements) == 2:
                    self._entries = _Entries.at(self._elements[1], received, unpacker)
                self._skipping = True
            if self._entries is None:
                unpacker.skip()
            else:
                self._index = self._entries.skip(unpacker)
                self._entries = None
            self._skipping = False
            self._remaining -= 1
        end: int = unpacker.tell() - self._start
        return end

    def _read_header(self) -> int:
        count: int = self._unpacker.read_array_header()
        if count > MOST_ELEMENTS:
            raise _MalformedError(
                f"an array of {count} elements; no message has more than {MOST_ELEMENTS}"
            )
        return count


class _Entries:
    """Skips the elements of an array one by one, and notes where each ends."""

    def __init__(self, count: int, base: int) -> None:
        self._count = count
        self._base = base
        self._ends = array("Q")

    @classmethod
    def at(cls, start: int, received: Received, unpacker: msgpack.Unpacker) -> _Entries | None:
        """What skips the object at ``start``, which comes next; None where that is not worth it."""
        header = received.peek(start, WIDEST_HEADER)
        width = ARRAY_WIDTHS.get(header[0], 0) if header else 0
        header = header[:width]
        if not width or len(header) < width:
            return None
        count = int.from_bytes(header[1:], "big") if width > 1 else header[0] & 0x0F
        if count > MOST_ENTRIES:
            return None
        unpacker.read_array_header()
        return cls(count, unpacker.tell())

    def skip(self, unpacker: msgpack.Unpacker) -> EntryIndex | None:
        """Skip on. Raises OutOfData where there is no more, and is called again then."""
        skip, tell, note = unpacker.skip, unpacker.tell, self._ends.append
        for _ in repeat(None, self._count - len(self._ends)):
            skip()
            note(tell())
        is_small = len(self._ends) * LEAST_ENTRY <= tell() - self._base
        return EntryIndex(self._ends, self._base) if is_small else None


class _JsonScan:
    """Finds the end of one JSON array or object; resumes where it ran out of data."""

    def __init__(self) -> None:
        self._position = 0
        self._open = bytearray()
        self._in_string = False

    def end(self, received: Received) -> int | None:
        """The end of the text that begins the bytes; None while it is not whole."""
        buffer = received.together()
        while mark := _JSON_MARKS.search(buffer, self._position):
            self._position = mark.end()
            if self._take(buffer[mark.start()]):
                return self._position
        self._position = max(self._position, len(buffer))
        return None

    def take_elements(self) -> tuple[int, ...]:
        """None: offsets into a JSON text are of no use."""
        return ()

    def take_index(self) -> None:
        """None, as above."""

    def _take(self, mark: int) -> bool:
        """Take a mark into account; whether it ends the text."""
        if self._in_string:
            if mark == ord("\\"):
                self._position += 1
            elif mark == ord('"'):
                self._in_string = False
        elif mark == ord('"'):
            self._in_string = True
        elif mark in _CLOSERS:
            self._open.append(_CLOSERS[mark])
        elif mark != ord("\\") and mark != self._open.pop():
            raise _MalformedError(f"malformed JSON {self._position} bytes into the message")
        return not self._open
