"""conf/grafana: panels of metrics that exist, in a grid without gaps and overlaps."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.metric_names import PROCESS, metric_names

DASHBOARD = json.loads(
    (Path(__file__).parents[2] / "conf/grafana/fluent-eql.json").read_text("utf-8")
)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
DRAWN = [panel for panel in PANELS if panel["type"] != "row"]
NAME = re.compile(r"\b(?:fluent_eql|process)_\w+")
COLUMNS = 24


def title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def expressions() -> list[str]:
    return [target["expr"] for panel in DRAWN for target in panel["targets"]]


def variables() -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


@pytest.mark.parametrize("panel", DRAWN, ids=title)
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(NAME.findall(target["expr"]))
        assert named
        assert named <= metric_names() | PROCESS


def test_the_variables_are_made_of_a_metric_that_exists() -> None:
    for variable in variables().values():
        if variable["type"] == "query":
            (name,) = NAME.findall(variable["query"]["query"])
            assert name in metric_names()


def test_every_metric_but_the_number_of_workers_and_the_webhooks_is_on_a_panel() -> None:
    shown = {name for expr in expressions() for name in NAME.findall(expr)}
    left = metric_names() - shown - {"fluent_eql_workers"}
    assert {name for name in left if "webhook" not in name} == set()


@pytest.mark.parametrize("panel", DRAWN, ids=title)
def test_a_panel_goes_by_the_variables_of_the_dashboard(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert 'job=~"$job",instance=~"$instance"' in target["expr"]
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(panel)))
    assert used == set(variables())


def test_panels_have_numbers_of_their_own() -> None:
    numbers = [panel["id"] for panel in PANELS]
    assert len(set(numbers)) == len(numbers)


def test_the_panels_fill_the_grid_without_overlaps() -> None:
    cells = [cell for panel in PANELS for cell in _cells(panel["gridPos"])]
    assert len(set(cells)) == len(cells)
    height = 1 + max(line for line, _ in cells)
    assert len(cells) == height * COLUMNS


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    lines = range(place["y"], place["y"] + place["h"])
    columns = range(place["x"], place["x"] + place["w"])
    return [(line, column) for line in lines for column in columns]


def test_prometheus_can_parse_every_query(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (Debian, Ubuntu: apt install prometheus)")
    rules = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__(rate_interval|range)", "5m", expr)}
        for number, expr in enumerate(expressions())
    ]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([program, "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
