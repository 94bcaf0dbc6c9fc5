"""docs/metrics.md has every metric and every alert, as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fluent_eql.api import Metric
from support.metric_names import PROCESS, metric_names, sampled_metrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/metrics.md").read_text("utf-8")
ROW = re.compile(r"^\| `(fluent_eql_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", re.MULTILINE)
ROWS = {name: (kind, labels, meaning) for name, kind, labels, meaning in ROW.findall(TEXT)}
ALERTS = re.findall(r"^\| `(FluentEql\w+)` \| (\w+) \|", TEXT, re.MULTILINE)


def by_name(metric: Metric) -> str:
    return metric.name


def test_every_metric_is_described_once_and_no_other() -> None:
    assert len(ROW.findall(TEXT)) == len(ROWS)
    assert set(ROWS) == metric_names()


@pytest.mark.parametrize("metric", sampled_metrics().values(), ids=by_name)
def test_a_metric_is_described_with_its_kind_and_labels(metric: Metric) -> None:
    kind, labels, _ = ROWS[metric.name]
    assert kind == metric.kind
    assert re.findall(r"`(\w+)`", labels) == [name for name, _ in metric.labels]


@pytest.mark.parametrize(("name", "kind"), [(name, row[0]) for name, row in ROWS.items()])
def test_the_names_keep_to_prometheuss_conventions(name: str, kind: str) -> None:
    assert (kind == "counter") == name.endswith("_total")
    assert name.removesuffix("_total") not in ROWS or kind == "gauge"


def test_the_metrics_of_the_process_are_those_of_the_client() -> None:
    assert set(re.findall(r"`(process_\w+)`", TEXT)) <= PROCESS


def test_every_alert_is_described_with_its_severity() -> None:
    groups = yaml.safe_load((ROOT / "conf/prometheus/alerts.yml").read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    assert sorted(ALERTS) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in alerts)
