"""conf/prometheus: alerts on metrics that exist, right in the eyes of Prometheus's own tool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.metric_names import PROCESS, metric_names

FOLDER = Path(__file__).parents[2] / "conf/prometheus"
ALERTS = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
NAME = re.compile(r"\b(?:fluent_eql|process)_\w+")


def name_of(rule: dict[str, Any]) -> str:
    return str(rule["alert"])


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (Debian, Ubuntu: apt install prometheus)")
    done = subprocess.run([program, *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_names_metrics_that_exist(rule: dict[str, Any]) -> None:
    named = set(NAME.findall(rule["expr"]))
    assert named or rule["expr"].startswith("up{")
    assert named <= metric_names() | PROCESS


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_says_what_is_wrong_and_how_much_it_matters(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert set(rule["annotations"]) == {"summary", "description"}


def test_the_samples_of_the_alerts_tests_are_of_metrics_that_exist() -> None:
    text = (FOLDER / "alerts.test.yml").read_text()
    assert set(re.findall(r"series: '(fluent_eql_\w+)", text)) <= metric_names()


def test_the_job_that_an_alert_asks_for_is_scraped() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    asked = {job for rule in ALERTS for job in re.findall(r'job="([^"]+)"', rule["expr"])}
    assert jobs == asked == {"fluent-eql"}


def test_prometheus_takes_the_configuration_and_the_alerts() -> None:
    assert f"SUCCESS: {len(ALERTS)} rules found" in promtool("check", "config", "prometheus.yml")


def test_the_alerts_are_raised_when_they_should_be() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")
