"""One target of a forward output: connect, send, wait for acks, give back what was not acked."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

from fluent_pipeline.config import ForwardOutputConfig
from fluent_pipeline.errors import ProtocolError
from fluent_pipeline.net.backoff import Backoff
from fluent_pipeline.net.durable import Item
from fluent_pipeline.net.feed import Feed, Share
from fluent_pipeline.net.streams import READ_SIZE, MessageReader
from fluent_pipeline.net.tls import Certificate, Renewing, client_context
from fluent_pipeline.protocol.acks import AckReader, chunk_id
from fluent_pipeline.protocol.adapt import TargetFormat, adapt
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.framing import NEED_DATA
from fluent_pipeline.protocol.handshake import ClientHandshake
from fluent_pipeline.protocol.limits import Limits

COALESCED = 65_536
MOST_FRAMES_IN_FLIGHT = 1_000
MOST_BYTES_IN_FLIGHT = 32_000_000
"""Written and not acknowledged, at most, before a target gets no more."""

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


class Target:
    """One server, over one connection that is kept open.

    ``on_delivered`` is called with a frame's size when it has been delivered. Making one reads
    the files of certificates: raises OSError where they cannot be used.
    """

    def __init__(
        self,
        config: ForwardOutputConfig,
        name: str,
        share: Share,
        on_delivered: Callable[[int], None],
    ) -> None:
        self.name = name
        self.share = share
        self.tls = Renewing(partial(_tls_context, config)) if config.tls else None
        self.trouble: str | None = "not connected yet"
        self.retries = 0
        self._config = config
        self._on_delivered = on_delivered
        self._in_flight: dict[_InFlight, None] = {}
        self._bytes_in_flight = 0
        self._by_chunk: dict[Hashable, deque[_InFlight]] = {}
        self._has_room = asyncio.Event()
        self._needs_v1 = config.entry_format == "auto"
        self._backoff = Backoff(config.retry_wait / 10**9, config.retry_max_interval / 10**9)

    @property
    def address(self) -> str:
        """Where it is, for people."""
        if self._config.unix_path:
            return f"unix:{self._config.unix_path}"
        return f"{self._config.host}:{self._config.port}"

    @property
    def in_flight(self) -> int:
        """How many frames it has got and not acknowledged."""
        return len(self._in_flight)

    async def run(self, feed: Feed) -> None:
        """Deliver for ever."""
        while True:
            try:
                if await self._connect_and_serve(feed):
                    feed.went_down(self.share, [])
                    continue
                reason = "the target closed the connection"
            except TimeoutError as error:
                reason = str(error) or "timed out"
            except (OSError, ProtocolError) as error:
                reason = str(error)
            wait = self._backoff.next()
            self.trouble = f"{self.address}: {reason}"
            self._recover(feed)
            log.warning("%s: %s; trying again in %.1f s", self.name, self.trouble, wait)
            await asyncio.sleep(wait)

    async def _connect_and_serve(self, feed: Feed) -> bool:
        """Serve one connection to its end; whether it ended because it had served enough."""
        async with asyncio.timeout(self._config.connect_timeout / 10**9):
            reader, writer = await self._connect()
            try:
                leftover = await self._shake_hands(reader, writer)
            except BaseException:
                writer.close()
                raise
        self.trouble = None
        feed.went_up(self.share)
        log.info("%s: connected to %s", self.name, self.address)
        writer.transport.set_write_buffer_limits(high=0)
        writing = asyncio.create_task(self._write(writer, feed))
        tasks = [writing, asyncio.create_task(self._read(reader, leftover))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return writing in done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._config.unix_path:
            return await asyncio.open_unix_connection(str(self._config.unix_path))
        if self.tls is None:
            return await asyncio.open_connection(self._config.host, self._config.port)
        return await asyncio.open_connection(
            self._config.host,
            self._config.port,
            ssl=self.tls.context,
            server_hostname=self._config.tls_vhost or self._config.host,
        )

    async def _shake_hands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Authenticate if a shared key is set; the bytes received beyond the handshake."""
        if self._config.shared_key is None:
            return b""
        handshake = ClientHandshake(
            self._config.self_hostname,
            self._config.shared_key,
            self._config.username or "",
            self._config.password or "",
            salt=os.urandom(16),
        )
        messages = MessageReader(reader)
        writer.write(handshake.receive_hello(await messages.next()))
        self._needs_v1 = self._config.entry_format == "auto" and handshake.server_is_fluentd
        handshake.receive_pong(await messages.next())
        return messages.unread()

    async def _write(self, writer: asyncio.StreamWriter, feed: Feed) -> None:
        """Write until the connection has served enough, and all on it has been acknowledged."""
        written, enough = 0, self._config.keepalive_max_recycle or math.inf
        while written < enough:
            await self._room(MOST_FRAMES_IN_FLIGHT, MOST_BYTES_IN_FLIGHT)
            await feed.turn(self.share)
            batch: list[_InFlight] = []
            together: list[bytes] = []
            size = 0
            while feed.queue and size < COALESCED and written < enough:
                loaded = feed.queue[0].load()
                if loaded is None:
                    feed.queue.popleft().done()
                    continue
                frame = self._as_taken(loaded)
                if len(frame.raw) >= COALESCED:  # not to be copied for the sake of a few before it
                    writer.write(b"".join(together))
                    together.clear()
                together.append(frame.raw)
                batch.append(self._take(feed.queue.popleft(), frame))
                size += len(frame.raw)
                written += 1
            writer.write(together[0] if len(together) == 1 else b"".join(together))
            feed.took(self.share, size)
            await writer.drain()
            for sent in batch:
                if not sent.awaits_ack and sent in self._in_flight:
                    self._delivered(sent)
        await self._room(1, 1)

    def _as_taken(self, frame: Frame) -> Frame:
        """The frame in the entry format of this target, where that is found out from it."""
        if not self._needs_v1:
            return frame
        (adapted,) = adapt(frame, 0, V1, UNLIMITED) or [frame]
        return adapted

    async def _room(self, frames: int, size: int) -> None:
        """Wait while so much is written and not acknowledged."""
        while len(self._in_flight) >= frames or self._bytes_in_flight >= size:
            self._has_room.clear()
            await self._has_room.wait()

    def _take(self, item: Item, frame: Frame) -> _InFlight:
        awaits_ack = self._config.require_ack_response and frame.chunk is not None
        sent = _InFlight(item, len(frame.raw), awaits_ack, time.monotonic())
        self._in_flight[sent] = None
        self._bytes_in_flight += sent.size
        if awaits_ack and frame.chunk is not None:
            self._by_chunk.setdefault(chunk_id(frame.chunk), deque()).append(sent)
        return sent

    async def _read(self, reader: asyncio.StreamReader, leftover: bytes) -> None:
        """Take acknowledgements until the target closes; without acks just wait for the close."""
        acks = AckReader()
        data = leftover
        while True:
            if data and self._config.require_ack_response:
                acks.receive_data(data)
                while (chunk := acks.next_ack()) is not NEED_DATA:
                    self._acknowledged(chunk)
            data = await self._receive(reader)
            if not data:
                return

    async def _receive(self, reader: asyncio.StreamReader) -> bytes:
        timeout = self._config.ack_response_timeout / 10**9
        while True:
            try:
                async with asyncio.timeout(1):
                    return await reader.read(READ_SIZE)
            except TimeoutError:
                awaited = (sent for sent in self._in_flight if sent.awaits_ack)
                oldest = next(awaited, None)
                if oldest is not None and time.monotonic() - oldest.written_at > timeout:
                    raise TimeoutError(f"no acknowledgement for {timeout:.0f} s") from None

    def _acknowledged(self, chunk: Hashable) -> None:
        waiting = self._by_chunk.get(chunk)
        if not waiting:
            log.debug("%s: acknowledgement of an unknown chunk %r", self.name, chunk)
            return
        sent = waiting.popleft()
        if not waiting:
            del self._by_chunk[chunk]
        self._delivered(sent)

    def _delivered(self, sent: _InFlight) -> None:
        del self._in_flight[sent]
        self._bytes_in_flight -= sent.size
        self._has_room.set()
        self._backoff.reset()
        sent.item.done()
        self._on_delivered(sent.size)

    def _recover(self, feed: Feed) -> None:
        """Give back what was written and not delivered."""
        undelivered = [sent.item for sent in self._in_flight]
        self.retries += len(undelivered)
        self._in_flight.clear()
        self._by_chunk.clear()
        self._bytes_in_flight = 0
        self._has_room.set()
        feed.went_down(self.share, undelivered)


def _tls_context(config: ForwardOutputConfig) -> ssl.SSLContext:
    certificate = None
    if config.tls_crt_file is not None:
        certificate = Certificate(
            chain=config.tls_crt_file, key=config.tls_key_file, password=config.tls_key_passwd
        )
    return client_context(
        verify=config.tls_verify,
        verify_hostname=config.tls_verify_hostname,
        ca=config.tls_ca_file,
        certificate=certificate,
        min_version=config.tls_min_version,
    )
