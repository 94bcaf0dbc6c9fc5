from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fluent_pipeline.flink import read_lines, write_alerts


def alert(name: str, time: str, *, of_one_event: bool = False) -> dict[str, Any]:
    events = [{"stage": 0, "@timestamp": time}]
    rest = {"events": events} if of_one_event else {"sequence": {"by": {}, "events": events}}
    return {"id": name, **rest}


def write_part(path: Path, *lines: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def names_in(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_the_parts_of_all_folders_are_read(tmp_path: Path) -> None:
    write_part(tmp_path / "part-0", {"n": 1}, {"n": 2})
    write_part(tmp_path / "deeper" / "part-1", {"n": 3})
    assert sorted(line["n"] for line in read_lines(tmp_path)) == [1, 2, 3]


def test_parts_that_are_not_finished_are_passed_over(tmp_path: Path) -> None:
    write_part(tmp_path / ".part-0.inprogress", {"n": 1})
    assert list(read_lines(tmp_path)) == []


def test_a_folder_that_was_never_made_has_no_lines(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "none")) == []


def test_alerts_are_in_the_order_of_their_last_events_and_then_of_their_ids(
    tmp_path: Path,
) -> None:
    write_part(tmp_path / "p" / "0", alert("c", "2026-01-03T00:00:00.000000000Z"))
    write_part(
        tmp_path / "p" / "1",
        alert("b", "2026-01-01T00:00:00.000000000Z"),
        alert("a", "2026-01-01T00:00:00.000000000Z", of_one_event=True),
    )
    assert write_alerts(tmp_path / "p", tmp_path / "out") == 3
    assert names_in(tmp_path / "out") == ["a", "b", "c"]


def test_what_was_written_again_after_a_kill_is_there_once(tmp_path: Path) -> None:
    twice = alert("a", "2026-01-01T00:00:00Z")
    write_part(tmp_path / "p" / "0", twice)
    write_part(tmp_path / "p" / "1", twice, alert("b", "2026-01-02T00:00:00Z"))
    assert write_alerts(tmp_path / "p", tmp_path / "out") == 2
    assert names_in(tmp_path / "out") == ["a", "b"]


def test_without_alerts_the_file_is_there_and_empty(tmp_path: Path) -> None:
    assert write_alerts(tmp_path / "none", tmp_path / "out") == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_a_file_of_before_stays_whole_where_the_new_one_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("before")
    write_part(tmp_path / "p" / "0", alert("a", "2026-01-01T00:00:00Z"))
    (tmp_path / "p" / "1").write_text("no json\n")
    with pytest.raises(json.JSONDecodeError):
        write_alerts(tmp_path / "p", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "before"


def test_nothing_but_the_file_is_left_behind(tmp_path: Path) -> None:
    write_part(tmp_path / "p" / "0", alert("a", "2026-01-01T00:00:00Z"))
    write_alerts(tmp_path / "p", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "p"]
