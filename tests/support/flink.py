"""Apache Flink as a test needs it: whether it is there, and a cluster of its own processes."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = "127.0.0.1"
WAIT = 300
SMALL_JAVA = "-Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""For JVMs that run for seconds, several beside one another: code is compiled once, and quickly."""
MEMORY = {
    "jobmanager.memory.process.size": "1000m",
    "taskmanager.memory.process.size": "1200m",
    "taskmanager.memory.managed.size": "32m",
}

SETTING = re.compile("SET '(.*)' = '(.*)'")

NO_JAVA = shutil.which("java") is None and "JAVA_HOME" not in os.environ
needs_flink = [
    pytest.mark.skipif(
        importlib.util.find_spec("pyflink") is None,
        reason="needs PyFlink: pip install 'fluent-eql[flink]'",
    ),
    pytest.mark.skipif(NO_JAVA, reason="Flink needs Java on the PATH or at JAVA_HOME"),
    pytest.mark.filterwarnings("ignore"),
]
"""The marks of a test that runs jobs: without Flink it is skipped, and its warnings are its own."""


@dataclass(frozen=True, slots=True)
class StandaloneCluster:
    """A cluster of processes: the ``address`` of its REST API, and the folder of its settings."""

    address: str
    conf: Path

    def asked(self, path: str) -> Any:
        """What the REST API answers."""
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=WAIT) as answer:
            return json.load(answer)

    def jobs(self) -> dict[str, str]:
        """The states of all jobs that it has run, by their ids."""
        return {job["id"]: job["status"] for job in self.asked("/jobs")["jobs"]}

    def run_script(self, script: str) -> None:
        """Run the statements of a script for Flink's SQL client, which PyFlink does not have."""
        table = importlib.import_module("pyflink.table")
        environment = table.TableEnvironment.create(table.EnvironmentSettings.in_streaming_mode())
        host, _, port = self.address.rpartition(":")
        settings = {"execution.target": "remote", "rest.address": host, "rest.port": port}
        for statement in script.rstrip(";\n").split(";\n\n"):
            if found := SETTING.fullmatch(statement):
                settings[found[1]] = found[2]
                continue
            for key, value in settings.items():
                environment.get_config().set(key, value)
            environment.execute_sql(statement).wait()


@contextmanager
def cluster(folder: Path, slots: int) -> Iterator[StandaloneCluster]:
    """A cluster of two processes on the loopback address."""
    rest, rpc = free_ports(2)
    hosts = ("rest.address", "rest.bind-address", "jobmanager.rpc.address", "taskmanager.host")
    settings = {
        **dict.fromkeys((*hosts, "jobmanager.bind-host", "taskmanager.bind-host"), HERE),
        "rest.port": str(rest),
        "jobmanager.rpc.port": str(rpc),
        "taskmanager.numberOfTaskSlots": str(slots),
        **MEMORY,
    }
    folder.mkdir()
    conf = folder / "conf"
    shutil.copytree(_home() / "conf", conf)
    with (conf / "config.yaml").open("a") as file:
        file.writelines(f"\n{key}: {value}" for key, value in settings.items())
    found = StandaloneCluster(f"{HERE}:{rest}", conf)
    with _running("jobmanager.sh", conf), _running("taskmanager.sh", conf):
        wait_for(lambda: found.asked("/overview")["slots-available"] == slots)
        yield found


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens."""
    sockets = [socket.create_server((HERE, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; while nobody answers, it does not."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        with suppress(OSError):
            if condition():
                return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def _home() -> Path:
    spec = importlib.util.find_spec("pyflink")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@contextmanager
def _running(script: str, conf: Path) -> Iterator[None]:
    """A process of the cluster, as Flink's own script starts it; ended at the end."""
    with (conf.parent / f"{script}.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", _home() / "bin" / script, "start-foreground"],
            env=_environment(conf),
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(WAIT)


def _environment(conf: Path) -> dict[str, str]:
    return os.environ | {"FLINK_CONF_DIR": str(conf), "FLINK_LOG_DIR": str(conf.parent)}
