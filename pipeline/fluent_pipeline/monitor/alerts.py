"""The part of the API that tells of alerts."""

from __future__ import annotations

from itertools import islice
from typing import Any

from aiohttp import web

from fluent_eql.event import decode_record
from fluent_eql.event_time import iso_8601
from fluent_pipeline.monitor.access import Access
from fluent_pipeline.monitor.answers import number_in, raw_answer
from fluent_pipeline.monitor.kept import KeptAlert, KeptAlerts, KeptEvent, Wanted
from fluent_pipeline.monitor.stream import AlertStream
from fluent_pipeline.ndjson import to_line

PAGE = 100
LARGEST_PAGE = 1000


class AlertsApi:
    """``/api/v1/alerts`` and what is below it."""

    def __init__(self, alerts: KeptAlerts, access: Access) -> None:
        self._alerts = alerts
        self._access = access
        self.stream = AlertStream(alerts)

    def routes(self) -> list[web.RouteDef]:
        """Where its parts are."""
        return [
            web.get("/api/v1/alerts", self._list),
            web.get("/api/v1/alerts/stream", self._stream, allow_head=False),
            web.get("/api/v1/alerts/{id}", self._one),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        self._access.require_reader(request)
        limit = number_in(request, "limit", PAGE, 1, LARGEST_PAGE)
        found = list(islice(self._alerts.newest_first(_wanted(request)), limit + 1))
        lines = b",".join(kept.line for kept in found[:limit])
        following = b"%d" % found[limit - 1].number if len(found) > limit else b"null"
        stream = self.stream.last_id.encode()
        return raw_answer(
            b'{"alerts":[%b],"before":%b,"last_event_id":"%b"}' % (lines, following, stream)
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self._access.require_reader(request)
        return await self.stream.serve(request)

    async def _one(self, request: web.Request) -> web.Response:
        self._access.require_reader(request)
        kept = self._alerts.find(request.match_info["id"])
        if kept is None:
            raise web.HTTPNotFound(text="no alert with this id is kept\n")
        details = to_line({"rule": dict(kept.about), "events": _events_of(kept)}).rstrip()
        return raw_answer(kept.line[:-1] + b"," + details[1:])


def _wanted(request: web.Request) -> Wanted:
    query = request.query
    severities = frozenset(query["severity"].split(",")) if query.get("severity") else None
    before = number_in(request, "before", 0, 0, 10**18)
    return Wanted(query.get("rule") or None, query.get("host") or None, severities, before or None)


def _events_of(kept: KeptAlert) -> list[dict[str, Any]]:
    """An alert's events: when each happened, how long after the one before, and its record."""
    told: list[dict[str, Any]] = []
    before: int | None = None
    for event in kept.events:
        gap = None if before is None else event.time - before
        before = event.time
        told.append(
            {
                "time": iso_8601(event.time),
                "gap_ns": gap,
                "tag": event.tag,
                "record": _record(event),
            }
        )
    return told


def _record(event: KeptEvent) -> str | None:
    """A record as JSON in a text, which no reader takes apart and rounds the numbers of."""
    if event.raw is None:
        return None
    try:
        return to_line(decode_record(event.raw)).decode().rstrip()
    except ValueError:
        return None
