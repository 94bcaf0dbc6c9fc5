from __future__ import annotations

import logging

import pytest

from fluent_pipeline.config import ServiceConfig
from fluent_pipeline.monitor.kept import KeptAlerts
from fluent_pipeline.monitor.telling import alert_teller
from support.monitors import alert_of, evidence_of


@pytest.mark.parametrize("http_server", [False, True])
def test_an_alert_is_logged_and_kept_where_it_can_be_looked_at(
    http_server: bool, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = KeptAlerts()
    with caplog.at_level(logging.INFO):
        tell = alert_teller(ServiceConfig(http_server=http_server), alerts)
        tell(alert_of(1, late=True), evidence_of({}))
    assert "alert alert-1: A rule (late)" in caplog.text
    assert (alerts.find("alert-1") is not None) is http_server
