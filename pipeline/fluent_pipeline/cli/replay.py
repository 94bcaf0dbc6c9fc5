"""``fluent-eql replay``: the rules on recorded events."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_pipeline.cli.common import add_rules_option, counted, duration_option
from fluent_pipeline.cli.replay_output import (
    Alerts,
    Troubles,
    print_alerts,
    print_comparison,
    print_summary,
)
from fluent_pipeline.config import load_config
from fluent_pipeline.errors import ConfigError, FluentPipelineError
from fluent_pipeline.recordings import read_events
from fluent_pipeline.replay.comparing import compared
from fluent_pipeline.replay.page import Report, page_of
from fluent_pipeline.replay.places import recordings_at
from fluent_pipeline.replay.player import Player
from fluent_pipeline.replay.progress import Progress

PACED_WINDOW = 2 * 10**9
ENDLESS = 1 << 62
SLOWEST, FASTEST = 0.001, 1_000_000
DIFFERENT = 3
"""The exit code of a comparison in which alerts come or go."""


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "replay",
        help="run the rules on recorded events",
        description="Run the rules on recorded events: NDJSON in any order of arrival, or the "
        "bytes of a forward connection, either also packed with gzip or zstd. By default alerts "
        "are decided when all is read, so that the order does not matter.",
    )
    command.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a recording, a folder of them or a quoted pattern; - for stdin",
    )
    rules = command.add_mutually_exclusive_group()
    add_rules_option(rules)
    rules.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        help="a configuration: the rules of its eql filter, as it tunes and filters them, and how "
        "it reads records",
    )
    rules.add_argument(
        "--compare",
        metavar=("RULES_A", "RULES_B"),
        nargs=2,
        type=Path,
        help="tell which alerts a change of rules adds and removes; each a rule file, a folder "
        "or a configuration; the exit code is 3 where there is one",
    )
    command.add_argument(
        "--json", action="store_true", help="print one alert a line, as JSON, instead of a table"
    )
    command.add_argument(
        "--report", metavar="FILE", type=Path, help="write the alerts into an HTML file, too"
    )
    command.add_argument(
        "--reorder-window",
        metavar="DURATION",
        type=duration_option,
        help="decide as events come, each this long (in event time) after its arrival; "
        "bounds memory for long recordings that are almost in order",
    )
    command.add_argument(
        "--speed",
        metavar="FACTOR",
        type=_factor,
        help="replay in real time, this many times as fast as the events happened",
    )
    command.set_defaults(execute=execute, refuse=command.error)


def execute(options: argparse.Namespace) -> int:
    """Print the alerts. Raises RuleErrors and ConfigError, and OSError for the report's file."""
    if options.compare:
        return _compare(options)
    window: int | None = options.reorder_window
    if options.speed is not None and window is None:
        window = PACED_WINDOW
    settings = _of_config(options.config) if options.config else _of_rules(options.rules)
    detector = _detector(settings, window)
    if options.report:
        options.report.open("a").close()
    troubles = Troubles()
    at_once = window is not None and options.json
    keeps = not at_once or options.report is not None
    alerts = Alerts(troubles, settings.mapping, at_once=at_once, keeps=keeps)
    player = Player(detector, alerts.take, timed=window is not None, speed=options.speed)
    read = _played(options.files, [player], troubles)
    if not at_once:
        print_alerts(alerts.found, as_json=options.json)
    late = f" ({alerts.late} late)" if alerts.late else ""
    count = counted(alerts.count, "alert")
    print_summary(read.records, troubles.count, f"{count}{late}", read.seconds)
    if options.report:
        _write_report(options.report, detector, alerts, troubles, read)
    return read.code


