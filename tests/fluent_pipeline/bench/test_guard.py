from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.bench.guard import check, save


@pytest.mark.parametrize(("found", "is_fine"), [(1.2, True), (1.37, True), (1.39, False)])
def test_a_loss_of_over_15_percent_is_told(tmp_path: Path, found: float, is_fine: bool) -> None:
    baseline = tmp_path / "baseline.json"
    save(1.2, baseline)
    problem = check(found, baseline)
    assert (problem is None) == is_fine
    if problem:
        assert problem.endswith("the baseline is 1.20, +16%")
