from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.replay.places import recordings_at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("e.10.ndjson", "e.9.ndjson", "sub/a.gz", ".hidden", ".git/x", "sub/.y"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_stands_for_the_files_below_it_hidden_ones_aside(folder: Path) -> None:
    found = recordings_at([str(folder)])
    assert found.files == [str(folder / name) for name in ("e.9.ndjson", "e.10.ndjson", "sub/a.gz")]
    assert (found.problems, found.repeated) == ([], [])


def test_a_pattern_stands_for_the_files_that_fit_it(folder: Path) -> None:
    assert recordings_at([f"{folder}/e.*"]).files == [
        str(folder / "e.9.ndjson"),
        str(folder / "e.10.ndjson"),
    ]
    assert recordings_at([f"{folder}/**/*.gz"]).files == [str(folder / "sub" / "a.gz")]
    assert recordings_at([f"{folder}/s*"]).problems == [f"{folder}/s*: fits no file"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    (folder / "e.[9].ndjson").touch()
    assert recordings_at([f"{folder}/e.[9].ndjson"]).files == [f"{folder}/e.[9].ndjson"]


def test_arguments_are_read_in_their_order_and_each_file_once(folder: Path) -> None:
    last = str(folder / "e.10.ndjson")
    (folder / "link").symlink_to(last)
    found = recordings_at(["-", last, str(folder / "link"), f"{folder}/e.*", "-"])
    assert found.files == ["-", last, str(folder / "e.9.ndjson")]
    assert found.repeated == [str(folder / "link"), last, "-"]


def test_what_names_nothing_is_a_problem_and_what_is_not_there_a_file_to_be_opened(
    tmp_path: Path,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = recordings_at([str(empty), f"{tmp_path}/*.gz", f"{tmp_path}/missing"])
    assert found.problems == [f"{empty}: holds no file", f"{tmp_path}/*.gz: fits no file"]
    assert found.files == [f"{tmp_path}/missing"]
