"""One client's connection: frames to the driver, acknowledgements back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.net.budget import Budget
from fluent_pipeline.net.driver import Driver
from fluent_pipeline.net.guard import Guard
from fluent_pipeline.protocol.acks import encode_ack
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import Refused, ServerHandshake
from fluent_pipeline.protocol.limits import Limits

READ_SIZE = 4 * 1024 * 1024
"""The most that is read at once. With 256 KiB, asyncio's own measure, a busy connection costs a
fifth more: each read is a turn of the event loop.
"""
LINGER = 5.0
"""How long, in seconds, a connection in error stays open for acks that are still due."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class InputCounts:
    """What an input has seen."""

    connections: int = 0
    frames: int = 0
    bytes: int = 0
    records: int = 0
    protocol_errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputContext:
    """What the connections of one input share. Times are in seconds."""

    name: str
    driver: Driver
    budget: Budget
    guard: Guard
    limits: Limits
    tag_prefix: str
    handshake_timeout: float
    partial_frame_timeout: float
    new_handshake: Callable[[], ServerHandshake | None]
    counts: InputCounts
    connections: set[ClientConnection]


class ClientConnection(asyncio.Protocol):
    """One client. Frames are taken in the order of their arrival; acks go out as they are due."""

    def __init__(self, context: InputContext) -> None:
        self._context = context
        self._framer = Framer(context.limits)
        self._handshake = context.new_handshake()
        self._outstanding = 0
        self._partial = 0
        self._pauses: set[str] = set()
        self._acks: list[bytes] = []
        self._ending = False
        self._admitted = False
        self._address: str | None = None
        self._peer = "?"

    @property
    def partial(self) -> int:
        """Bytes held of a message that is not whole."""
        return self._partial

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_SIZE
        self._loop = asyncio.get_running_loop()
        self._last_read = self._started = self._loop.time()
        self._address, self._peer = peer_of(transport)
        reason = self._context.guard.admit(self._address)
        if reason is not None:
            self._refuse(reason)
            return
        self._admitted = True
        self._context.counts.connections += 1
        self._context.connections.add(self)
        self._context.budget.join(self)
        log.debug("%s: %s connected", self._context.name, self._peer)
        if self._handshake is not None:
            self._transport.write(self._handshake.hello())

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        self._last_read = self._loop.time()
        try:
            self._framer.receive_data(data)
            while isinstance(message := self._framer.next_message(), Message):
                self._take(message)
                if self._ending:
                    return
        except RemoteProtocolError as error:
            self._context.counts.protocol_errors += 1
            log.warning("%s: %s: %s; closing", self._context.name, self._peer, error)
            self._end(LINGER)
        self._count_partial(0 if self._ending else self._framer.buffered)

    def eof_received(self) -> bool:
        if self._framer.buffered and not self._ending:
            log.warning(
                "%s: %s closed the connection inside a message, after %d bytes of it",
                self._context.name,
                self._peer,
                self._framer.buffered,
            )
        self._ending = True
        has_tls = self._transport.get_extra_info("sslcontext") is not None
        return self._outstanding > 0 and not has_tls

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self._context.guard.leave(self._address)
        self._context.connections.discard(self)
        self._context.budget.leave(self)
        self._count_partial(0)
        log.debug("%s: %s disconnected", self._context.name, self._peer)

    def pause_writing(self) -> None:
        self._pause("writing")

    def resume_writing(self) -> None:
        self._resume("writing")

    def pause(self) -> None:
        """Stop reading, so that the client's sends block."""
        self._pause("budget")

    def resume(self) -> None:
        """Read on, unless there is another reason not to."""
        self._resume("budget")

    def stop_reading(self) -> None:
        """Read no more, whatever else would let it go on; acknowledgements still go out."""
        self._pause("stopping")

    def close(self) -> None:
        """Close once what was written has gone out."""
        self._send_acks()
        self._transport.close()

    def check_time(self, now: float) -> None:
        """Close where the client takes too long; ``now`` in seconds of the loop's clock."""
        if self._ending or self._transport.is_closing():
            return
        if self._handshake is not None:
            if now - self._started > self._context.handshake_timeout:
                self._refuse("no handshake in time")
        elif (
            self._partial
            and not self._pauses
            and now - self._last_read > self._context.partial_frame_timeout
        ):
            self._refuse("a message was left unfinished")

    def give_up_partial(self) -> None:
        """Close for holding too much of an unfinished message."""
        self._refuse("unfinished messages hold too much memory")

    def _take(self, message: Message) -> None:
        if self._handshake is not None:
            self._shake_hands(self._handshake, message)
            return
        frame = parse_frame(message)
        if isinstance(frame, Frame):
            try:
                self._accept(frame)
            except RemoteProtocolError as error:
                raise RemoteProtocolError(error.message, message.offset) from error

    def _shake_hands(self, handshake: ServerHandshake, message: Message) -> None:
        answer = handshake.receive_ping(message)
        self._transport.write(answer.pong)
        self._handshake = None
        if isinstance(answer, Refused):
            self._refuse(answer.reason)

    def _accept(self, frame: Frame) -> None:
        size = len(frame.raw)
        chunk, as_json = frame.chunk, frame.json

        def delivered() -> None:
            self._context.budget.give(size)
            self._outstanding -= 1
            if chunk is not None:
                self._acknowledge(encode_ack(chunk, json=as_json))
            if self._ending and not self._outstanding:
                self.close()

        self._context.budget.take(size)
        self._outstanding += 1
        try:
            was_hit = self._context.driver.accept(
                frame, delivered, tag_prefix=self._context.tag_prefix
            )
        except RemoteProtocolError:
            self._context.budget.give(size)
            self._outstanding -= 1
            raise
        self._framer.indexing = was_hit  # the next frame is likely to be like this one
        counts = self._context.counts
        counts.frames += 1
        counts.bytes += size
        counts.records += frame.records

    def _acknowledge(self, ack: bytes) -> None:
        """Send an acknowledgement, together with those that follow at once.

        A client that waits for each, as Fluent Bit and Fluentd do, gets each in a write of its own.
        """
        if not self._acks:
            self._loop.call_soon(self._send_acks)
        self._acks.append(ack)

    def _send_acks(self) -> None:
        if self._acks and not self._transport.is_closing():
            self._transport.write(b"".join(self._acks))
        self._acks.clear()

    def _refuse(self, reason: str) -> None:
        self._context.guard.tell(self._peer, reason, self._loop.time())
        self._count_partial(0)
        self._end(0)

    def _end(self, linger: float) -> None:
        """Take no more; close when the acks that are due have gone out, or after ``linger``."""
        self._ending = True
        if self._outstanding and linger:
            self._pause("ending")
            self._loop.call_later(linger, self.close)
        else:
            self.close()

    def _count_partial(self, size: int) -> None:
        change, self._partial = size - self._partial, size
        if change:
            self._context.budget.count_partial(change)

    def _pause(self, reason: str) -> None:
        if not self._pauses and not self._transport.is_closing():
            self._transport.pause_reading()
        self._pauses.add(reason)

    def _resume(self, reason: str) -> None:
        self._pauses.discard(reason)
        if not self._pauses and not self._transport.is_closing():
            self._transport.resume_reading()


def peer_of(transport: asyncio.BaseTransport) -> tuple[str | None, str]:
    """A client's address, None on a unix socket, and its name for people."""
    peer = transport.get_extra_info("peername")
    if isinstance(peer, tuple):
        return peer[0], f"{peer[0]}:{peer[1]}"
    return None, "a local client"
