"""Forward inputs: sockets that clients connect to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Iterator
from functools import partial
from secrets import token_bytes
from typing import Any, cast

from fluent_eql.api import Metric
from fluent_pipeline.config import ForwardInputConfig
from fluent_pipeline.net.budget import Budget
from fluent_pipeline.net.connection import ClientConnection, InputContext, InputCounts, peer_of
from fluent_pipeline.net.driver import Driver
from fluent_pipeline.net.guard import Guard
from fluent_pipeline.net.tls import Certificate, Renewing, server_context
from fluent_pipeline.protocol.handshake import ServerHandshake
from fluent_pipeline.protocol.limits import Limits

SWEEP_INTERVAL = 1.0
"""How often, in seconds, connections are looked at for taking too long."""

log = logging.getLogger(__name__)


class ForwardListener:
    """One forward input: a TCP or unix socket, with or without TLS, and UDP heartbeats beside TCP.

    Making one reads the certificate's files. Raises OSError where they cannot be used. A ``shared``
    port is one that other workers listen on, too.
    """

    def __init__(
        self,
        config: ForwardInputConfig,
        name: str,
        driver: Driver,
        budget: Budget,
        *,
        shared: bool = False,
    ) -> None:
        self._shared = shared or None
        self.name = name
        self.config = config
        self.address = ""
        self.connections: set[ClientConnection] = set()
        self.tls = Renewing(partial(_tls_context, config)) if config.tls else None
        self._context = InputContext(
            name=name,
            driver=driver,
            budget=budget,
            guard=Guard(
                name,
                allow=config.allow,
                deny=config.deny,
                most=config.max_connections,
                most_an_address=config.max_connections_per_address,
            ),
            limits=Limits(frame=config.buffer_max_size, inflated=config.decompressed_size_limit),
            tag_prefix=config.tag_prefix,
            handshake_timeout=config.handshake_timeout / 10**9,
            partial_frame_timeout=config.partial_frame_timeout / 10**9,
            new_handshake=self._new_handshake,
            counts=InputCounts(),
            connections=self.connections,
        )
        self._server: asyncio.Server | None = None
        self._heartbeat: asyncio.DatagramTransport | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to listen. Raises OSError where the address cannot be had."""
        loop = asyncio.get_running_loop()
        if self.config.unix_path is not None:
            await self._listen_on_unix(loop)
        else:
            await self._listen_on_tcp(loop)
        self._look_at_connections()
        secured = " with TLS" if self.tls else ""
        log.info("%s: listening on %s%s", self.name, self.address, secured)

    async def stop(self) -> None:
        """Accept no more connections and read no more; acknowledgements still go out."""
        if self._server is not None:
            self._server.close()
        if self._heartbeat is not None:
            self._heartbeat.close()
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in self.connections:
            connection.stop_reading()

    def close(self) -> None:
        """Close the clients' connections."""
        for connection in list(self.connections):
            connection.close()

    def _new_handshake(self) -> ServerHandshake | None:
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
        counts = self._context.counts
        for name, help, value in (
            ("connections_total", "Connections accepted", counts.connections),
            ("frames_total", "Frames accepted", counts.frames),
            ("bytes_total", "Bytes of the frames", counts.bytes),
            ("records_total", "Records, as far as their senders say how many", counts.records),
            (
                "protocol_errors_total",
                "Connections closed for a malformed message",
                counts.protocol_errors,
            ),
        ):
            yield Metric(f"fluent_eql_input_{name}", help, "counter", value, labels)
        for reason, value in sorted(self._context.guard.refused.items()):
            yield Metric(
                "fluent_eql_input_refused_total",
                "Connections refused",
                "counter",
                value,
                (*labels, ("reason", reason)),
            )
        yield Metric(
            "fluent_eql_input_open_connections",
            "Connections open",
            "gauge",
            len(self.connections),
            labels,
        )

    async def _listen_on_unix(self, loop: asyncio.AbstractEventLoop) -> None:
        path = str(self.config.unix_path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._server = await loop.create_unix_server(self._new_protocol, path)
        if self.config.unix_perm is not None:
            os.chmod(path, self.config.unix_perm)
        self.address = f"unix:{path}"

    async def _listen_on_tcp(self, loop: asyncio.AbstractEventLoop) -> None:
        host, port = self.config.listen, self.config.port
        self._server = await loop.create_server(
            self._new_protocol, host, port, reuse_port=self._shared
        )
        bound = self._server.sockets[0].getsockname()
        self.address = f"{bound[0]}:{bound[1]}"
        try:
            self._heartbeat, _ = await loop.create_datagram_endpoint(
                _Heartbeat, local_addr=(bound[0], bound[1]), reuse_port=self._shared
            )
        except OSError as error:
            log.warning("%s: no UDP heartbeat on %s: %s", self.name, self.address, error)

    def _new_protocol(self) -> asyncio.Protocol:
        if self.tls is not None:
            return _TlsAcceptor(self._context, self.tls)
        return ClientConnection(self._context)

    def _look_at_connections(self) -> None:
        loop = asyncio.get_running_loop()
        self._context.budget.relieve()
        for connection in list(self.connections):
            connection.check_time(loop.time())
        self._sweep = loop.call_later(SWEEP_INTERVAL, self._look_at_connections)


class _Heartbeat(asyncio.DatagramProtocol):
    """Answers Fluentd's UDP heartbeat: one zero byte for one zero byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._transport.sendto(b"\0", addr)


class _TlsAcceptor(asyncio.Protocol):
    """Takes a connection, shakes hands for TLS, and hands it to a :class:`ClientConnection`.

    asyncio's own way of accepting TLS does not tell of handshakes that fail.
    """

    def __init__(self, context: InputContext, tls: Renewing) -> None:
        self._context = context
        self._tls = tls
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._secure(transport))

    async def _secure(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        early = _Early()
        try:
            secured = await loop.start_tls(
                transport,
                early,
                self._tls.context,
                server_side=True,
                ssl_handshake_timeout=self._context.handshake_timeout,
            )
        except (OSError, TimeoutError) as error:
            _, peer = peer_of(transport)
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            self._context.guard.tell(peer, "no TLS handshake", loop.time(), reason)
            transport.abort()
            return
        if secured is not None:
            early.hand_over(secured, ClientConnection(self._context))


class _Early(asyncio.Protocol):
    """Keeps what comes right behind a TLS handshake, before the connection is known to be made."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._has_ended = False
        self._is_lost = False

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def eof_received(self) -> None:
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """Let ``protocol`` go on, with what has come so far."""
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._data:
            protocol.data_received(b"".join(self._data))
        if self._has_ended:
            protocol.eof_received()
        if self._is_lost:
            protocol.connection_lost(None)


def _tls_context(config: ForwardInputConfig) -> ssl.SSLContext:
    assert config.tls_crt_file is not None
    certificate = Certificate(
        chain=config.tls_crt_file, key=config.tls_key_file, password=config.tls_key_passwd
    )
    return server_context(
        certificate,
        client_ca=config.tls_ca_file if config.tls_verify_client_cert else None,
        min_version=config.tls_min_version,
    )
