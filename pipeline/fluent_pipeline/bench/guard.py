"""The guard against regressions: the main workload's cost beside a committed baseline.

What is compared is CPU time with the shipped rule as a multiple of that without a filter, of
turns that follow one another, so that what slows the machine slows both. Counting instructions
would be steadier, but a relay spends a third of its time in the kernel, which valgrind does not
count, and most virtual machines have no counters that do.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from fluent_pipeline.bench.measure import results_of
from fluent_pipeline.bench.targets import NO_FILTER, RULES
from fluent_pipeline.bench.workloads import MAIN, Workload

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 1.15
ROUNDS = 11


def ratio(rounds: int, workload: Workload = MAIN) -> float:
    """The cost with the shipped rule over that without a filter: the median of the rounds'."""
    without, rules = results_of(workload, [NO_FILTER, RULES], rounds, latency=False)
    return median(rule / none for none, rule in zip(without.cpu, rules.cpu, strict=True))


def check(found: float, baseline: Path) -> str | None:
    """What is wrong with a ratio; None where it is within the tolerance of the baseline's."""
    expected = json.loads(baseline.read_text())["ratio"]
    if found <= expected * TOLERANCE:
        return None
    return (
        f"the shipped rule costs {found:.2f} times a relay without a filter; "
        f"the baseline is {expected:.2f}, {found / expected - 1:+.0%}"
    )


def save(found: float, baseline: Path) -> None:
    """Make a ratio the baseline."""
    baseline.write_text(json.dumps({"ratio": round(found, 3)}) + "\n")
