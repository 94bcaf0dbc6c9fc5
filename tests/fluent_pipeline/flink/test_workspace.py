from __future__ import annotations

import os
from pathlib import Path

import pytest

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink import Workspace


def checkpoint(workspace: Workspace, name: str, seconds: int, *, complete: bool = True) -> Path:
    """A checkpoint as Flink leaves one behind; its metadata come last."""
    folder = workspace.checkpoints / name
    folder.mkdir(parents=True)
    if complete:
        (folder / "_metadata").write_bytes(b"state")
        os.utime(folder / "_metadata", (seconds, seconds))
    return folder


def test_what_a_job_writes_lies_in_folders_of_its_own(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    places = [workspace.inputs, workspace.checkpoints, workspace.alerts, workspace.unread]
    places += [workspace.logs, workspace.identity]
    assert len(set(places)) == 6
    assert {place.parent for place in places} == {tmp_path}


def test_without_a_run_before_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert Workspace(tmp_path / "none").latest_checkpoint() is None


def test_the_latest_checkpoint_is_the_one_written_last_of_all_runs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    checkpoint(workspace, "a1/chk-9", seconds=100)
    newest = checkpoint(workspace, "b2/chk-2", seconds=300)
    checkpoint(workspace, "b2/chk-1", seconds=200)
    assert workspace.latest_checkpoint() == newest


def test_a_checkpoint_that_was_not_completed_is_passed_over(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    complete = checkpoint(workspace, "a1/chk-1", seconds=100)
    checkpoint(workspace, "a1/chk-2", seconds=200, complete=False)
    assert workspace.latest_checkpoint() == complete


def test_a_folder_that_is_new_begins_without_a_checkpoint(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new")
    assert workspace.claim("job 1") is None
    assert workspace.root.is_dir()


def test_the_same_job_goes_on_from_its_checkpoint_and_what_it_has_written_stays(
    tmp_path: Path,
) -> None:
    workspace = Workspace(tmp_path)
    workspace.claim("job 1")
    latest = checkpoint(workspace, "a1/chk-1", seconds=100)
    workspace.alerts.mkdir()
    assert workspace.claim("job 1") == latest
    assert workspace.alerts.exists()


@pytest.mark.parametrize("before", ["job 2", None])
def test_the_checkpoint_of_another_job_is_refused_and_stays(
    before: str | None, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    if before:
        workspace.claim(before)
    latest = checkpoint(workspace, "a1/chk-1", seconds=100)
    with pytest.raises(FluentPipelineError, match=f"^{tmp_path}: is of an unfinished run with ot"):
        workspace.claim("job 1")
    assert workspace.latest_checkpoint() == latest


def test_what_a_run_without_a_checkpoint_has_left_is_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.claim("job 1")
    checkpoint(workspace, "a1/chk-1", seconds=100, complete=False)
    for folder in (workspace.alerts, workspace.unread, workspace.inputs):
        folder.mkdir()
    assert workspace.claim("job 2") is None
    assert {path.name for path in tmp_path.iterdir()} == {"inputs", "job"}
