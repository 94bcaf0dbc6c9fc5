from __future__ import annotations

import subprocess
import sys


def test_a_small_benchmark_prints_each_relay_and_its_ratio_to_the_floor() -> None:
    command = [sys.executable, "-m", "fluent_pipeline.bench", "--fluent-bit", ""]
    options = ["--records", "2000", "--rounds", "1"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("2000 records of ")
    names = ["bytes copied (the floor)", "fluent-eql, no filter", "fluent-eql, the shipped rule"]
    assert [line.partition("  ")[0] for line in lines[-3:]] == names
