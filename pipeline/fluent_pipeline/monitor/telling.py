"""What is done with each alert besides what its record gains."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fluent_eql.api import Evidence
from fluent_pipeline.config import ServiceConfig
from fluent_pipeline.monitor.kept import KeptAlerts

log = logging.getLogger(__name__)


def alert_teller(
    service: ServiceConfig, alerts: KeptAlerts
) -> Callable[[dict[str, Any], Evidence | None], None]:
    """What logs an alert, and keeps it where somebody can look at it."""

    def tell(alert: dict[str, Any], evidence: Evidence | None) -> None:
        log_alert(alert)
        if service.http_server:
            alerts.add(alert, evidence)

    return tell


def log_alert(alert: dict[str, Any]) -> None:
    """Tell people of an alert."""
    rule = alert["rule"]
    name = rule["name"] if isinstance(rule, dict) else rule
    log.info("alert %s: %s%s", alert["id"], name, " (late)" if alert.get("late") else "")
