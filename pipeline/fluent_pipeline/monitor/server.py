"""The HTTP server: health for probes, metrics for Prometheus, a reload for who may."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from fluent_eql.api import Metric
from fluent_pipeline.monitor.metrics import CONTENT_TYPE, MetricsPage

log = logging.getLogger(__name__)


async def _reload_nothing() -> Iterable[str]:
    return ()


class MonitorServer:
    """Serves ``/api/v1/health``, ``/api/v1/uptime``, ``/api/v1/reload`` and ``/metrics``.

    ``troubles`` gives a line for each thing that keeps records from being delivered; health is
    200 while there is none, else 503. ``sample`` gives the metrics. ``reload`` is done for a POST
    that bears ``token``, and says what could not be; without a token nobody may.
    """

    def __init__(
        self,
        listen: str,
        port: int,
        *,
        troubles: Callable[[], Iterable[str]],
        sample: Callable[[], Iterable[Metric]],
        reload: Callable[[], Awaitable[Iterable[str]]] = _reload_nothing,
        token: str | None = None,
    ) -> None:
        self._listen = listen
        self._port = port
        self._troubles = troubles
        self._metrics = MetricsPage(sample)
        self._reload = reload
        self._token = token
        self._started = time.monotonic()
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Begin to serve. Raises OSError where the address cannot be had."""
        application = web.Application()
        application.router.add_get("/api/v1/health", self._health)
        application.router.add_get("/api/v1/uptime", self._uptime)
        application.router.add_post("/api/v1/reload", self._do_reload)
        application.router.add_get("/metrics", self._render_metrics)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._listen, self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        log.info("monitor: serving on %s", self.address)

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        troubles = list(self._troubles())
        body = {"status": "error" if troubles else "ok", "troubles": troubles}
        return web.json_response(body, status=503 if troubles else 200)

    async def _uptime(self, request: web.Request) -> web.Response:
        return web.json_response({"uptime_sec": int(time.monotonic() - self._started)})

    async def _do_reload(self, request: web.Request) -> web.Response:
        self._authorize(request)
        problems = list(await self._reload())
        body = {"status": "error" if problems else "ok", "problems": problems}
        return web.json_response(body, status=500 if problems else 200)

    def _authorize(self, request: web.Request) -> None:
        """Raises 403 where nobody may, 401 where the request does not bear the token."""
        if self._token is None:
            raise web.HTTPForbidden(text="no http_token is configured: nothing can be changed\n")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        known = hmac.compare_digest(
            given.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        )
        if scheme.lower() != "bearer" or not known:
            headers = {"WWW-Authenticate": 'Bearer realm="fluent-eql"'}
            raise web.HTTPUnauthorized(text="expected the bearer token\n", headers=headers)

    async def _render_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
