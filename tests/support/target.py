"""A forward server that the relay sends to, under the test's control."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fluent_eql.event import Event
from fluent_pipeline.ndjson import records_of
from fluent_pipeline.protocol.acks import encode_ack
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits
from support.ports import held_port, port_of

WAIT = 30


class Target:
    """Keeps the frames it receives, and acknowledges them while ``acks`` is true.

    It reads only while ``reading`` is set, and rests for ``rest`` seconds after each read of at
    most 64 kB.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.acks = True
        self.rest = 0.0
        self.port = 0
        self.reading = asyncio.Event()
        self.reading.set()
        self._changed = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None

    async def start(self, port: int = 0) -> None:
        """Listen, on any free port or on the one that it had."""
        if self._held is None:
            self._held = held_port()
            self.port = port_of(self._held)
        assert port in (0, self.port)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse connections and close every one; the port stays its own."""
        if self._server is not None:
            self._server.close()
        self.disconnect()

    async def close(self) -> None:
        """Stop, and let go of the port."""
        await self.stop()
        if self._held is not None:
            self._held.close()

    def disconnect(self) -> None:
        """Break the connections; the port stays open."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def acknowledge(self) -> None:
        """Acknowledge all that has been received on the newest connection, and go on so."""
        self.acks = True
        for frame in self.frames:
            self._ack(frame, self._writers[-1])

    async def received(self, count: int) -> list[Frame]:
        """The frames, once there are ``count``."""
        async with asyncio.timeout(WAIT), self._changed:
            await self._changed.wait_for(lambda: len(self.frames) >= count)
        return self.frames

    async def events(self, count: int) -> list[Event]:
        """The log records, once there are ``count``."""
        async with asyncio.timeout(WAIT), self._changed:
            await self._changed.wait_for(lambda: len(self.all_events()) >= count)
        return self.all_events()

    async def records(self, count: int) -> list[dict[str, Any]]:
        """The log records decoded, once there are ``count``."""
        return [event.record for event in await self.events(count)]

    @property
    def raw(self) -> bytes:
        """All bytes of the frames received."""
        return b"".join(frame.raw for frame in self.frames)

    def all_events(self) -> list[Event]:
        """The log records so far."""
        return [event for frame in self.frames for event in records_of(frame, Limits())]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        framer = Framer(Limits())
        try:
            while (await self.reading.wait()) and (data := await reader.read(65_536)):
                framer.receive_data(data)
                while isinstance(message := framer.next_message(), Message):
                    await self._take(message, writer)
                await asyncio.sleep(self.rest)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _take(self, message: Message, writer: asyncio.StreamWriter) -> None:
        frame = parse_frame(message)
        assert isinstance(frame, Frame)
        self.frames.append(frame)
        if self.acks:
            self._ack(frame, writer)
        async with self._changed:
            self._changed.notify_all()

    def _ack(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        if frame.chunk is not None:
            writer.write(encode_ack(frame.chunk, json=False))


@asynccontextmanager
async def target(made: Target | None = None) -> AsyncIterator[Target]:
    """A running target."""
    made = made or Target()
    await made.start()
    try:
        yield made
    finally:
        await made.close()
