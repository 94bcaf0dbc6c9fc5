"""How the cost grows: which workloads make a curve, and the curves as SVG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fluent_pipeline.bench.report import Results
from fluent_pipeline.bench.svg import line_chart
from fluent_pipeline.bench.workloads import CANDIDATES, ENTITIES, LONG, MAIN, RULES, Workload

SERIES = ("rules", "no-filter")


@dataclass(frozen=True, slots=True)
class Curve:
    """The cost over one property of the workloads."""

    file: str
    title: str
    x_label: str
    workloads: Sequence[Workload]
    x: Callable[[Workload], float]
    log_x: bool = True


CURVES = (
    Curve(
        "cost-by-rules.svg", "More rules", "rules", (MAIN, *RULES), lambda workload: workload.rules
    ),
    Curve(
        "cost-by-candidates.svg",
        "More candidates",
        "% of the records",
        sorted((MAIN, *CANDIDATES), key=lambda workload: workload.candidates),
        lambda workload: 100 * workload.candidates,
        log_x=False,
    ),
    Curve(
        "cost-by-entities.svg",
        "More entities, every record a candidate",
        "entities",
        (*ENTITIES, *LONG),
        lambda workload: workload.entities,
    ),
)


def draw(results: Results, folder: Path) -> list[Path]:
    """Write the curves of which at least two points were measured; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for curve in CURVES:
        series = {
            title: points
            for name in SERIES
            for title, points in [_points(curve, name, results)]
            if len(points) > 1
        }
        if series:
            text = line_chart(
                curve.title, curve.x_label, "CPU µs a record", series, log_x=curve.log_x
            )
            written.append(folder / curve.file)
            written[-1].write_text(text, encoding="utf-8")
    return written


def _points(curve: Curve, relay: str, results: Results) -> tuple[str, list[tuple[float, float]]]:
    """A relay's title and its points."""
    title, points = relay, []
    for workload in curve.workloads:
        for result in results.get(workload.name, ()):
            if result.contestant == relay:
                title = result.title
                points.append((curve.x(workload), median(result.cpu) * 1e6))
    return title, points
