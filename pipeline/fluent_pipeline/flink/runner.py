"""A job on Flink, through PyFlink: Python plans it, and no record passes through Python."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluent_eql.flinksql import Job
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink.workspace import Workspace

INSTALL = "pip install 'fluent-eql[flink]'"
CHECKPOINTS = "execution.checkpointing"
POLL_INTERVAL = 0.1
CAUSES = (": ", "Caused by: ")
"""What the lines begin with by which PyFlink tells of Java's exceptions."""
HERE = "127.0.0.1"
LOCAL_SETTINGS = {
    "rest.address": HERE,
    "rest.bind-address": HERE,
    "jobmanager.bind-host": HERE,
    "taskmanager.bind-host": HERE,
    "web.submit.enable": "false",
    "metrics.fetcher.update-interval": "1000",
}
"""Of a Flink that runs on this machine alone: by default it would listen on all addresses."""

Watch = Callable[[str, str, bool], AbstractContextManager[None]]
"""Called when a job runs, with the address of Flink's REST API, the job's id and whether it goes
on from a checkpoint; entered until the job has ended.
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a job runs: ``address`` is a cluster's ``host:port``, None for this machine."""

    address: str | None = None
    parallelism: int = 1


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that has ended: for how long it ran, in seconds, without planning or the JVM's start.

    ``resumed`` is whether it went on from a checkpoint of an earlier run.
    """

    seconds: float
    resumed: bool


def run_job(
    job: Job,
    workspace: Workspace,
    cluster: Cluster,
    interval: int,
    watch: Watch = lambda address, job, resumed: nullcontext(),
) -> Ran:
    """Run a job to its end, with a checkpoint each ``interval`` nanoseconds.

    From the workspace's latest checkpoint, if it has one. Raises FluentPipelineError where Flink
    is not there, where the workspace is that of another job, or where the job fails.
    """
    table = _pyflink(workspace)
    checkpoint = workspace.claim(_identity(job, workspace, cluster))
    address = cluster.address or f"{HERE}:{_free_port()}"
    settings = job.settings | _settings(workspace, cluster, address, interval)
    if checkpoint is not None:
        settings["execution.state-recovery.path"] = checkpoint.as_uri()
    try:
        client = _started(job, settings, table)
        with watch(address, str(client.get_job_id()), checkpoint is not None):
            return Ran(_seconds_of(client), checkpoint is not None)
    except Exception as error:
        raise FluentPipelineError(f"the Flink job failed: {_cause(error)}") from error


def _started(job: Job, settings: dict[str, str], table: Any) -> Any:
    """Plan the job and have it begin; the client of PyFlink that knows of it."""
    environment = table.TableEnvironment.create(table.EnvironmentSettings.in_streaming_mode())
    for key, value in settings.items():
        environment.get_config().set(key, value)
    for statement in job.tables:
        environment.execute_sql(statement)
    for view in job.views:
        # Made of a table, not of a statement, so that what two views read is computed once.
        environment.create_temporary_view(view.name, environment.sql_query(view.query))
    inserts = environment.create_statement_set()
    for insert in job.inserts:
        inserts.add_insert_sql(insert)
    return inserts.execute().get_job_client()


def _seconds_of(client: Any) -> float:
    """Wait for the end of a job. One that is interrupted is cancelled; its checkpoints stay."""
    result = client.get_job_execution_result()
    try:
        while not result.done():
            time.sleep(POLL_INTERVAL)
    except KeyboardInterrupt:
        client.cancel().result()
        raise
    return float(result.result().get_net_runtime()) / 1000


def _settings(
    workspace: Workspace, cluster: Cluster, address: str, interval: int
) -> dict[str, str]:
    host, _, port = address.rpartition(":")
    settings = {
        "pipeline.name": "fluent-eql",
        "parallelism.default": str(cluster.parallelism),
        "rest.port": port,
        f"{CHECKPOINTS}.interval": f"{interval // 10**6} ms",
        f"{CHECKPOINTS}.dir": workspace.checkpoints.absolute().as_uri(),
        f"{CHECKPOINTS}.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }
    if cluster.address is None:
        return settings | LOCAL_SETTINGS
    return settings | {"execution.target": "remote", "rest.address": host}


def _identity(job: Job, workspace: Workspace, cluster: Cluster) -> str:
    """What must be the same for a job to go on from a checkpoint: rules, options, files, tasks."""
    lines = [f"parallelism {cluster.parallelism}"]
    for link in sorted(workspace.inputs.glob("*")):
        found = link.stat()
        lines.append(f"{link.name} {link.resolve()} {found.st_size} {found.st_mtime_ns}")
    return "\n".join([*lines, job.text()])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HERE, 0))
        port: int = found.getsockname()[1]
        return port


def _pyflink(workspace: Workspace) -> Any:
    java = Path(os.environ.get("JAVA_HOME", "/nowhere"), "bin", "java")
    if not java.exists() and shutil.which("java") is None:
        raise FluentPipelineError("Flink needs Java 17 on the PATH or at JAVA_HOME, found none")
    try:
        table = importlib.import_module("pyflink.table")
    except ImportError as error:
        raise FluentPipelineError(f"Flink is not installed: {INSTALL}") from error
    if "FLINK_LOG_DIR" not in os.environ:
        workspace.logs.mkdir(parents=True, exist_ok=True)
        os.environ["FLINK_LOG_DIR"] = str(workspace.logs)
    return table


def _cause(error: BaseException) -> str:
    """The innermost message that Java gives, in one line."""
    first, *lines = str(error).splitlines() or [""]
    causes = [line for line in lines if line.startswith(CAUSES)]
    return causes[-1].partition(": ")[2] if causes else first
