"""Results as a table and as JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from fluent_pipeline.bench.measure import Result
from fluent_pipeline.bench.workloads import Workload
from fluent_pipeline.cli.common import counted, table

Results = Mapping[str, Sequence[Result]]
"""The results of each workload, by its name; the floor's first."""

COLUMNS = (
    *("RELAY", "CPU µs/RECORD", "x", "RECORDS/s", "x"),
    *("ADDED p50 ms", "x", "ADDED p99 ms", "x", "PEAK RSS MB", "x"),
)


def heading(workload: Workload) -> str:
    """What a workload is, in a line."""
    rules = "Elastic's rules for Linux" if workload.public else counted(workload.rules, "rule")
    return (
        f"{workload.name}: {workload.form.value}, {workload.records:,} records a round, "
        f"{workload.candidates:.0%} candidates, {rules}, "
        f"{counted(workload.connections, 'connection')}, {workload.entities:,} entities"
    )


def table_of(results: Sequence[Result]) -> str:
    """The medians of the rounds, and beside each how many times the floor's it is."""
    return table(COLUMNS, [_row(result, results[0]) for result in results])


def _row(result: Result, floor: Result) -> list[str]:
    return [
        result.title,
        *_cells(result.cpu, floor.cpu, 1e6, 2),
        *_cells(result.rate, floor.rate, 1, 0),
        *_cells(result.p50, floor.p50, 1e3, 2),
        *_cells(result.p99, floor.p99, 1e3, 2),
        *_cells([result.rss] if result.rss else [], [floor.rss], 1e-6, 0),
    ]


def _cells(values: Sequence[float], floor: Sequence[float], unit: float, digits: int) -> list[str]:
    """The median in ``unit``, and as a multiple of the floor's; nothing where nothing is known."""
    if not values:
        return ["", ""]
    value = median(values)
    times = f"{value / median(floor):.1f}" if floor and median(floor) > 0 else ""
    return [f"{value * unit:,.{digits}f}", times]


def as_json(workloads: Sequence[Workload], results: Results) -> dict[str, Any]:
    """Everything that was measured, each round by itself: seconds, bytes and records a second."""
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "workloads": [
            asdict(workload)
            | {"form": workload.form.value}
            | {"results": [asdict(result) for result in results[workload.name]]}
            for workload in workloads
        ],
    }
