from __future__ import annotations

from pathlib import Path

from fluent_pipeline.bench.curves import draw
from fluent_pipeline.bench.measure import Result


def test_only_curves_with_two_points_are_drawn(tmp_path: Path) -> None:
    results = {
        "main": [Result("rules", "with rules", cpu=[2e-6])],
        "rules-100": [Result("rules", "with rules", cpu=[3e-6])],
    }
    (written,) = draw(results, tmp_path / "docs")
    assert written.name == "cost-by-rules.svg"
    assert written.read_text().count("<circle") == 2
