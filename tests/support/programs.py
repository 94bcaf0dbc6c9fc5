"""The command line as a user has it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

FLUENT_EQL = Path(sys.executable).with_name("fluent-eql")
WAIT = 60


def run_program(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run ``fluent-eql`` to its end."""
    command = [FLUENT_EQL, *arguments]
    return subprocess.run(command, capture_output=True, timeout=WAIT, check=False, **more)


@contextmanager
def running_program(*arguments: str | Path, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """``fluent-eql`` with pipes to all its streams; ended at the end."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([FLUENT_EQL, *arguments], **pipes, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[bytes]) -> int:
    """The port on which a relay listens, as its log tells."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(rb"listening on 127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError("the relay ended before it listened")


def is_running(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code for a parent to collect."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill_and_wait(process: subprocess.Popen[bytes]) -> None:
    """Kill a program, and wait until what it has started has ended, too: that ends by itself."""
    started = []
    if process.poll() is None:
        started = [child.pid for child in psutil.Process(process.pid).children()]
    process.kill()
    process.wait()
    end = time.monotonic() + WAIT
    while any(is_running(pid) for pid in started):
        assert time.monotonic() < end, f"processes outlive the one that started them: {started}"
        time.sleep(0.01)


class Killed:
    """A program that is killed and started again."""

    def __init__(self, log: Path, *command: str | Path) -> None:
        self._command = [str(part) for part in command]
        self._log = log
        self._start()

    def kill_and_start(self) -> None:
        self.kill()
        self._start()

    def kill(self) -> None:
        kill_and_wait(self._process)

    def _start(self) -> None:
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stderr=log)


@contextmanager
def killed(log: Path, *command: str | Path) -> Iterator[Killed]:
    """A running program; killed at the end, too."""
    program = Killed(log, *command)
    try:
        yield program
    finally:
        program.kill()
