"""``fluent-eql export``: rules for another engine."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from fluent_eql.flinksql import Job, Kafka, Paths, Storage, compile_job
from fluent_eql.rules import load_rules
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.cli.common import counted, duration_option
from fluent_pipeline.errors import FluentPipelineError

REORDER_BOUND = 10 * 10**9
CHECKPOINTS = {"execution.checkpointing.interval": "10 s"}
"""By default a cluster saves no state, and what fails begins anew."""


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "export",
        help="write rules as Flink SQL",
        description="Write rules as a script for Flink's SQL client. A rule that cannot be said "
        "there without a difference is left out and told.",
    )
    command.add_argument(
        "rules", metavar="PATH", nargs="*", type=Path, help="rule files, or folders of them"
    )
    command.add_argument("--to", choices=["flink-sql"], required=True, help="what to write")
    command.add_argument("--kafka", metavar="SERVERS", help="read and write topics of Kafka")
    command.add_argument("--input", metavar="NAME", default="events", help="a path, or a topic")
    command.add_argument("--output", metavar="NAME", default="alerts", help="a folder, or a topic")
    command.add_argument(
        "--unread", metavar="NAME", default="unread", help="for records that cannot be read"
    )
    command.add_argument(
        "--reorder-bound",
        metavar="DURATION",
        type=duration_option,
        default=REORDER_BOUND,
        help="how much earlier than the latest event one may be (default: 10s)",
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the script. Raises RuleErrors."""
    names = options.input, options.output, options.unread
    storage: Storage = Kafka(options.kafka, *names) if options.kafka else Paths(*names)
    job = compiled(options.rules, storage, options.reorder_bound)
    print(replace(job, settings=job.settings | CHECKPOINTS).text(), end="")
    return 0


def compiled(paths: list[Path], storage: Storage, reorder_bound: int | None) -> Job:
    """The job of the rules; those that are not in it are told on the standard error.

    Raises RuleErrors, and FluentPipelineError where there is no rule left.
    """
    rules = load_rules(paths or [shipped_rules()]).rules
    job = compile_job(rules, storage, reorder_bound)
    for error in job.refused:
        print(error, file=sys.stderr)
    exported = len(rules) - len(job.refused)
    if not exported:
        raise FluentPipelineError("no rule can be exported to Flink SQL")
    told = f"{counted(exported, 'rule')} exported, {len(job.refused)} refused"
    print(told, file=sys.stderr)
    return job
