"""One connection to a server: the handshake, frames out, acknowledgements in."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import cast

from fluent_pipeline.config import ForwardOutputConfig
from fluent_pipeline.errors import ProtocolError
from fluent_pipeline.net.durable import Item
from fluent_pipeline.protocol.acks import AckReader, chunk_id
from fluent_pipeline.protocol.adapt import TargetFormat, adapt
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.framing import NEED_DATA, Framer, Message
from fluent_pipeline.protocol.handshake import ClientHandshake
from fluent_pipeline.protocol.limits import Limits

COALESCED = 65_536
"""Frames that are smaller together are written at once."""
MOST_FRAMES_IN_FLIGHT = 1_000
MOST_BYTES_IN_FLIGHT = 32_000_000
"""Written and not acknowledged, at most, before a server gets no more."""
TICK = 1.0
"""How often, in seconds, it is looked at whether an acknowledgement is overdue."""

HANDSHAKE_LIMITS = Limits(frame=65_536)
UNLIMITED = Limits(inflated=1 << 40)
"""What comes here has been inflated within the input's limits before."""
V1 = TargetFormat(entry_format="v1", limit=1 << 40)

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _InFlight:
    item: Item
    size: int
    awaits_ack: bool
    written_at: float


class ServerConnection(asyncio.Protocol):
    """One connection.

    ``opened`` is done when frames can be sent, ``closed`` when the connection has served enough
    and all on it is delivered; either has the exception, an OSError or a ProtocolError, where the
    connection ends before. ``on_delivered`` is called with a frame's size when it is delivered,
    ``on_room`` when there may be room for more.
    """

    def __init__(
        self,
        config: ForwardOutputConfig,
        handshake: ClientHandshake | None,
        *,
        on_delivered: Callable[[int], None],
        on_room: Callable[[], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._handshake = handshake
        self._framer = Framer(HANDSHAKE_LIMITS)
        self._greeted = False
        self._acks = AckReader()
        self._wants_acks = config.require_ack_response
        self._ack_timeout = config.ack_response_timeout / 10**9
        self._needs_v1 = config.entry_format == "auto"
        self._left: float = config.keepalive_max_recycle or math.inf
        self._on_delivered = on_delivered
        self._on_room = on_room
        self._in_flight: dict[_InFlight, None] = {}
        self._bytes_in_flight = 0
        self._by_chunk: dict[Hashable, deque[_InFlight]] = {}
        self._unsent: list[_InFlight] = []
        self._is_full = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """How many frames have been written and are not delivered."""
        return len(self._in_flight)

    @property
    def has_room(self) -> bool:
        """Whether more can be written now."""
        return (
            not self._is_full
            and self._left > 0
            and len(self._in_flight) < MOST_FRAMES_IN_FLIGHT
            and self._bytes_in_flight < MOST_BYTES_IN_FLIGHT
            and not self.closed.done()
        )

    def send(self, queue: deque[Item], size: float) -> int:
        """Write frames from the queue's head until they are ``size`` bytes, or there is no room.

        How many bytes that were. A frame that awaits no acknowledgement is delivered once the
        kernel has it.
        """
        written, together = 0, bytearray()
        try:
            while queue and written < size and self.has_room:
                loaded = queue[0].load()
                if loaded is None:
                    queue.popleft().done()
                    continue
                frame = self._as_taken(loaded)
                sent = self._note(queue.popleft(), frame)
                if sent.size >= COALESCED:  # not to be copied for the sake of a few before it
                    self._write(together)
                    self._write(frame.raw)
                    together = bytearray()
                else:
                    together += frame.raw
                written += sent.size
            self._write(together)
        except OSError as error:
            self._fail(error)
        self._deliver_unsent()
        return written

    def abandon(self) -> list[Item]:
        """Close; what was written and not delivered, in its order."""
        undelivered = [sent.item for sent in self._in_flight]
        self._in_flight.clear()
        self._by_chunk.clear()
        self._unsent.clear()
        self._bytes_in_flight = 0
        for future in (self.opened, self.closed):
            if not future.done():
                future.cancel()
            elif not future.cancelled():
                future.exception()  # so that nobody complains that it was not asked for
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
        return undelivered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=1, low=0)
        if self._handshake is None:
            self._open()

    def data_received(self, data: bytes) -> None:
        try:
            if not self.opened.done():
                data = self._shake_hands(data)
            if data and self._wants_acks and not self.closed.done():
                self._acks.receive_data(data)
                while (chunk := self._acks.next_ack()) is not NEED_DATA:
                    self._acknowledged(chunk)
        except ProtocolError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self._fail(
                exc or ConnectionError("the peer closed the connection during the handshake")
            )
        self._fail(exc or ConnectionError("the target closed the connection"))

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._deliver_unsent()
        self._on_room()

    def _shake_hands(self, data: bytes) -> bytes:
        """Take the handshake on; the bytes received beyond it."""
        if self._handshake is None or self._transport is None:
            return data
        self._framer.receive_data(data)
        while isinstance(message := self._framer.next_message(), Message):
            if not self._greeted:
                self._transport.write(self._handshake.receive_hello(message))
                self._needs_v1 = self._needs_v1 and self._handshake.server_is_fluentd
                self._greeted = True
                continue
            self._handshake.receive_pong(message)
            self._open()
            return self._framer.unread()
        return b""

    def _open(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)
        if self._wants_acks:
            self._timer = self._loop.call_later(TICK, self._check_time)

    def _check_time(self) -> None:
        oldest = next((sent for sent in self._in_flight if sent.awaits_ack), None)
        if oldest is not None and self._loop.time() - oldest.written_at > self._ack_timeout:
            self._fail(TimeoutError(f"no acknowledgement for {self._ack_timeout:.0f} s"))
        elif not self.closed.done():
            self._timer = self._loop.call_later(TICK, self._check_time)

    def _as_taken(self, frame: Frame) -> Frame:
        """The frame in the entry format of this server, where that is found out from it."""
        if not self._needs_v1:
            return frame
        (adapted,) = adapt(frame, 0, V1, UNLIMITED) or [frame]
        return adapted

    def _note(self, item: Item, frame: Frame) -> _InFlight:
        awaits_ack = self._wants_acks and frame.chunk is not None
        sent = _InFlight(item, len(frame.raw), awaits_ack, self._loop.time())
        self._in_flight[sent] = None
        self._bytes_in_flight += sent.size
        self._left -= 1
        if frame.chunk is not None and awaits_ack:
            self._by_chunk.setdefault(chunk_id(frame.chunk), deque()).append(sent)
        else:
            self._unsent.append(sent)
        return sent

    def _write(self, data: bytes | bytearray) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _deliver_unsent(self) -> None:
        """What awaits no acknowledgement is delivered when nothing waits for the kernel."""
        if not self._is_full and self._unsent:
            unsent, self._unsent = self._unsent, []
            for sent in unsent:
                self._delivered(sent)

    def _acknowledged(self, chunk: Hashable) -> None:
        waiting = self._by_chunk.get(chunk)
        if not waiting:
            log.debug("acknowledgement of an unknown chunk %r", chunk)
            return
        sent = waiting.popleft()
        if not waiting:
            del self._by_chunk[chunk]
        self._delivered(sent)

    def _delivered(self, sent: _InFlight) -> None:
        had_room = self.has_room
        del self._in_flight[sent]
        self._bytes_in_flight -= sent.size
        sent.item.done()
        self._on_delivered(sent.size)
        if self._left <= 0 and not self._in_flight and not self.closed.done():
            self.closed.set_result(None)
        elif not had_room:
            self._on_room()

    def _fail(self, error: Exception) -> None:
        for future in (self.opened, self.closed):
            if not future.done():
                future.set_exception(error)
        if self._transport is not None:
            self._transport.close()
