"""The part of the API that tells how the relay is, what its rules are and what they remember."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from itertools import islice
from typing import Any

from aiohttp import web

from fluent_eql.event_time import iso_8601
from fluent_pipeline.monitor.access import Access
from fluent_pipeline.monitor.answers import answer, number_in, raw_answer
from fluent_pipeline.monitor.figures import Figures
from fluent_pipeline.monitor.kept import MINUTE, MINUTES, KeptAlerts
from fluent_pipeline.monitor.metrics import CONTENT_TYPE, MetricsPage
from fluent_pipeline.monitor.observed import Observed

ENTITIES = 100
MOST_ENTITIES = 1000
BRIEF = ("id", "name", "slug", "severity", "risk_score", "kind", "keys", "maxspan_ns", "screened")
"""What the list of the rules tells of each."""
NO_COUNTS = {"alerts": 0, "late": 0}
DOCUMENT = "openapi.json"


class StateApi:
    """All of ``/api/v1`` but the alerts."""

    def __init__(
        self,
        observed: Observed,
        alerts: KeptAlerts,
        access: Access,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._observed = observed
        self._alerts = alerts
        self._access = access
        self._clock = clock
        self._started = clock()
        self._metrics = MetricsPage(observed.sample)
        self._document = document()
        self._tasks = set[asyncio.Future[Iterable[str]]]()

    def routes(self) -> list[web.RouteDef]:
        """Where its parts are."""
        return [
            web.get("/api/v1/health", self._health),
            web.get("/api/v1/ready", self._ready),
            web.get("/api/v1/uptime", self._uptime),
            web.get("/api/v1/status", self._status),
            web.get("/api/v1/metrics", self._figures),
            web.get("/api/v1/rules", self._rules),
            web.get("/api/v1/rules/{id}", self._rule),
            web.get("/api/v1/entities", self._entities),
            web.post("/api/v1/reload", self._reload),
            web.get("/api/v1/openapi.json", self._openapi),
            web.get("/metrics", self._prometheus),
            web.get("/api/v1/metrics/prometheus", self._prometheus),
            web.get("/api/v2/metrics/prometheus", self._prometheus),
        ]

    async def _health(self, request: web.Request) -> web.Response:
        troubles = list(self._observed.troubles())
        body = {"status": "error" if troubles else "ok", "troubles": troubles}
        return answer(body, status=503 if troubles else 200)

    async def _ready(self, request: web.Request) -> web.Response:
        reasons = list(self._observed.unready())
        body = {"status": "unready" if reasons else "ready", "reasons": reasons}
        return answer(body, status=503 if reasons else 200)

    async def _uptime(self, request: web.Request) -> web.Response:
        seconds = self._uptime_sec()
        told = f"fluent-eql has been running: {_in_words(seconds)}"
        return answer({"uptime_sec": seconds, "uptime_hr": told})

    async def _status(self, request: web.Request) -> web.Response:
        minutes = number_in(request, "minutes", 60, 1, MINUTES)
        figures = Figures(self._observed.sample())
        this_minute, counts = self._alerts.per_minute()
        return answer(
            {
                "version": version("fluent-eql"),
                "uptime_sec": self._uptime_sec(),
                "clock_ns": self._clock() - self._started,
                "troubles": list(self._observed.troubles()),
                "unready": list(self._observed.unready()),
                "totals": figures.totals(),
                "inputs": figures.inputs(),
                "outputs": figures.outputs(),
                "alerts_over_time": {
                    "until": iso_8601((this_minute + 1) * MINUTE),
                    "minutes": minutes,
                    "counts": [
                        {"minutes_ago": ago, "by_severity": by_severity}
                        for ago, by_severity in enumerate(counts[:minutes])
                        if by_severity
                    ],
                },
            }
        )

    async def _figures(self, request: web.Request) -> web.Response:
        return answer(Figures(self._observed.sample()).as_fluent_bit())

    async def _prometheus(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _rules(self, request: web.Request) -> web.Response:
        self._access.require_reader(request)
        counts = Figures(self._observed.sample()).by_rule()
        rules = [
            {key: rule[key] for key in BRIEF if key in rule}
            | {
                "stages": len(rule.get("stages", ())),
                "filter": name,
                "counts": NO_COUNTS | counts.get(rule["id"], {}),
            }
            for name, _, rule in self._observed.rules()
        ]
        return answer({"rules": rules})

    async def _rule(self, request: web.Request) -> web.Response:
        self._access.require_reader(request)
        for name, insight, rule in self._observed.rules():
            if rule["id"] == request.match_info["id"]:
                counts = Figures(self._observed.sample()).by_rule().get(rule["id"], {})
                return answer(
                    {
                        **rule,
                        "filter": name,
                        "counts": NO_COUNTS | counts,
                        "screening": insight.screening(rule["id"]),
                    }
                )
        raise web.HTTPNotFound(text="no rule with this id runs\n")

    async def _entities(self, request: web.Request) -> web.Response:
        self._access.require_token(request)
        limit = number_in(request, "limit", ENTITIES, 1, MOST_ENTITIES)
        rule_id, value = request.query.get("rule"), request.query.get("value")
        now = self._clock()
        found = (
            {"filter": name, **_entity(candidate, now)}
            for name, insight in self._observed.insights()
            for candidate in insight.candidates(rule_id, value)
        )
        entities = list(islice(found, limit + 1))
        return answer({"entities": entities[:limit], "more": len(entities) > limit})

    async def _reload(self, request: web.Request) -> web.Response:
        self._access.require_token(request)
        problems = list(await self._whole(self._observed.reload()))
        body = {"status": "error" if problems else "ok", "problems": problems}
        return answer(body, status=500 if problems else 200)

    async def _whole(self, action: Awaitable[Iterable[str]]) -> Iterable[str]:
        """Let something be done to its end, also where who asked for it has gone."""
        task = asyncio.ensure_future(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _openapi(self, request: web.Request) -> web.Response:
        return raw_answer(self._document)

    def _uptime_sec(self) -> int:
        return (self._clock() - self._started) // 10**9


def document() -> bytes:
    """The OpenAPI document, with the version of this package in it."""
    text = (files("fluent_pipeline.monitor") / DOCUMENT).read_text("utf-8")
    return text.replace("0.0.0", version("fluent-eql"), 1).encode()


def _entity(candidate: Mapping[str, Any], now: int) -> dict[str, Any]:
    age = max(now - candidate["renewed"], 0) / 10**9
    told = {key: value for key, value in candidate.items() if key != "renewed"}
    return told | {"age_sec": round(age, 3)}


def _in_words(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day} days, {hour} hours, {minute} minutes and {second} seconds"
