from __future__ import annotations

import subprocess
import sys

MEASURED = """
from fluent_pipeline.bench.measure import results_of
from fluent_pipeline.bench.targets import COPY, DECODE, SKIP
from fluent_pipeline.bench.workloads import Form, Workload

workload = Workload(
    name="small", form=Form.{form}, records=400, batch=20, beside_all=True, latency={latency}
)
for result in results_of(workload, [COPY, SKIP, DECODE], 2):
    rounds = len(result.cpu), len(result.rate), len(result.p99)
    print(result.contestant, *rounds, min(result.cpu) > 0, result.rss > 0)
"""


def measured(form: str, latency: int) -> list[str]:
    """In a process of its own: the sink is made by forking."""
    text = MEASURED.format(form=form, latency=latency)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_every_relay_has_a_value_for_each_round() -> None:
    assert measured("FORWARD", 20) == [
        "copy 2 2 2 True True",
        "skip 2 2 2 True True",
        "decode 2 2 0 True True",
    ]


def test_inflating_alone_is_measured_where_frames_are_compressed() -> None:
    lines = measured("GZIP", 0)
    assert lines[0] == "copy 2 2 0 True True"
    assert lines[-1] == "inflate 2 0 0 True False"
