"""The forward output: connect, send, wait for acks, send again what was not acknowledged."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial

from fluent_eql.api import Metric
from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.config import ForwardOutputConfig
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.errors import ProtocolError
from fluent_pipeline.net.backoff import Backoff
from fluent_pipeline.net.durable import DurableQueue, InMemory, Item
from fluent_pipeline.net.output import QueuedOutput
from fluent_pipeline.net.streams import READ_SIZE, MessageReader
from fluent_pipeline.net.tls import Certificate, Renewing, client_context
from fluent_pipeline.protocol.acks import AckReader, chunk_id
from fluent_pipeline.protocol.adapt import TargetFormat, adapt
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.framing import NEED_DATA
from fluent_pipeline.protocol.handshake import ClientHandshake
from fluent_pipeline.protocol.limits import Limits

COALESCED = 65_536
UNLIMITED = Limits(inflated=1 << 40)
"""What comes here has been inflated within the input's limits before."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _InFlight:
    item: Item
    size: int
    awaits_ack: bool
    written_at: float


class ForwardOutput(QueuedOutput[Item]):
    """One target of the forward protocol, over one connection that is kept open.

    A frame is delivered when the target has acknowledged its chunk; without
    ``require_ack_response``, or where the frame has no chunk, when it has been handed to the
    kernel. What a broken connection leaves undelivered is sent again, so it may arrive twice.
    With a disk ``buffer`` senders are acknowledged once a frame is durable there.
    """

    def __init__(
        self,
        config: ForwardOutputConfig,
        name: str,
        matches: Callable[[str], bool],
        buffer: DiskBuffer | None = None,
    ) -> None:
        super().__init__(name, matches, trouble="not connected yet")
        self._config = config
        self._in_flight: dict[_InFlight, None] = {}
        self._by_chunk: dict[Hashable, deque[_InFlight]] = {}
        self._tls = Renewing(partial(_tls_context, config)) if config.tls else None
        self._format = TargetFormat(
            entry_format=config.entry_format,
            compress=config.compress,
            limit=config.chunk_limit_size,
        )
        self._backoff = Backoff(config.retry_wait / 10**9, config.retry_max_interval / 10**9)
        self._durable = (
            DurableQueue(buffer, self._put, sync=config.storage_sync == "full") if buffer else None
        )
        self._frames = 0
        self._bytes = 0
        self._retries = 0

    @property
    def tls(self) -> Renewing | None:
        """What can be renewed; None where the output speaks no TLS."""
        return self._tls

    @property
    def target(self) -> str:
        """The target's address, for people."""
        if self._config.unix_path:
            return f"unix:{self._config.unix_path}"
        return f"{self._config.host}:{self._config.port}"

    @property
    def pending(self) -> int:
        on_its_way = self._durable.pending if self._durable else 0
        return on_its_way + len(self._queue) + len(self._in_flight)

    @property
    def trouble(self) -> str | None:
        return self._trouble or (self._durable.trouble if self._durable else None)

    def start(self) -> None:
        """Raises OSError where what an earlier process left on disk cannot be read."""
        if self._durable is not None and (left := self._durable.start()):
            log.info("%s: %d frames of an earlier run are sent first", self.name, left)
        super().start()

    async def stop(self, grace: float) -> None:
        await super().stop(grace)
        if self._durable is not None:
            await self._durable.stop()

    def _tell_what_is_left(self, count: int) -> None:
        if self._durable is None or self._durable.pending:
            super()._tell_what_is_left(count)
        else:
            log.info("%s: %d frames stay on disk for the next start", self.name, count)

    def send(self, outgoing: Outgoing) -> None:
        """Take a frame, in as many parts as the target's format makes of it."""
        for part in adapt(outgoing.frame, outgoing.payload_size, self._format, UNLIMITED):
            outgoing.receipt.hold()
            made = Outgoing(part, outgoing.receipt)
            if self._durable is None:
                self._put(InMemory(made))
            else:
                self._durable.put(made)
        outgoing.receipt.release()

    def metrics(self) -> Iterator[Metric]:
        labels = (("name", self.name),)
        for name, help, value in (
            ("fluent_eql_output_frames_total", "Frames delivered", self._frames),
            ("fluent_eql_output_bytes_total", "Bytes of the frames delivered", self._bytes),
            ("fluent_eql_output_retries_total", "Frames sent again", self._retries),
        ):
            yield Metric(name, help, "counter", value, labels)
        yield from super().metrics()

    async def _run(self) -> None:
        while True:
            try:
                await self._connect_and_serve()
                reason = "the target closed the connection"
            except TimeoutError as error:
                reason = str(error) or "timed out"
            except (OSError, ProtocolError) as error:
                reason = str(error)
            self._recover()
            wait = self._backoff.next()
            self._trouble = f"{self.target}: {reason}"
            log.warning("%s: %s; trying again in %.1f s", self.name, self._trouble, wait)
            await asyncio.sleep(wait)

    async def _connect_and_serve(self) -> None:
        async with asyncio.timeout(self._config.connect_timeout / 10**9):
            reader, writer = await self._connect()
            try:
                leftover = await self._shake_hands(reader, writer)
            except BaseException:
                writer.close()
                raise
        self._trouble = None
        log.info("%s: connected to %s", self.name, self.target)
        writer.transport.set_write_buffer_limits(high=0)
        tasks = [
            asyncio.create_task(self._write(writer)),
            asyncio.create_task(self._read(reader, leftover)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._config.unix_path:
            return await asyncio.open_unix_connection(str(self._config.unix_path))
        if self._tls is None:
            return await asyncio.open_connection(self._config.host, self._config.port)
        return await asyncio.open_connection(
            self._config.host,
            self._config.port,
            ssl=self._tls.context,
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
        handshake.receive_pong(await messages.next())
        return messages.unread()

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._filled()
            batch: list[_InFlight] = []
            size = 0
            while self._queue and size < COALESCED:
                frame = self._queue[0].load()
                writer.write(frame.raw)
                batch.append(self._take(frame))
                size += len(frame.raw)
            await writer.drain()
            for sent in batch:
                if not sent.awaits_ack:
                    self._delivered(sent)

    def _take(self, frame: Frame) -> _InFlight:
        awaits_ack = self._config.require_ack_response and frame.chunk is not None
        item = self._queue.popleft()
        sent = _InFlight(item, len(frame.raw), awaits_ack, time.monotonic())
        self._in_flight[sent] = None
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
        self._backoff.reset()
        self._frames += 1
        self._bytes += sent.size
        sent.item.done()
        self._settle()

    def _recover(self) -> None:
        """Put what was written and not delivered back at the head of the queue, in its order."""
        self._retries += len(self._in_flight)
        self._queue.extendleft(sent.item for sent in reversed(self._in_flight))
        self._in_flight.clear()
        self._by_chunk.clear()


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
