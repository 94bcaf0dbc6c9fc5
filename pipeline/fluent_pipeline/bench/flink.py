"""``python -m fluent_pipeline.bench.flink``: records a second on Apache Flink and inline.

Both read the same recordings, two files, and must find the same alerts. Neither the start of
Python nor that of Java is counted, and a JVM has run a small job of the kind before; counted is
all between the job's first task and its last. Needs the extra ``flink`` and Java.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fluent_eql.flinksql import Paths, compile_job
from fluent_eql.rules import load_rules
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.bench.defend import SECOND, stream
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink import Cluster, Workspace, link_inputs, read_lines, run_job

START = 1_790_000_000 * SECOND
FILES = 2
WARM_UP = 0.1
"""The share of the records that a JVM reads before what is measured."""
INTERVAL = 10 * SECOND
PARALLELISMS = (1, 2)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the rules ran, in records a second, and the ids of the alerts."""

    name: str
    rate: float
    alerts: frozenset[str]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m fluent_pipeline.bench.flink")
    parser.add_argument("--records", type=int, default=1_000_000, help="how many (default: 10^6)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fluent-eql-") as place:
        folder = Path(place)
        write_stream(folder / "few", int(options.records * WARM_UP))
        write_stream(folder / "all", options.records)
        paces = [inline(folder / "all", options.records)]
        for parallelism in PARALLELISMS:
            on_flink(folder, folder / "few", options.records, parallelism)
            paces.append(on_flink(folder, folder / "all", options.records, parallelism))
    print(table(paces))
    return 0


def write_stream(folder: Path, records: int) -> None:
    """A stream of the benchmark, cut into files of the same length."""
    folder.mkdir()
    events = stream(1, start=START)
    for number in range(FILES):
        with (folder / f"{number}.ndjson").open("w", encoding="utf-8") as file:
            for event in islice(events, records // FILES):
                file.write(json.dumps(event, separators=(",", ":")) + "\n")


def inline(recordings: Path, records: int) -> Pace:
    """The shipped rule with ``fluent-eql replay``, which says how long it took."""
    program = Path(sys.executable).with_name("fluent-eql")
    command = [str(program), "replay", "--json", str(recordings)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r" in ([0-9.]+) s$", done.stderr.strip())
    if found is None:
        raise FluentPipelineError(f"replay said: {done.stderr}")
    return _pace("inline", records, float(found[1]), map(json.loads, done.stdout.splitlines()))


def on_flink(folder: Path, recordings: Path, records: int, parallelism: int) -> Pace:
    """The same on a Flink of this process, with that many tasks."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        workspace = Workspace(Path(root))
        link_inputs(recordings, workspace.inputs)
        places = (str(place) for place in (workspace.inputs, workspace.alerts, workspace.unread))
        job = compile_job(load_rules([shipped_rules()]).rules, Paths(*places), None)
        ran = run_job(job, workspace, Cluster(parallelism=parallelism), INTERVAL)
        name = f"Flink, parallelism {parallelism}"
        return _pace(name, records, ran.seconds, read_lines(workspace.alerts))


def table(paces: Sequence[Pace]) -> str:
    """The paces as Markdown, beside the first. Raises FluentPipelineError if alerts differ."""
    first = paces[0]
    lines = ["| where | records/s | to inline |", "|---|---:|---:|"]
    for pace in paces:
        if pace.alerts != first.alerts:
            count = len(pace.alerts ^ first.alerts)
            raise FluentPipelineError(f"{pace.name}: {count} alerts are not those of {first.name}")
        lines.append(f"| {pace.name} | {pace.rate:,.0f} | {pace.rate / first.rate:.2f} |")
    return "\n".join(lines)


def _pace(name: str, records: int, seconds: float, alerts: Iterable[dict[str, object]]) -> Pace:
    return Pace(name, records / seconds, frozenset(str(alert["id"]) for alert in alerts))


if __name__ == "__main__":
    sys.exit(main())
