from __future__ import annotations

import json

from fluent_pipeline.bench.measure import Result
from fluent_pipeline.bench.report import as_json, heading, table_of
from fluent_pipeline.bench.workloads import MAIN, PUBLIC

FLOOR = Result("copy", "copied", cpu=[1e-6, 2e-6, 9e-6], rate=[100.0], p50=[1e-3], rss=10**7)
RELAY = Result("rules", "with rules", cpu=[4e-6, 4e-6, 9e-6], rate=[50.0], p50=[3e-3], rss=10**8)


def test_a_row_has_the_median_and_what_multiple_of_the_floors_it_is() -> None:
    _, floor, relay = table_of([FLOOR, RELAY]).splitlines()
    assert floor.split() == ["copied", "2.00", "1.0", "100", "1.0", "1.00", "1.0", "10", "1.0"]
    assert relay.split()[2:] == ["4.00", "2.0", "50", "0.5", "3.00", "3.0", "100", "10.0"]


def test_a_heading_tells_the_workload() -> None:
    assert heading(MAIN).startswith("main: Forward, 100,000 records a round, 2% candidates, 1 rule")


def test_a_heading_tells_that_the_rules_are_public_ones() -> None:
    assert "2% candidates, Elastic's rules for Linux, " in heading(PUBLIC[0])


def test_json_has_every_round() -> None:
    found = json.loads(json.dumps(as_json([MAIN], {"main": [FLOOR, RELAY]})))
    (workload,) = found["workloads"]
    assert workload["form"] == "Forward"
    assert workload["results"][1]["cpu"] == RELAY.cpu
