from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from fluent_pipeline.bench.usage import cpu_seconds, family, peak_rss


def test_cpu_time_is_that_of_the_process() -> None:
    assert cpu_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.5)


def test_a_family_has_the_children_and_their_memory_in_it() -> None:
    command = [sys.executable, "-c", "data = bytes(10_000_000); print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in family(os.getpid())
        assert family(child.pid) == [child.pid]
        assert 5_000_000 < peak_rss(child.pid) < 100_000_000
        child.communicate(b"\n")
