"""What several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fluent_eql import options as option_parsers
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions


def add_rules_option(command: argparse._ActionsContainer) -> None:
    """``--rules PATH``, any number of times."""
    command.add_argument(
        "--rules",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="a rule file or a folder of them; may be repeated (default: the shipped rule)",
    )


def duration_option(text: str) -> int:
    """An argparse type: a duration such as ``2s``, in nanoseconds."""
    try:
        return option_parsers.duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def eql_filter(rules: Sequence[Path], **settings: Any) -> EqlFilter:
    """The EQL filter with the given rules and settings. Raises RuleErrors."""
    return EqlFilter.create(replace(EqlOptions(rules=tuple(rules)), **settings))


ALERT_COLUMNS = ("RULE", "HOST", "PROCESS", "DESTINATION", "FILE", "SPAN")


def alert_row(alert: Mapping[str, Any], host: str | None = None) -> list[str]:
    """An alert as the cells of a row; ``host`` in the place of the host's id where known."""
    sequence = alert.get("sequence", {})
    events = sequence.get("events") or alert.get("events", [])
    by = sequence.get("by", {})

    def newest(name: str) -> str:
        values = [event[name] for event in events if name in event]
        return str(values[-1]) if values else "-"

    span = sequence.get("span_ns")
    return [
        str(alert["rule"]["name"]) + (" (late)" if alert.get("late") else ""),
        host or str(by.get("host.id", "-")),
        newest("process.executable"),
        newest("destination.ip"),
        newest("file.path"),
        "-" if span is None else f"{span / 10**9:.3f} s",
    ]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under their columns' names, parted by two spaces."""
    lines = [list(columns), *[[printable(cell) for cell in row] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def counted(number: int, name: str) -> str:
    """A number and what it counts: ``1 rule``, ``2 rules``."""
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def printable(text: str) -> str:
    """Text without what could move a terminal's cursor or change its colours."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
