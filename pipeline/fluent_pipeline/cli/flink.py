"""``fluent-eql flink run``: the rules on recorded events, on Apache Flink."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fluent_eql.flinksql import Paths
from fluent_pipeline.cli.common import add_rules_option, counted, duration_option
from fluent_pipeline.cli.export import compiled
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink import (
    Cluster,
    Workspace,
    link_inputs,
    read_lines,
    run_job,
    watch_job,
    write_alerts,
)

CHECKPOINT_INTERVAL = 10 * 10**9


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "flink",
        help="run the rules on Apache Flink",
        description="Run the rules on recorded events, on Apache Flink.",
    )
    command.add_argument("action", metavar="run", choices=["run"], help="run a job to its end")
    add_rules_option(command)
    command.add_argument(
        "--input",
        metavar="PATH",
        type=Path,
        required=True,
        help="NDJSON: a file, a folder or a pattern",
    )
    command.add_argument(
        "--output", metavar="FILE", type=Path, required=True, help="the alerts, one a line"
    )
    command.add_argument(
        "--parallelism", metavar="N", type=_positive, default=1, help="tasks at once (default: 1)"
    )
    command.add_argument(
        "--reorder-window",
        metavar="DURATION",
        type=duration_option,
        help="decide as events come, each this long in event time after it; bounds memory, and "
        "drops what comes later; for one file",
    )
    command.add_argument(
        "--workspace",
        metavar="DIR",
        type=Path,
        help="keep checkpoints there, and go on from the latest one of a run that was killed",
    )
    command.add_argument(
        "--checkpoint-interval",
        metavar="DURATION",
        type=duration_option,
        default=CHECKPOINT_INTERVAL,
        help="how often the state is saved (default: 10s)",
    )
    command.add_argument(
        "--cluster", metavar="HOST:PORT", help="a Flink cluster that sees the same paths"
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the job and write its alerts. Raises RuleErrors and FluentPipelineError."""
    # PyFlink would log an interrupt as an error, with its traceback.
    logging.getLogger().addHandler(logging.NullHandler())
    if options.cluster and not options.workspace:
        raise FluentPipelineError("--cluster needs a --workspace, which the cluster sees, too")
    with ExitStack() as stack:
        root = options.workspace or stack.enter_context(TemporaryDirectory(prefix="fluent-eql-"))
        workspace = Workspace(Path(root).absolute())
        files = link_inputs(options.input, workspace.inputs)
        _warn(len(files), options)
        places = (str(place) for place in (workspace.inputs, workspace.alerts, workspace.unread))
        job = compiled(options.rules, Paths(*places), options.reorder_window)
        cluster = Cluster(options.cluster, options.parallelism)
        watch = partial(watch_job, files)
        ran = run_job(job, workspace, cluster, options.checkpoint_interval, watch)
        alerts = write_alerts(workspace.alerts, options.output)
        _tell_unread(workspace.unread)
    resumed = ", resumed" if ran.resumed else ""
    print(f"{counted(alerts, 'alert')} in {ran.seconds:.2f} s{resumed}", file=sys.stderr)
    return 0


def _warn(files: int, options: argparse.Namespace) -> None:
    """Say what will not work as well as it may seem. Raises FluentPipelineError."""
    if files > 1 and options.reorder_window is not None:
        raise FluentPipelineError(
            f"--reorder-window goes with one file, found {files}: Flink reads several in any order"
        )
    if files < options.parallelism:
        told = f"{counted(files, 'file')} for {options.parallelism} tasks"
        print(f"fluent-eql: {told}: each file is read by one task", file=sys.stderr)


def _tell_unread(folder: Path) -> None:
    """Count each record once, however many rules could not read it."""
    unread = {(str(line["reason"]), hash(line["record"])) for line in read_lines(folder)}
    for reason, number in Counter(reason for reason, _ in unread).most_common():
        print(f"{counted(number, 'record')} not read: {reason}", file=sys.stderr)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
