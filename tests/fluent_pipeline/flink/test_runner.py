"""Against a stand-in for PyFlink; tests/end_to_end/test_flink.py has the real one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fluent_eql.flinksql import Job, Paths, compile_job
from fluent_eql.rules import load_rules
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink import Cluster, Ran, Workspace, link_inputs, run_job

HERE = Cluster()
JAVA_TRACE = """An error occurred while calling o1.execute.
: java.util.concurrent.ExecutionException: outer
\tat somewhere
Caused by: org.apache.flink.runtime.JobException: in between
\tat elsewhere
Caused by: java.io.FileNotFoundException: /in/events is not there
\t... 3 more
"""


class Flink:
    """A table environment that keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.settings: dict[str, str] = {}
        self.runtime = 1500
        self.error: Exception | None = None
        self.interrupted = False

    def get_config(self) -> Flink:
        return self

    def set(self, key: str, value: str) -> None:
        self.settings[key] = value

    def execute_sql(self, statement: str) -> None:
        self.asked.append(("table", statement))

    def sql_query(self, query: str) -> str:
        return query

    def create_temporary_view(self, name: str, query: str) -> None:
        self.asked.append(("view", name, query))

    def create_statement_set(self) -> Flink:
        return self

    def add_insert_sql(self, statement: str) -> None:
        self.asked.append(("insert", statement))

    def execute(self) -> Flink:
        if self.error:
            raise self.error
        self.asked.append(("execute",))
        return self

    def get_job_client(self) -> Flink:
        return self

    def get_job_id(self) -> str:
        return "a1b2"

    def get_job_execution_result(self) -> Flink:
        return self

    def done(self) -> bool:
        if self.interrupted:
            raise KeyboardInterrupt
        self.asked.append(("wait",))
        return self.asked.count(("wait",)) % 3 == 0

    def result(self) -> Flink:
        self.asked.append(("result",))
        return self

    def cancel(self) -> Flink:
        self.asked.append(("cancel",))
        return self

    def get_net_runtime(self) -> int:
        return self.runtime


@pytest.fixture
def flink(monkeypatch: pytest.MonkeyPatch) -> Flink:
    """PyFlink and Java are there."""
    flink = Flink()
    table: Any = ModuleType("pyflink.table")
    table.TableEnvironment = ModuleType("TableEnvironment")
    table.TableEnvironment.create = lambda settings: flink
    table.EnvironmentSettings = ModuleType("EnvironmentSettings")
    table.EnvironmentSettings.in_streaming_mode = lambda: None
    monkeypatch.setitem(sys.modules, "pyflink", ModuleType("pyflink"))
    monkeypatch.setitem(sys.modules, "pyflink.table", table)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("FLINK_LOG_DIR", "")
    monkeypatch.delenv("FLINK_LOG_DIR")
    monkeypatch.setattr("fluent_pipeline.flink.runner.POLL_INTERVAL", 0)
    return flink


