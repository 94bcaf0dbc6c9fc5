"""The HTTP server: the page, the API, metrics for Prometheus, health for probes."""

from __future__ import annotations

import logging

from aiohttp import web

from fluent_pipeline.config import ServiceConfig
from fluent_pipeline.monitor.access import Access
from fluent_pipeline.monitor.alerts import AlertsApi
from fluent_pipeline.monitor.kept import KeptAlerts
from fluent_pipeline.monitor.observed import Observed
from fluent_pipeline.monitor.pages import Pages, add_headers
from fluent_pipeline.monitor.state import StateApi

LARGEST_REQUEST = 4096
"""Bytes of a request's body; none of the requests needs one."""
LAST_ANSWERS = 1.0
"""Seconds that answers under way have when the server stops."""

log = logging.getLogger(__name__)


def monitor_for(
    service: ServiceConfig, observed: Observed, alerts: KeptAlerts
) -> MonitorServer | None:
    """The server that a configuration asks for."""
    if not service.http_server:
        return None
    return MonitorServer(
        service.http_listen, service.http_port, observed, alerts=alerts, token=service.http_token
    )


class MonitorServer:
    """Serves what ``observed`` tells, and the kept ``alerts``; see docs/monitoring.md.

    What changes something, or tells what entities are remembered, needs ``token``.
    """

    def __init__(
        self,
        listen: str,
        port: int,
        observed: Observed,
        *,
        alerts: KeptAlerts | None = None,
        token: str | None = None,
    ) -> None:
        alerts = KeptAlerts() if alerts is None else alerts
        access = Access(token)
        self._listen = listen
        self._port = port
        self._alerts = AlertsApi(alerts, access)
        self._parts = (Pages(), StateApi(observed, alerts, access), self._alerts)
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Begin to serve. Raises OSError where the address cannot be had."""
        application = web.Application(client_max_size=LARGEST_REQUEST)
        for part in self._parts:
            application.add_routes(part.routes())
        application.on_response_prepare.append(add_headers)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=LAST_ANSWERS,
            handler_cancellation=True,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._listen, self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        log.info("monitor: serving on %s", self.address)

    async def stop(self) -> None:
        """Stop serving."""
        self._alerts.stream.close()
        if self._runner is not None:
            await self._runner.cleanup()
