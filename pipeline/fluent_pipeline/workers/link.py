"""A worker's connection to the hub."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from fluent_pipeline.workers import wire
from fluent_pipeline.workers.remote import RemoteFilter

READ_SIZE = 262_144

log = logging.getLogger(__name__)


class Link:
    """Says things to the hub, and gives its outcomes to the filters that they are for.

    ``filters`` are the worker's, by the number of their stage; to be filled before :meth:`open`.
    ``on_news`` is called after outcomes have come in, ``on_lost`` when the hub is gone,
    ``on_reload`` when its filters have been changed.
    """

    def __init__(self, hub: socket.socket) -> None:
        self.filters: dict[int, RemoteFilter] = {}
        self._socket = hub
        self._early: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self._flushed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def say(self, message: bytes) -> None:
        """Send a message, in the order of the calls; before :meth:`open` it waits for that."""
        if self._writer is None:
            self._early.append(message)
        else:
            self._writer.write(message)

    async def open(
        self,
        on_news: Callable[[], None],
        on_lost: Callable[[], None],
        on_reload: Callable[[], None],
    ) -> None:
        """Send what waits, and begin to listen."""
        reader, self._writer = await asyncio.open_connection(sock=self._socket)
        self._writer.write(b"".join(self._early))
        self._early.clear()
        listening = self._listen(reader, on_news, on_lost, on_reload)
        self._task = asyncio.get_running_loop().create_task(listening)

    async def flush(self) -> None:
        """Have the hub decide everything that it holds; returns when it is known here."""
        self._flushed.clear()
        self.say(wire.encode(wire.FLUSH))
        await self._flushed.wait()

    async def close(self) -> None:
        """Let go of the hub."""
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _listen(
        self,
        reader: asyncio.StreamReader,
        on_news: Callable[[], None],
        on_lost: Callable[[], None],
        on_reload: Callable[[], None],
    ) -> None:
        """Hear the hub until it is gone, or until what it says cannot be carried out."""
        try:
            await self._hear(reader, on_news, on_reload)
        except ConnectionError:
            log.debug("the hub went away with something unheard")
        except Exception:
            log.exception("what the hub said cannot be carried out")
        self._flushed.set()
        on_lost()

    async def _hear(
        self,
        reader: asyncio.StreamReader,
        on_news: Callable[[], None],
        on_reload: Callable[[], None],
    ) -> None:
        decoder = wire.Decoder()
        while data := await reader.read(READ_SIZE):
            has_flushed = False
            for kind, *parts in decoder.messages(data):
                if kind == wire.OUTCOME:
                    stage, outcome = parts
                    self.filters[stage].receive(outcome)
                elif kind == wire.RELOADED:
                    on_reload()
                else:
                    has_flushed = True
            on_news()
            if has_flushed:
                self._flushed.set()
