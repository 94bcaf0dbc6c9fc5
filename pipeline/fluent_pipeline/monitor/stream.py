"""Alerts as server-sent events, to several readers, each as fast as it reads."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from aiohttp import web

from fluent_pipeline.monitor.kept import KeptAlert, KeptAlerts

HEARTBEAT = 15.0
"""Seconds of silence after which a reader is sent a comment."""
MOST_READERS = 64
MOST_WAITING = 256
"""Alerts that may wait for a reader; one that is slower than that is cut off."""
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class _Reader:
    """What waits to be sent to one client."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self.waiting: deque[KeptAlert] = deque()
        self.is_over = False
        self._filled = asyncio.Event()
        self._transport = transport

    def take(self, kept: KeptAlert) -> None:
        """Let an alert wait; where too many do, the connection ends."""
        if len(self.waiting) >= MOST_WAITING:
            self.end()
            if self._transport is not None:
                self._transport.abort()
        else:
            self.waiting.append(kept)
            self._filled.set()

    def end(self) -> None:
        self.is_over = True
        self.waiting.clear()
        self._filled.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for something to send; whether there is."""
        if self.waiting:
            return True
        self._filled.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._filled.wait(), seconds)
        return bool(self.waiting)


class AlertStream:
    """The stream of the alerts that are kept.

    Each event has an id. A reader that comes back with the last one that it has seen, in
    ``Last-Event-ID``, gets what it missed; where that is not kept any more it is sent the event
    ``reset`` first, and has to ask for the alerts anew.
    """

    def __init__(self, alerts: KeptAlerts) -> None:
        self._alerts = alerts
        self._readers: set[_Reader] = set()

    @property
    def last_id(self) -> str:
        """The id of the newest alert's event."""
        return self._id(self._alerts.last)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send alerts until the reader goes, or :meth:`close`."""
        if len(self._readers) >= MOST_READERS:
            message = f"{MOST_READERS} readers are served already\n"
            raise web.HTTPServiceUnavailable(text=message, headers={"Retry-After": "10"})
        last = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
        response = web.StreamResponse(headers=HEADERS)
        reader = _Reader(request.transport)
        self._readers.add(reader)
        end = self._alerts.tell(reader.take)
        first = self._first(last)
        try:
            with suppress(ConnectionError):
                await response.prepare(request)
                await response.write(first)
                await self._send(reader, response)
        finally:
            end()
            self._readers.discard(reader)
        return response

    def close(self) -> None:
        """End all readers' streams."""
        for reader in self._readers:
            reader.end()

    async def _send(self, reader: _Reader, response: web.StreamResponse) -> None:
        while not reader.is_over:
            if not await reader.wait(HEARTBEAT) and not reader.is_over:
                await response.write(b": heartbeat\n\n")
            while reader.waiting:
                await response.write(self._event(reader.waiting.popleft()))

    def _first(self, last: str | None) -> bytes:
        """What a reader is sent at once."""
        start = b"retry: 2000\nevent: start\nid: %b\ndata: {}\n\n" % self.last_id.encode()
        if last is None:
            return start
        run, _, number = last.partition(".")
        known = run == self._alerts.run and number.isascii() and number.isdecimal()
        missed = self._alerts.after(int(number[:18])) if known else None
        if missed is None:
            return b"event: reset\nid: %b\ndata: {}\n\n" % self.last_id.encode()
        return b"".join(map(self._event, missed)) or start

    def _event(self, kept: KeptAlert) -> bytes:
        name = self._id(kept.number).encode()
        return b"event: alert\nid: %b\ndata: %b\n\n" % (name, kept.line)

    def _id(self, number: int) -> str:
        return f"{self._alerts.run}.{number}"
