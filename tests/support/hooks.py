"""A server that webhooks post to."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from support.ports import held_port, port_of

WAIT = 30


@dataclass(frozen=True)
class Request:
    """What was posted, and when in seconds of the monotonic clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    time: float = field(default_factory=time.monotonic)

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Hook:
    """Keeps what is posted to it; ``answers`` are the next answers' statuses, then 200."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self.taken: list[dict[str, Any]] = []
        """The alerts or records of all requests that were answered with 200."""
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.open = asyncio.Event()
        self.open.set()
        self._tls: ssl.SSLContext | None = None
        self._runner: web.AppRunner | None = None
        self._held: socket.socket | None = None

    @property
    def ids(self) -> list[str]:
        return [alert["id"] for alert in self.taken]

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen, on the port as before where there was one."""
        if self._held is None:
            self._held = held_port()
            self.port = port_of(self._held)
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._tls = tls or self._tls
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True
        )
        await site.start()

    async def stop(self) -> None:
        """Refuse connections; the port stays its own."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def close(self) -> None:
        """Stop, and let go of the port."""
        await self.stop()
        if self._held is not None:
            self._held.close()

    async def has_taken(self, count: int) -> None:
        """Wait until so many alerts or records were taken."""
        async with asyncio.timeout(WAIT):
            while len(self.taken) < count:
                await asyncio.sleep(0.002)

    async def was_asked(self, count: int) -> None:
        """Wait until there were so many requests."""
        async with asyncio.timeout(WAIT):
            while len(self.requests) < count:
                await asyncio.sleep(0.002)

    async def _answer(self, request: web.Request) -> web.Response:
        found = Request(request.path, dict(request.headers), await request.read())
        self.requests.append(found)
        await self.open.wait()
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.taken += [item for items in found.content.values() for item in items]
        return web.Response(status=status, headers=self.headers, text=f"this is {status}")


@asynccontextmanager
async def hook(tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    """A running one."""
    server = Hook()
    await server.start(tls)
    try:
        yield server
    finally:
        server.open.set()
        await server.close()
