from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.flinksql import Job
from fluent_pipeline.cli import main
from fluent_pipeline.flink import Cluster, Ran, Workspace
from fluent_pipeline.flink.runner import Watch

ALERT = {"id": "a", "sequence": {"by": {}, "events": [{"@timestamp": "2026-01-01T00:00:00Z"}]}}
UNREAD = {"rule": "1", "reason": "no usable @timestamp", "record": "{}"}


class Flink:
    """In the place of Flink: takes a job and writes what it is told to."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = [ALERT]
        self.unread: list[dict[str, Any]] = []
        self.resumed = False

    def __call__(
        self, job: Job, workspace: Workspace, cluster: Cluster, interval: int, watch: Watch
    ) -> Ran:
        self.read = [link.resolve() for link in sorted(workspace.inputs.iterdir())]
        self.job, self.workspace, self.cluster, self.interval = job, workspace, cluster, interval
        for folder, lines in ((workspace.alerts, self.alerts), (workspace.unread, self.unread)):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "part").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return Ran(seconds=1.25, resumed=self.resumed)


@pytest.fixture
def flink(monkeypatch: pytest.MonkeyPatch) -> Flink:
    flink = Flink()
    monkeypatch.setattr("fluent_pipeline.cli.flink.run_job", flink)
    return flink


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_text("{}\n")
    return path


def run(events: Path, output: Path, *more: str | Path) -> int:
    paths = ("--input", events, "--output", output)
    return main(["flink", "run", *map(str, (*paths, *more))])


def test_the_alerts_are_written_and_counted(
    flink: Flink, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(events, tmp_path / "out") == 0
    assert [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()] == [ALERT]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["1 rule exported, 0 refused", "1 alert in 1.25 s"]


def test_records_that_were_not_read_are_told_once_each_by_their_reasons(
    flink: Flink, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.unread = [
        UNREAD | {"reason": "no JSON object"},
        UNREAD,
        UNREAD | {"record": "{1}"},
        UNREAD | {"record": "{1}", "rule": "2"},
    ]
    run(events, tmp_path / "out")
    told = capsys.readouterr().err.splitlines()[1:3]
    assert told == [
        "2 records not read: no usable @timestamp",
        "1 record not read: no JSON object",
    ]


def test_a_run_that_went_on_from_a_checkpoint_says_so(
    flink: Flink, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.resumed = True
    run(events, tmp_path / "out")
    assert capsys.readouterr().err.endswith("1 alert in 1.25 s, resumed\n")


def test_by_default_it_runs_here_in_one_task_and_decides_when_all_is_read(
    flink: Flink, events: Path, tmp_path: Path
) -> None:
    run(events, tmp_path / "out")
    assert flink.cluster == Cluster(address=None, parallelism=1)
    assert flink.interval == 10 * 10**9
    assert "INTERVAL" not in flink.job.tables[0].partition("WATERMARK")[2]


def test_the_options_reach_the_job(flink: Flink, events: Path, tmp_path: Path) -> None:
    cluster = ("--cluster", "jobs.example.org:8081", "--parallelism", "4")
    times = ("--reorder-window", "2s", "--checkpoint-interval", "500ms")
    run(events, tmp_path / "out", *cluster, *times, "--workspace", tmp_path / "w")
    assert flink.cluster == Cluster("jobs.example.org:8081", 4)
    assert flink.interval == 500 * 10**6
    assert "- INTERVAL '0 00:00:02.000'" in flink.job.tables[0]
    assert flink.workspace == Workspace(tmp_path / "w")


def test_the_job_reads_the_files_and_writes_into_the_workspace(
    flink: Flink, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(Path("events.ndjson"), Path("out"), "--workspace", "w")
    assert flink.read == [events]
    for table, name in zip(flink.job.tables, ("inputs", "alerts", "unread"), strict=True):
        assert f"'path' = '{tmp_path / 'w' / name}'" in table
    assert (tmp_path / "out").exists()


def test_all_files_of_a_folder_are_read(flink: Flink, tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    for name in ("b", "a"):
        (tmp_path / "events" / name).write_text("{}\n")
    run(tmp_path / "events", tmp_path / "out")
    assert [path.name for path in flink.read] == ["a", "b"]


def test_more_tasks_than_files_are_told_to_be_of_no_use(
    flink: Flink, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "fluent-eql: 1 file for 2 tasks: each file is read by one task\n"
    run(events, tmp_path / "out", "--parallelism=2")
    assert told in capsys.readouterr().err
    run(events, tmp_path / "out")
    assert told not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["--cluster", "jobs.example.org:8081"],
            "--cluster needs a --workspace, which the cluster sees, too",
        ),
        (
            ["--reorder-window", "2s"],
            "--reorder-window goes with one file, found 2: Flink reads several in any order",
        ),
    ],
)
def test_what_cannot_give_all_alerts_is_refused(
    arguments: list[str],
    reason: str,
    flink: Flink,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "events").mkdir()
    for name in ("a", "b"):
        (tmp_path / "events" / name).write_text("{}\n")
    assert run(tmp_path / "events", tmp_path / "out", *arguments) == 1
    assert capsys.readouterr().err == f"fluent-eql: {reason}\n"
    assert not hasattr(flink, "job")


def test_a_workspace_that_is_named_is_kept_and_another_is_not(
    flink: Flink, events: Path, tmp_path: Path
) -> None:
    run(events, tmp_path / "out", "--workspace", tmp_path / "kept")
    assert (tmp_path / "kept").exists()
    run(events, tmp_path / "out")
    assert not flink.workspace.root.exists()


def test_an_input_that_is_not_there_is_told_before_anything_starts(
    flink: Flink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none", tmp_path / "out") == 1
    assert capsys.readouterr().err == (
        f"fluent-eql: {tmp_path / 'none'}: No such file or directory\n"
    )
    assert not hasattr(flink, "job")


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", "²"])
def test_a_parallelism_is_a_whole_number_of_at_least_1(
    number: str, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(events, tmp_path / "out", f"--parallelism={number}")
    assert caught.value.code == 2
    assert "expected a whole number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["flink"], ["flink", "run"], ["flink", "stop"]])
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: fluent-eql flink" in capsys.readouterr().err
