"""Alerts as server-sent events, to several readers, each as fast as it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import web

from fluent_pipeline.monitor.kept import KeptAlert, KeptAlerts

HEARTBEAT = 15.0
"""Seconds of silence after which a reader is sent a comment."""
SLOWEST = 30.0
"""Seconds in which a reader that takes nothing is cut off."""
AT_ONCE = 50
"""Alerts that are written together."""
MOST_READERS = 64
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class _Reader:
    """One client: ``number`` is that of the last alert that it was sent."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_over = False
        self._news = asyncio.Event()

    def wake(self, kept: KeptAlert | None = None) -> None:
        self._news.set()

    def end(self) -> None:
        self.is_over = True
        self.wake()

    async def wait(self, seconds: float) -> bool:
        """Wait for something to send; whether there is."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        has_news = self._news.is_set()
        self._news.clear()
        return has_news


class AlertStream:
    """The stream of the alerts that are kept.

    Each event has an id. A reader that comes back with the last one that it has seen, in
    ``Last-Event-ID``, gets what it missed. Where that is not kept any more, or where a reader
    falls behind what is, it is sent the event ``reset``, and has to ask for the alerts anew.
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
        reader = _Reader(self._alerts.last if last is None else self._number(last))
        self._readers.add(reader)
        end = self._alerts.tell(reader.wake)
        try:
            with suppress(ConnectionError):
                await response.prepare(request)
                await self._send(reader, response)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        finally:
            end()
            self._readers.discard(reader)
        return response

    def close(self) -> None:
        """End all readers' streams."""
        for reader in self._readers:
            reader.end()

    async def _send(self, reader: _Reader, response: web.StreamResponse) -> None:
        """Raises TimeoutError for a reader that takes nothing."""
        await _write(response, b"retry: 2000\n\n")
        if reader.number == self._alerts.last:
            await _write(response, _event("start", self.last_id))
        while not reader.is_over:
            news = self._alerts.after(reader.number)
            if news is None:
                reader.number = self._alerts.last
                await _write(response, _event("reset", self.last_id))
            elif news:
                reader.number = news[:AT_ONCE][-1].number
                await _write(response, self._told(news[:AT_ONCE]))
            elif not await reader.wait(HEARTBEAT):
                await _write(response, b": heartbeat\n\n")

    def _number(self, last: str) -> int:
        """The number of an event; one that no alert has for the event of another process."""
        run, _, number = last.partition(".")
        known = run == self._alerts.run and number.isascii() and number.isdecimal()
        return int(number[:18]) if known else -1

    def _told(self, alerts: Sequence[KeptAlert]) -> bytes:
        return b"".join(_event("alert", self._id(kept.number), kept.line) for kept in alerts)

    def _id(self, number: int) -> str:
        return f"{self._alerts.run}.{number}"


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(SLOWEST):
        await response.write(data)


def _event(name: str, event_id: str, data: bytes = b"{}") -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), event_id.encode(), data)
