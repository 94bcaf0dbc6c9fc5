"""The table of sizes follows from what `make bench` has measured."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from fluent_eql.settings import EqlOptions

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "scaling.md").read_text("utf-8")
RATES = (1_000, 10_000, 100_000, 1_000_000)
RECORD = 1445
"""Bytes of a record of the benchmark."""
BUSY = 0.5
"""The share of its core that an aggregator is to use."""
TTL = 600
"""Seconds for which the shipped rule's join keys are remembered."""
HEAD = (
    "| records/s | MB/s in | cores, one rule | cores, 1,000 rules | cores, a fifth candidates "
    "| aggregators | memory of each | routers |\n|---|---|---|---|---|---|---|---|\n"
)


def measured() -> dict[tuple[str, str], dict[str, Any]]:
    run = json.loads((DOCS / "performance.json").read_text())
    return {
        (workload["name"], result["contestant"]): result
        for workload in run["workloads"]
        for result in workload["results"]
    }


RUN = measured()


def cpu(workload: str, relay: str = "rules") -> float:
    """Seconds a record."""
    return median(RUN[workload, relay]["cpu"])


def memory(keys: float) -> float:
    """Bytes of an aggregator that remembers so many join keys."""
    empty, full = RUN["candidates-0", "rules"]["rss"], RUN["entities-100k", "rules"]["rss"]
    most = EqlOptions().max_entities
    return float(empty + (full - empty) * min(1, keys / most))


def rounded(value: float) -> str:
    """Up to two digits that count."""
    digits = 1 - math.floor(math.log10(value))
    up = math.ceil(round(value * 10**digits, 6)) / 10**digits
    return f"{up:,.{max(0, digits)}f}"


def rows() -> Iterator[str]:
    for rate in RATES:
        aggregators = math.ceil(rate * cpu("main") / BUSY)
        keys = rate * 0.02 * TTL / aggregators
        cells = [
            f"{rate:,}",
            rounded(rate * RECORD / 1e6),
            *(rounded(rate * cpu(name)) for name in ("main", "rules-1000", "candidates-20")),
            str(aggregators),
            f"{rounded(memory(keys) / 1e6)} MB",
            str(math.ceil(rate * cpu("main", "no-filter") / BUSY)),
        ]
        yield f"| {' | '.join(cells)} |"


def test_the_table_is_what_the_last_run_gives() -> None:
    expected = HEAD + "\n".join(rows()) + "\n"
    assert expected in PAGE, f"the table as it should be:\n{expected}"


def test_the_formulas_of_the_page_name_what_was_measured() -> None:
    told = {name: value for name, value in re.findall(r"^\| (\w[^|]*) \| ([\d.]+) µs", PAGE, re.M)}
    assert told == {
        "one rule, one record in fifty a candidate": f"{cpu('main') * 1e6:.2f}",
        "1,000 rules": f"{cpu('rules-1000') * 1e6:.2f}",
        "one record in five a candidate": f"{cpu('candidates-20') * 1e6:.2f}",
        "a router": f"{cpu('main', 'no-filter') * 1e6:.2f}",
    }


@pytest.mark.parametrize(("value", "told"), [(0.00221, "0.0023"), (1.0, "1.0"), (14.45, "15")])
def test_values_are_rounded_up(value: float, told: str) -> None:
    assert rounded(value) == told
