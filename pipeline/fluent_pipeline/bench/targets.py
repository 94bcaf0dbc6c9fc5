"""The relays under measurement, each a process between the client and the sink."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fluent_pipeline.bench.rulesets import rules_for
from fluent_pipeline.bench.workloads import Form, Workload

STARTUP_TIMEOUT = 120
STOP_TIMEOUT = 20
SHOWN_OF_LOG = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a relay is to run: its folder, its port and the sink's port."""

    folder: Path
    port: int
    target: int


@dataclass(frozen=True, slots=True)
class Contestant:
    """A relay to measure.

    ``takes``: whether it is run with a workload. ``acks_end_to_end``: a client's ack means that
    the sink has it all; an agent acknowledges what is in its own buffer. ``in_latency``: whether
    its latency is compared.
    """

    name: str
    title: str
    command: Callable[[Place, Workload], list[str]]
    takes: Callable[[Workload], bool] = lambda workload: True
    acks_end_to_end: bool = True
    in_latency: bool = True


@contextlib.contextmanager
def running(
    contestant: Contestant, workload: Workload, folder: Path, target: int
) -> Iterator[tuple[int, int]]:
    """Run a relay; gives its process id and its port.

    Raises RuntimeError where it does not start.
    """
    folder.mkdir()
    place = Place(folder, _free_port(), target)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            contestant.command(place, workload), stdout=log, stderr=log, cwd=folder
        )
        try:
            _wait_for(place.port, process, folder / "log")
            yield process.pid, place.port
        finally:
            _stop(process)


def contestants() -> list[Contestant]:
    """The floor first, then the others; agents where they are on the PATH."""
    found = [COPY, SKIP, NO_FILTER, RULES, DECODE]
    if program := shutil.which("fluent-bit"):
        found.append(_fluent_bit(program))
    if program := shutil.which("fluentd"):
        found.append(_fluentd(program))
    return found


def _plain(*arguments: str) -> Callable[[Place, Workload], list[str]]:
    def command(place: Place, workload: Workload) -> list[str]:
        ports = [str(place.port), str(place.target)]
        return [sys.executable, "-m", *arguments, *ports]

    return command


def _relay(place: Place, workload: Workload, filters: list[dict[str, Any]]) -> list[str]:
    output = {"name": "forward", "port": place.target, "require_ack_response": True}
    config = {
        "pipeline": {
            "inputs": [{"name": "forward", "listen": "127.0.0.1", "port": place.port}],
            "filters": filters,
            "outputs": [output],
        }
    }
    path = place.folder / "relay.yaml"
    path.write_text(yaml.safe_dump(config))
    run = "import sys; from fluent_pipeline.cli import main; sys.exit(main())"
    return [sys.executable, "-c", run, "run", "--config", str(path)]


def _with_rules(place: Place, workload: Workload) -> list[str]:
    rules = place.folder / "rules"
    rules.mkdir()
    eql = {"name": "eql", "match": "*", "rules": str(rules_for(workload, rules))}
    return _relay(place, workload, [eql])


COPY = Contestant("copy", "bytes copied (the floor)", _plain("fluent_pipeline.bench.copier"))
SKIP = Contestant(
    "skip",
    "frames skipped, no filter",
    _plain("fluent_pipeline.bench.plain", "skip"),
    takes=lambda workload: workload.beside_all,
)
DECODE = Contestant(
    "decode",
    "every record decoded",
    _plain("fluent_pipeline.bench.plain", "decode"),
    takes=lambda workload: workload.beside_all,
    in_latency=False,
)
NO_FILTER = Contestant(
    "no-filter", "fluent-eql, no filter", lambda place, workload: _relay(place, workload, [])
)
RULES = Contestant("rules", "fluent-eql, rules", _with_rules)


def _fluent_bit(program: str) -> Contestant:
    def command(place: Place, workload: Workload) -> list[str]:
        output = {
            "name": "forward",
            "match": "*",
            "host": "127.0.0.1",
            "port": place.target,
            "require_ack_response": "on",
            "retry_limit": "no_limits",
        }
        config = {
            "service": {"flush": 0.2, "grace": 1, "log_level": "warn"},
            "pipeline": {
                "inputs": [{"name": "forward", "listen": "127.0.0.1", "port": place.port}],
                "outputs": [output],
            },
        }
        path = place.folder / "fluent-bit.yaml"
        path.write_text(yaml.safe_dump(config))
        return [program, "-c", str(path)]

    return Contestant(
        "fluent-bit",
        "Fluent Bit, no filter",
        command,
        takes=lambda workload: workload.beside_all,
        acks_end_to_end=False,
        in_latency=False,
    )


FLUENTD = """
<source>
  @type forward
  bind 127.0.0.1
  port {port}
</source>
<match **>
  @type forward
  require_ack_response true
  keepalive true
  heartbeat_type none
  <server>
    host 127.0.0.1
    port {target}
  </server>
  <buffer tag>
    @type memory
    flush_mode interval
    flush_interval 0.1s
    flush_thread_interval 0.01
    flush_thread_burst_interval 0.01
    chunk_limit_size 1m
    total_limit_size 2g
    overflow_action block
  </buffer>
</match>
"""


def _fluentd(program: str) -> Contestant:
    def command(place: Place, workload: Workload) -> list[str]:
        path = place.folder / "fluentd.conf"
        path.write_text(FLUENTD.format(port=place.port, target=place.target))
        return [program, "--no-supervisor", "--quiet", "--config", str(path)]

    def takes(workload: Workload) -> bool:
        """Fluentd up to 1.19.3 drops entries with metadata, which Fluent Bit sends."""
        return workload.beside_all and workload.form in (Form.PACKED, Form.MESSAGE)

    return Contestant(
        "fluentd",
        "Fluentd, no filter",
        command,
        takes=takes,
        acks_end_to_end=False,
        in_latency=False,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-SHOWN_OF_LOG:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
