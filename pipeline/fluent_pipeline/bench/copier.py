"""The floor: a relay that looks at nothing. ``python -m fluent_pipeline.bench.copier PORT TARGET``.

Copies the bytes of each connection to the target and the answers back, with asyncio as the relay
has it. What it costs is what moving the bytes costs.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import Any, cast


class Side(asyncio.Protocol):
    """One end of a copied connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        for data in self._early:
            self.transport.write(data)

    def write(self, data: bytes) -> None:
        if self.transport is None:
            self._early.append(data)
        else:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


def accepting(
    loop: asyncio.AbstractEventLoop, target: int, new_client: Callable[[], Side] = Side
) -> Callable[[], asyncio.Protocol]:
    """Makes the protocol of an accepted connection, which connects to the target's port.

    ``new_client`` makes the end that the client is at.
    """
    connecting: set[asyncio.Task[Any]] = set()

    def accepted() -> asyncio.Protocol:
        client, server = new_client(), Side()
        client.other, server.other = server, client
        task = loop.create_task(loop.create_connection(lambda: server, "127.0.0.1", target))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return client

    return accepted


async def serve(port: int, target: int, new_client: Callable[[], Side] = Side) -> None:
    """Copy until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(accepting(loop, target, new_client), "127.0.0.1", port)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