@pytest.fixture
def job() -> Job:
    return compile_job(load_rules([shipped_rules()]).rules, Paths("/in", "/out", "/no"), None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_tables_come_before_views_before_inserts_before_the_run(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    run_job(job, workspace, HERE, 10**9)
    assert flink.asked == [
        *(("table", statement) for statement in job.tables),
        *(("view", view.name, view.query) for view in job.views),
        *(("insert", statement) for statement in job.inserts),
        ("execute",),
        *(("wait",), ("wait",), ("wait",)),
        ("result",),
    ]


def test_the_time_is_that_of_the_job_alone(flink: Flink, job: Job, workspace: Workspace) -> None:
    assert run_job(job, workspace, HERE, 10**9) == Ran(seconds=1.5, resumed=False)


def test_the_jobs_own_settings_are_made(flink: Flink, job: Job, workspace: Workspace) -> None:
    run_job(job, workspace, HERE, 10**9)
    assert job.settings.items() <= flink.settings.items()


def test_checkpoints_are_written_into_the_workspace_and_stay_after_a_kill(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    run_job(job, workspace, HERE, 2500 * 10**6)
    names = ("interval", "dir", "externalized-checkpoint-retention")
    interval, folder, kept = (flink.settings[f"execution.checkpointing.{name}"] for name in names)
    assert interval == "2500 ms"
    assert folder == workspace.checkpoints.as_uri()
    assert kept == "RETAIN_ON_CANCELLATION"


def checkpoint_in(workspace: Workspace) -> Path:
    folder = workspace.checkpoints / "a1" / "chk-7"
    folder.mkdir(parents=True)
    (folder / "_metadata").touch()
    return folder


def test_it_goes_on_from_the_latest_checkpoint(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    run_job(job, workspace, HERE, 10**9)
    folder = checkpoint_in(workspace)
    assert run_job(job, workspace, HERE, 10**9).resumed
    assert flink.settings["execution.state-recovery.path"] == folder.as_uri()


def test_how_often_the_state_is_saved_may_change(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    run_job(job, workspace, HERE, 10**9)
    checkpoint_in(workspace)
    assert run_job(job, workspace, HERE, 2 * 10**9).resumed


def test_with_other_rules_it_does_not_go_on(flink: Flink, job: Job, workspace: Workspace) -> None:
    run_job(job, workspace, HERE, 10**9)
    checkpoint_in(workspace)
    other = compile_job(load_rules([shipped_rules()]).rules, Paths("/in", "/out", "/no"), 10**9)
    with pytest.raises(FluentPipelineError, match="unfinished run"):
        run_job(other, workspace, HERE, 10**9)


def test_with_other_tasks_it_does_not_go_on(flink: Flink, job: Job, workspace: Workspace) -> None:
    run_job(job, workspace, HERE, 10**9)
    checkpoint_in(workspace)
    with pytest.raises(FluentPipelineError, match="unfinished run"):
        run_job(job, workspace, Cluster(parallelism=2), 10**9)


def test_with_other_records_it_does_not_go_on(
    flink: Flink, job: Job, workspace: Workspace, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.write_text("{}\n")
    link_inputs(events, workspace.inputs)
    run_job(job, workspace, HERE, 10**9)
    checkpoint_in(workspace)
    link_inputs(events, workspace.inputs)
    assert run_job(job, workspace, HERE, 10**9).resumed
    events.write_text("{}\n{}\n")
    with pytest.raises(FluentPipelineError, match="unfinished run"):
        run_job(job, workspace, HERE, 10**9)


def test_without_a_checkpoint_it_begins_anew(flink: Flink, job: Job, workspace: Workspace) -> None:
    run_job(job, workspace, HERE, 10**9)
    assert "execution.state-recovery.path" not in flink.settings


def test_by_default_it_runs_here(flink: Flink, job: Job, workspace: Workspace) -> None:
    run_job(job, workspace, HERE, 10**9)
    assert "execution.target" not in flink.settings
    assert flink.settings["parallelism.default"] == "1"


def test_here_it_listens_on_no_address_of_the_network_and_takes_no_other_job(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    run_job(job, workspace, HERE, 10**9)
    hosts = ("rest.address", "rest.bind-address", "jobmanager.bind-host", "taskmanager.bind-host")
    assert {flink.settings[name] for name in hosts} == {"127.0.0.1"}
    assert flink.settings["web.submit.enable"] == "false"
    assert int(flink.settings["rest.port"]) > 1023


def test_a_cluster_is_asked_at_its_address(flink: Flink, job: Job, workspace: Workspace) -> None:
    run_job(job, workspace, Cluster("jobs.example.org:8081", 3), 10**9)
    assert flink.settings["execution.target"] == "remote"
    assert flink.settings["rest.address"] == "jobs.example.org"
    assert flink.settings["rest.port"] == "8081"
    assert "rest.bind-address" not in flink.settings
    assert flink.settings["parallelism.default"] == "3"


@pytest.mark.parametrize("address", [None, "jobs.example.org:8081"])
def test_it_is_watched_from_its_beginning_to_its_end(
    address: str | None, flink: Flink, job: Job, workspace: Workspace
) -> None:
    @contextmanager
    def watch(address: str, job: str, resumed: bool) -> Iterator[None]:
        flink.asked.append(("watched", address, job, str(resumed)))
        yield
        flink.asked.append(("no longer",))

    run_job(job, workspace, Cluster(address), 10**9, watch)
    where = address or f"127.0.0.1:{flink.settings['rest.port']}"
    begins = [("execute",), ("watched", where, "a1b2", "False"), ("wait",)]
    assert flink.asked[-7:-4] == begins
    assert flink.asked[-2:] == [("result",), ("no longer",)]


def test_a_job_that_is_interrupted_is_cancelled(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    flink.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run_job(job, workspace, HERE, 10**9)
    assert flink.asked[-2:] == [("cancel",), ("result",)]


def test_the_log_of_flink_is_written_into_the_workspace(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    run_job(job, workspace, HERE, 10**9)
    assert os.environ["FLINK_LOG_DIR"] == str(workspace.logs)
    assert workspace.logs.is_dir()


def test_a_place_for_the_log_that_is_named_stays(
    flink: Flink, job: Job, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLINK_LOG_DIR", "/var/log/flink")
    run_job(job, workspace, HERE, 10**9)
    assert os.environ["FLINK_LOG_DIR"] == "/var/log/flink"


def test_a_job_that_fails_is_told_by_its_innermost_cause(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    flink.error = RuntimeError(JAVA_TRACE)
    told = r"^the Flink job failed: java.io.FileNotFoundException: /in/events is not there$"
    with pytest.raises(FluentPipelineError, match=told):
        run_job(job, workspace, HERE, 10**9)


def test_a_failure_of_java_without_a_cause_is_told_by_itself(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    trace = (
        "An error occurred while calling o9.execute.\n: java.lang.OutOfMemoryError: heap\n\tat x"
    )
    flink.error = RuntimeError(trace)
    with pytest.raises(
        FluentPipelineError, match=r"^the Flink job failed: java.lang.OutOf.*: heap$"
    ):
        run_job(job, workspace, HERE, 10**9)


def test_a_failure_without_a_cause_is_told_by_its_first_line(
    flink: Flink, job: Job, workspace: Workspace
) -> None:
    flink.error = RuntimeError("no such table\nat somewhere")
    with pytest.raises(FluentPipelineError, match="^the Flink job failed: no such table$"):
        run_job(job, workspace, HERE, 10**9)


def test_without_java_it_says_so(
    job: Job, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(FluentPipelineError, match="^Flink needs Java 17"):
        run_job(job, workspace, HERE, 10**9)


def test_java_at_its_home_is_enough(
    flink: Flink, job: Job, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert run_job(job, workspace, HERE, 10**9).seconds == 1.5


def test_without_the_extra_it_says_how_to_install_it(
    flink: Flink, job: Job, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyflink.table", None)
    told = r"^Flink is not installed: pip install 'fluent-eql\[flink\]'$"
    with pytest.raises(FluentPipelineError, match=told):
        run_job(job, workspace, HERE, 10**9)
