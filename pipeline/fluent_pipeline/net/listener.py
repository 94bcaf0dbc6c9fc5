"""Clients' connections: frames to the driver, acknowledgements back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, cast

from fluent_eql.api import Metric
from fluent_pipeline.config import ForwardInputConfig
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.net.budget import Budget
from fluent_pipeline.net.driver import Driver
from fluent_pipeline.protocol.acks import encode_ack
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import Refused, ServerHandshake
from fluent_pipeline.protocol.limits import Limits

LINGER = 5.0
"""How long, in seconds, a connection in error stays open for acks that are still due."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ListenerCounts:
    """What an input has seen."""

    connections: int = 0
    frames: int = 0
    bytes: int = 0
    protocol_errors: int = 0
    refused: int = 0


class ForwardListener:
    """One forward input: a TCP or unix socket, and UDP heartbeats beside TCP."""

    def __init__(
        self, config: ForwardInputConfig, name: str, driver: Driver, budget: Budget
    ) -> None:
        self.name = name
        self.config = config
        self.driver = driver
        self.budget = budget
        self.counts = ListenerCounts()
        self.limits = Limits(
            frame=config.buffer_max_size,
            inflated=config.decompressed_size_limit,
        )
        self.connections: set[ClientConnection] = set()
        self.address = ""
        self._server: asyncio.Server | None = None
        self._heartbeat: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to listen. Raises OSError where the address cannot be had."""
        loop = asyncio.get_running_loop()
        if self.config.unix_path is not None:
            await self._listen_on_unix(loop)
        else:
            await self._listen_on_tcp(loop)
        log.info("%s: listening on %s", self.name, self.address)

    async def stop(self) -> None:
        """Accept no more connections and read no more; acknowledgements still go out."""
        if self._server is not None:
            self._server.close()
        if self._heartbeat is not None:
            self._heartbeat.close()
        for connection in self.connections:
            connection.pause()

    def close(self) -> None:
        """Close the clients' connections."""
        for connection in list(self.connections):
            connection.close()

    def handshake(self) -> ServerHandshake | None:
        """A new handshake; None where the input asks for none."""
        if self.config.shared_key is None and not self.config.users:
            return None
        return ServerHandshake(
            self.config.self_hostname,
            self.config.shared_key or "",
            {user.name: user.password for user in self.config.users},
            nonce=token_bytes(16),
            auth_salt=token_bytes(16),
        )

    def metrics(self) -> Iterator[Metric]:
        """The input's counters and gauges."""
        labels = (("name", self.name),)
        for name, help, value in (
            ("fluent_eql_input_connections_total", "Connections accepted", self.counts.connections),
            ("fluent_eql_input_frames_total", "Frames accepted", self.counts.frames),
            ("fluent_eql_input_bytes_total", "Bytes of the frames", self.counts.bytes),
            (
                "fluent_eql_input_protocol_errors_total",
                "Connections closed for a malformed message",
                self.counts.protocol_errors,
            ),
            (
                "fluent_eql_input_refused_total",
                "Connections refused in the handshake",
                self.counts.refused,
            ),
        ):
            yield Metric(name, help, "counter", value, labels)
        yield Metric(
            "fluent_eql_input_connections",
            "Connections open",
            "gauge",
            len(self.connections),
            labels,
        )

    async def _listen_on_unix(self, loop: asyncio.AbstractEventLoop) -> None:
        path = str(self.config.unix_path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._server = await loop.create_unix_server(lambda: ClientConnection(self), path)
        if self.config.unix_perm is not None:
            os.chmod(path, self.config.unix_perm)
        self.address = f"unix:{path}"

    async def _listen_on_tcp(self, loop: asyncio.AbstractEventLoop) -> None:
        host, port = self.config.listen, self.config.port
        self._server = await loop.create_server(lambda: ClientConnection(self), host, port)
        bound = self._server.sockets[0].getsockname()
        self.address = f"{bound[0]}:{bound[1]}"
        try:
            self._heartbeat, _ = await loop.create_datagram_endpoint(
                _Heartbeat, local_addr=(bound[0], bound[1])
            )
        except OSError as error:
            log.warning("%s: no UDP heartbeat on %s: %s", self.name, self.address, error)


class _Heartbeat(asyncio.DatagramProtocol):
    """Answers Fluentd's UDP heartbeat: one zero byte for one zero byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._transport.sendto(b"\0", addr)


class ClientConnection(asyncio.Protocol):
    """One client. Frames are taken in the order of their arrival; acks go out as they are due."""

    def __init__(self, listener: ForwardListener) -> None:
        self._listener = listener
        self._framer = Framer(listener.limits)
        self._handshake = listener.handshake()
        self._outstanding = 0
        self._ending = False
        self._peer = "?"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = _peer_name(transport)
        self._listener.counts.connections += 1
        self._listener.connections.add(self)
        self._listener.budget.join(self)
        log.debug("%s: %s connected", self._listener.name, self._peer)
        if self._handshake is not None:
            self._transport.write(self._handshake.hello())

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        try:
            self._framer.receive_data(data)
            while isinstance(message := self._framer.next_message(), Message):
                self._take(message)
                if self._ending:
                    return
        except RemoteProtocolError as error:
            self._listener.counts.protocol_errors += 1
            log.warning("%s: %s: %s; closing", self._listener.name, self._peer, error)
            self._end(LINGER)

    def eof_received(self) -> bool:
        if self._framer.buffered and not self._ending:
            log.warning(
                "%s: %s closed the connection inside a message, after %d bytes of it",
                self._listener.name,
                self._peer,
                self._framer.buffered,
            )
        self._ending = True
        return self._outstanding > 0

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        self._listener.budget.leave(self)
        log.debug("%s: %s disconnected", self._listener.name, self._peer)

    def pause(self) -> None:
        """Stop reading, so that the client's sends block."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once what was written has gone out."""
        self._transport.close()

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
        if isinstance(answer, Refused):
            self._listener.counts.refused += 1
            log.warning("%s: %s refused: %s", self._listener.name, self._peer, answer.reason)
            self._end(0)
        self._handshake = None

    def _accept(self, frame: Frame) -> None:
        size = len(frame.raw)
        chunk, as_json = frame.chunk, frame.json

        def delivered() -> None:
            self._listener.budget.give(size)
            self._outstanding -= 1
            if chunk is not None and not self._transport.is_closing():
                self._transport.write(encode_ack(chunk, json=as_json))
            if self._ending and not self._outstanding:
                self._transport.close()

        self._listener.budget.take(size)
        self._outstanding += 1
        try:
            self._listener.driver.accept(
                frame, delivered, tag_prefix=self._listener.config.tag_prefix
            )
        except RemoteProtocolError:
            self._listener.budget.give(size)
            self._outstanding -= 1
            raise
        self._listener.counts.frames += 1
        self._listener.counts.bytes += size

    def _end(self, linger: float) -> None:
        """Take no more; close when the acks that are due have gone out, or after ``linger``."""
        self._ending = True
        if self._outstanding and linger:
            self.pause()
            asyncio.get_running_loop().call_later(linger, self._transport.close)
        else:
            self._transport.close()


def _peer_name(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "a local client"
