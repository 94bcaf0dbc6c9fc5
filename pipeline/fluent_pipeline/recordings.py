"""Recorded streams as events: NDJSON files, and the bytes of a forward connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from fluent_eql.event import Event
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.ndjson import LineBuffer, from_line, records_of
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import FIXARRAYS, NIL, WIDE_ARRAYS, Framer, Message
from fluent_pipeline.protocol.handshake import is_ping
from fluent_pipeline.protocol.limits import Limits

READ_SIZE = 1 << 20
FORWARD_OPENERS = (NIL, *FIXARRAYS, *WIDE_ARRAYS)
GZIP_OPENER = 0x1F


class Readable(Protocol):
    """What a recording is read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, none of them at the end."""


Unreadable = Callable[[str, str], None]
"""Called with a place (``line 3``, ``byte 17``) and what is wrong there."""


def read_events(stream: Readable, tag: str, unreadable: Unreadable) -> Iterator[Event]:
    """The events of a recording, in its order.

    A stream that begins with a msgpack array or nil is a forward connection's, as its server
    received it, a handshake included; any other is NDJSON. ``tag`` is given to the records of
    NDJSON, whose own time is 0. Lines, messages and entries that cannot be read are reported and
    passed over; a forward stream ends where the next message cannot be found.
    """
    first = stream.read(1)
    if first and first[0] == GZIP_OPENER:
        unreadable("byte 0", "compressed; unpack it first, as with zcat")
    elif first and first[0] in FORWARD_OPENERS:
        yield from _forward_events(first, stream, unreadable)
    else:
        yield from _ndjson_events(first, stream, tag, unreadable)


def _ndjson_events(
    first: bytes, stream: Readable, tag: str, unreadable: Unreadable
) -> Iterator[Event]:
    for number, line in enumerate(_lines(first, stream), start=1):
        if not line.strip():
            continue
        try:
            event = Event(tag, 0, from_line(line))
        except ValueError as error:
            unreadable(f"line {number}", str(error))
        else:
            yield event


def _lines(first: bytes, stream: Readable) -> Iterator[bytes]:
    buffer = LineBuffer()
    yield from buffer.receive(first)
    while data := stream.read(READ_SIZE):
        yield from buffer.receive(data)
    yield from buffer.finish()


def _forward_events(first: bytes, stream: Readable, unreadable: Unreadable) -> Iterator[Event]:
    limits = Limits()
    framer = Framer(limits)
    data = first
    try:
        while data:
            framer.receive_data(data)
            while isinstance(message := framer.next_message(), Message):
                yield from _message_events(message, limits, unreadable)
            data = stream.read(READ_SIZE)
    except RemoteProtocolError as error:
        unreadable(f"byte {error.offset}", error.message)
    else:
        if framer.buffered:
            unreadable("the end", f"the last message lacks its end, after {framer.buffered} bytes")


def _message_events(message: Message, limits: Limits, unreadable: Unreadable) -> Iterator[Event]:
    place = f"byte {message.offset}"
    if is_ping(message):
        return
    try:
        frame = parse_frame(message)
        if isinstance(frame, Frame):
            yield from records_of(frame, limits, lambda reason: unreadable(place, reason))
    except RemoteProtocolError as error:
        unreadable(place, error.message)
