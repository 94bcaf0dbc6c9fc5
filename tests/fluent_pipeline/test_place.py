from __future__ import annotations

from pathlib import Path

from fluent_pipeline.place import ALONE, Place


def test_the_first_worker_has_the_names_of_a_relay_without_workers() -> None:
    assert ALONE.named("forward.0") == Place(0, 4).named("forward.0") == "forward.0"
    assert Place(2, 4).named("forward.0") == "forward.0.2"


def test_the_first_worker_finds_what_more_workers_have_left(tmp_path: Path) -> None:
    for name in ("out", "out.1", "out.2", "out.3", "out.x", "other.9"):
        (tmp_path / name).mkdir()
    first = tmp_path / "out"
    assert [path.name for path in Place(0, 2).others(first)] == ["out.2", "out.3"]
    assert [path.name for path in ALONE.others(first)] == ["out.1", "out.2", "out.3"]
    assert list(Place(1, 2).others(first)) == []
