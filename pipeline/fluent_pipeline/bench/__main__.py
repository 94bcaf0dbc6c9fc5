"""``python -m fluent_pipeline.bench``: CPU time per record, each relay beside the floor.

Every contestant is a process of its own between a client and an acknowledging target on the
loopback interface; all acknowledge end to end. Its CPU time is what the kernel charged it, less
what it costs to start and stop without a record. Rounds are interleaved, and a contestant's
figure is its best round. Read the ratios: the times are this machine's, at this moment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from fluent_eql.shipped import shipped_rules
from fluent_pipeline.bench.load import Target, frames_of, send
from fluent_pipeline.cli.common import table

STARTUP_TIMEOUT = 20


@dataclass(frozen=True, slots=True)
class Contestant:
    """A relay to measure; ``command`` is called with a folder, its port and the target's."""

    name: str
    command: Callable[[Path, int, int], list[str]]


def main() -> int:
    options = _options()
    frames = frames_of(
        options.records, seed=1, candidates=options.candidates, a_frame=options.frame
    )
    size = sum(map(len, frames)) / options.records
    print(
        f"{options.records} records of {size:.0f} bytes, {options.frame} a frame, "
        f"{options.candidates:.0%} of them match a stage of the shipped rule\n"
    )
    contestants = _contestants(options.fluent_bit)
    best = {contestant.name: float("inf") for contestant in contestants}
    for _ in range(options.rounds):
        for contestant in contestants:
            spent = _measure(contestant, frames, options.records) - _measure(contestant, [], 0)
            best[contestant.name] = min(best[contestant.name], spent / options.records)
    floor = best[contestants[0].name]
    rows = [[name, f"{cost * 1e6:.2f}", f"{cost / floor:.1f}"] for name, cost in best.items()]
    print(table(("RELAY", "CPU µs A RECORD", "TIMES THE FLOOR"), rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fluent_pipeline.bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--frame", type=int, default=1_000, help="records a frame")
    parser.add_argument("--candidates", type=float, default=0.02, help="share of stage matches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--fluent-bit",
        metavar="PROGRAM",
        default=shutil.which("fluent-bit"),
        help="a Fluent Bit to measure beside it (default: the one in PATH, if there is one)",
    )
    return parser.parse_args()


def _contestants(fluent_bit: str | None) -> list[Contestant]:
    contestants = [
        Contestant("bytes copied (the floor)", _copier),
        Contestant("fluent-eql, no filter", lambda *at: _relay(*at, filters=[])),
        Contestant("fluent-eql, the shipped rule", lambda *at: _relay(*at, filters=[_EQL])),
    ]
    if fluent_bit:
        contestants.append(
            Contestant("Fluent Bit, no filter", lambda *at: _fluent_bit(fluent_bit, *at))
        )
    return contestants


_EQL = {"name": "eql", "match": "*", "rules": str(shipped_rules())}


def _copier(folder: Path, port: int, target: int) -> list[str]:
    return [sys.executable, "-m", "fluent_pipeline.bench.copier", str(port), str(target)]


def _relay(folder: Path, port: int, target: int, *, filters: list[dict[str, str]]) -> list[str]:
    output = {"name": "forward", "port": target, "require_ack_response": True}
    config = {
        "pipeline": {
            "inputs": [{"name": "forward", "listen": "127.0.0.1", "port": port}],
            "filters": filters,
            "outputs": [output],
        }
    }
    path = folder / "relay.yaml"
    path.write_text(yaml.safe_dump(config))
    return [str(Path(sys.executable).with_name("fluent-eql")), "run", "--config", str(path)]


def _fluent_bit(program: str, folder: Path, port: int, target: int) -> list[str]:
    output = {
        "name": "forward",
        "match": "*",
        "host": "127.0.0.1",
        "port": target,
        "require_ack_response": "on",
    }
    config = {
        "service": {"flush": 0.2, "grace": 2, "log_level": "warn"},
        "pipeline": {
            "inputs": [{"name": "forward", "listen": "127.0.0.1", "port": port}],
            "outputs": [output],
        },
    }
    path = folder / "fluent-bit.yaml"
    path.write_text(yaml.safe_dump(config))
    return [program, "-c", str(path)]


def _measure(contestant: Contestant, frames: list[bytes], records: int) -> float:
    """The CPU seconds that a contestant spends from its start to its end."""
    target = Target()
    target.start()
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = contestant.command(Path(folder), port, target.port)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            send(port, frames)
            _wait_until(lambda: target.records >= records)
        finally:
            process.send_signal(signal.SIGTERM)
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            target.close()
    return usage.ru_utime + usage.ru_stime


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    def listens() -> bool:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with exit code {process.returncode}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _wait_until(listens)


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit("gave up waiting")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