def _compare(options: argparse.Namespace) -> int:
    if options.report or options.speed is not None:
        options.refuse("argument --compare: goes neither with --report nor with --speed")
    window: int | None = options.reorder_window
    troubles = Troubles()
    found: list[Alerts] = []
    players: list[Player] = []
    for path in options.compare:
        is_config = path.suffix in (".yaml", ".yml")
        settings = _of_config(path) if is_config else _of_rules([path])
        detector = _detector(settings, window)
        found.append(Alerts(troubles, settings.mapping))
        players.append(Player(detector, found[-1].take, timed=window is not None))
    read = _played(options.files, players, troubles)
    comparison = compared(found[0].found, found[1].found)
    names = (str(options.compare[0]), str(options.compare[1]))
    print_comparison(comparison, names, as_json=options.json)
    counts = f"{counted(len(comparison.only_a), 'alert')} only in A, {len(comparison.only_b)} only"
    counts += f" in B, {len(comparison.both)} in both"
    print_summary(read.records, troubles.count, counts, read.seconds)
    return read.code or (0 if comparison.is_equal else DIFFERENT)


@dataclass(slots=True)
class _Read:
    """What was read; ``code`` is 1 where a recording could not be."""

    files: list[str] = field(default_factory=list)
    records: int = 0
    seconds: float = 0
    code: int = 0

    def fail(self, reason: str) -> None:
        print(f"fluent-eql: {reason}", file=sys.stderr)
        self.code = 1


def _played(names: Sequence[str], players: Sequence[Player], troubles: Troubles) -> _Read:
    """Play the recordings that are named, as one stream."""
    recordings, read = recordings_at(names), _Read()
    read.files = recordings.files
    for problem in recordings.problems:
        read.fail(problem)
    for file in recordings.repeated:
        print(f"fluent-eql: {file}: named more than once, and read once", file=sys.stderr)
    began = time.monotonic()
    with Progress(recordings.files, lambda: read.records) as progress:
        for file in recordings.files:
            try:
                with progress.opened(file) as stream:
                    for event in read_events(stream, file, troubles.of(file)):
                        read.records += 1
                        for player in players:
                            player.play(event)
            except FluentPipelineError as error:
                read.fail(str(error))
    for player in players:
        player.finish()
    read.seconds = time.monotonic() - began
    return read


def _of_rules(paths: Sequence[Path]) -> EqlOptions:
    return EqlOptions(rules=tuple(paths))


def _of_config(path: Path) -> EqlOptions:
    """The settings of the eql filter of a configuration. Raises ConfigError where there is none,
    or more than one, or something is wrong.
    """
    found = [item.options for item in load_config(path).filters if item.name == "eql"]
    if len(found) != 1 or not isinstance(found[0], EqlOptions):
        count = len(found) or "none"
        raise ConfigError(f"expected one filter of the name eql, found {count}", source=str(path))
    return found[0]


def _detector(settings: EqlOptions, window: int | None) -> EqlFilter:
    """The filter; without a window it remembers all until the end. Raises RuleErrors."""
    settings = replace(settings, reorder_window=window)
    if window is None:
        settings = replace(settings, state_ttl=ENDLESS, max_entities=ENDLESS)
    detector = EqlFilter.create(settings)
    for notice in detector.notices:
        print(f"fluent-eql: {notice}", file=sys.stderr)
    return detector


def _write_report(
    path: Path, detector: EqlFilter, alerts: Alerts, troubles: Troubles, read: _Read
) -> None:
    page = page_of(
        Report(
            files=read.files,
            rules=detector.rules,
            records=read.records,
            unreadable=troubles.count,
            alerts=alerts.found,
            seconds=read.seconds,
            made=datetime.now(UTC),
        )
    )
    path.write_text(page, "utf-8")
    print(f"report: {path}", file=sys.stderr)


def _factor(text: str) -> float:
    with suppress(ValueError):
        if SLOWEST <= (value := float(text)) <= FASTEST:
            return value
    raise argparse.ArgumentTypeError(
        f"expected a number from {SLOWEST} to {FASTEST}, found {text!r}"
    )
