"""The command line as a user has it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLUENT_EQL = Path(sys.executable).with_name("fluent-eql")
WAIT = 30


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
