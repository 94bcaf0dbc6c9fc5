"""HTTP servers of the relay, and clients that ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from fluent_eql.about import about
from fluent_eql.api import Evidence, Filter, Metric, Sighting
from fluent_eql.testing import make_event
from fluent_pipeline.engine import Stage
from fluent_pipeline.monitor.kept import KeptAlerts
from fluent_pipeline.monitor.observed import Observed, reload_nothing
from fluent_pipeline.monitor.server import MonitorServer
from support.rules import rule

SECOND = 10**9
RULE = rule("sequence by k with maxspan=5s [n where true] [f where true]", name="A rule")


def alert_of(number: int, **changes: Any) -> dict[str, Any]:
    """An alert as filters tell it."""
    told = {
        "id": f"alert-{number}",
        "rule": {"id": RULE.id, "name": RULE.name},
        "severity": "low",
        "risk_score": 21,
        "sequence": {"by": {"k": "a"}, "span_ns": SECOND, "events": [{"stage": 0}, {"stage": 1}]},
    }
    return told | changes


def evidence_of(*records: Mapping[str, Any], host: str = "web-01") -> Evidence:
    """What an alert rests on whose events happened a second apart."""
    sightings = [
        Sighting(number * SECOND, make_event(record)) for number, record in enumerate(records)
    ]
    return Evidence(tuple(sightings), host, about(RULE))


def stage_of(filter: Filter, name: str = "eql.0") -> Stage:
    """A filter that takes every tag."""
    return Stage(name, filter, lambda tag: True)


class Asking:
    """A client of one server."""

    def __init__(self, server: MonitorServer, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http

    async def get(self, path: str, *, status: int = 200, **headers: str) -> Any:
        """What a path answers: JSON as values, all else as text."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.get(self.server.address + path, headers=named) as answer:
            assert answer.status == status, await answer.text()
            if answer.content_type == "application/json":
                return await answer.json()
            return await answer.text()


@asynccontextmanager
async def serving(
    alerts: KeptAlerts | None = None,
    *,
    token: str | None = None,
    listen: str = "127.0.0.1",
    troubles: Callable[[], Iterable[str]] = tuple,
    unready: Callable[[], Iterable[str]] = tuple,
    sample: Callable[[], Iterable[Metric]] = tuple,
    stages: Iterable[Stage] = (),
    reload: Callable[[], Any] = reload_nothing,
) -> AsyncIterator[Asking]:
    """A server that has started, and a client."""
    found = tuple(stages)
    observed = Observed(
        troubles=troubles, unready=unready, sample=sample, stages=lambda: found, reload=reload
    )
    server = MonitorServer(listen, 0, observed, alerts=alerts, token=token)
    await server.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Asking(server, http)
    finally:
        await server.stop()
