from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "fluent_pipeline.bench"]
WITHOUT_AGENTS = os.environ | {"PATH": ""}


def test_a_benchmark_prints_each_relay_and_the_claims_and_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    options = ["--quick", "--only", "candidates-0", "--only", "rules-10", "--json", str(path)]
    done = subprocess.run(
        [*COMMAND, *options, "--svg", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=WITHOUT_AGENTS,
    )
    names = [line.partition("  ")[0] for line in done.stdout.splitlines()]
    assert names[:5] == [
        "candidates-0: Forward, 20,000 records a round, 0% candidates, 1 rule, 1 connection, "
        "10,000 entities",
        "RELAY",
        "bytes copied (the floor)",
        "fluent-eql, no filter",
        "fluent-eql, rules",
    ]
    found = json.loads(path.read_text())
    assert [workload["name"] for workload in found["workloads"]] == ["candidates-0", "rules-10"]


def test_an_unknown_workload_is_refused() -> None:
    done = subprocess.run([*COMMAND, "--only", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected one of main, " in done.stderr
