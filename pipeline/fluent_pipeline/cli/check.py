"""``fluent-eql check``: are configurations and rules right?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fluent_eql.errors import FluentEqlError, SourceError
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule, load_rules
from fluent_pipeline.app import Relay
from fluent_pipeline.cli.common import counted
from fluent_pipeline.config import Config, load_config
from fluent_pipeline.errors import FluentPipelineError

YAML_ENDINGS = (".yaml", ".yml")


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "check",
        help="check configurations and rules",
        description="Check configuration files (*.yaml) and rule files or folders (*.toml). "
        "Errors name file, line and column.",
    )
    command.add_argument(
        "paths",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="a configuration, a rule file or a folder of rule files",
    )
    command.add_argument(
        "--strict", action="store_true", help="fail where any rule of a folder is refused"
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print one line for each path; 1 where any is wrong."""
    code = 0
    for path in options.paths:
        try:
            if path.suffix in YAML_ENDINGS:
                found, refused = _configuration(path)
            else:
                found, refused = _rules(path)
            for error in refused:
                print(error, file=sys.stderr)
            if refused and options.strict:
                code = 1
            else:
                print(f"{path}: ok ({found})")
        except (FluentEqlError, FluentPipelineError) as error:
            print(error, file=sys.stderr)
            code = 1
    return code


def _configuration(path: Path) -> tuple[str, Sequence[SourceError]]:
    config = load_config(path)
    for note in config.notes:
        print(f"{path}: {note}")
    rules = skipped = 0
    refused: list[SourceError] = []
    for item in config.filters:
        made = item.make()
        if isinstance(made, EqlFilter):
            rules += len(made.rules)
            skipped += len(made.skipped)
            refused += made.refused
            _warn(made.rules)
    _make_the_rest(config)
    parts = [*_counts(config), counted(rules, "rule"), *_refused(refused), *_skipped(skipped)]
    return ", ".join(parts), refused


def _make_the_rest(config: Config) -> None:
    """Make all but the filters, as ``run`` does. Raises ConfigError."""
    Relay(replace(config, filters=()))


def _counts(config: Config) -> list[str]:
    parts = ("input", config.inputs), ("filter", config.filters), ("output", config.outputs)
    return [counted(len(items), name) for name, items in parts]


def _rules(path: Path) -> tuple[str, Sequence[SourceError]]:
    found = load_rules([path])
    _warn(found.rules)
    skipped = _skipped(len(found.skipped))
    parts = [counted(len(found.rules), "rule"), *_refused(found.errors), *skipped]
    return ", ".join(parts), found.errors


def _refused(errors: Sequence[SourceError]) -> list[str]:
    return [f"{len(errors)} refused"] if errors else []


def _skipped(count: int) -> list[str]:
    return [f"{count} skipped"] if count else []


def _warn(rules: list[Rule] | tuple[Rule, ...]) -> None:
    for rule in rules:
        for warning in rule.query.warnings:
            print(f"warning: {warning}", file=sys.stderr)
