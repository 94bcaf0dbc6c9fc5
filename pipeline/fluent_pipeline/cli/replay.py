"""``fluent-eql replay``: the rules on recorded events."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from tqdm import tqdm

from fluent_eql.api import Outcome
from fluent_eql.event import Event
from fluent_eql.filter import EqlFilter
from fluent_pipeline.cli.common import (
    ALERT_COLUMNS,
    add_rules_option,
    alert_row,
    counted,
    duration_option,
    eql_filter,
    table,
)
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.recordings import Readable, read_events

BATCH = 1000
SHOWN_UNREADABLE = 20
PACED_WINDOW = 2 * 10**9
ENDLESS = 1 << 62
SLOWEST, FASTEST = 0.001, 1_000_000
LONGEST_WAIT = 10**8


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "replay",
        help="run the rules on recorded events",
        description="Run the rules on recorded events: NDJSON in any order of arrival, or the "
        "bytes of a forward connection. By default alerts are decided when all is read, so that "
        "the order does not matter.",
    )
    command.add_argument("files", metavar="FILE", nargs="+", help="a recording; - for stdin")
    add_rules_option(command)
    command.add_argument(
        "--json", action="store_true", help="print one alert a line, as JSON, instead of a table"
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
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the alerts. Raises RuleErrors."""
    window: int | None = options.reorder_window
    if options.speed is not None and window is None:
        window = PACED_WINDOW
    forever = {"state_ttl": ENDLESS, "max_entities": ENDLESS} if window is None else {}
    detector = eql_filter(options.rules, reorder_window=window, **forever)
    report = _Report(as_json=options.json, at_once=window is not None)
    replay = _Replay(detector, window, options.speed, report)
    began = time.monotonic()
    code = 0
    for name in options.files:
        code = max(code, _replay_file(name, replay, report))
    replay.finish()
    report.finish(replay.records, time.monotonic() - began)
    return code


def _replay_file(name: str, replay: _Replay, report: _Report) -> int:
    try:
        with _opened(name) as stream:
            for event in read_events(stream, name, report.unreadable(name)):
                replay.take(event)
    except FluentPipelineError as error:
        print(f"fluent-eql: {error}", file=sys.stderr)
        return 1
    return 0


class _Replay:
    """Feeds the filter with the events that its screen lets through.

    The clock is the latest event time seen, so a reorder window is a span of event time; without
    a window it stands still, and events are screened a batch at a time.
    """

    def __init__(
        self, detector: EqlFilter, window: int | None, speed: float | None, report: _Report
    ) -> None:
        self._detector = detector
        self._timed = window is not None
        self._speed = speed
        self._report = report
        self._batch: list[Event] = []
        self._now = 0
        self._start: tuple[float, int] | None = None
        self.records = 0

    def take(self, event: Event) -> None:
        self.records += 1
        self._batch.append(event)
        if self._timed or len(self._batch) == BATCH:
            self._process()

    def finish(self) -> None:
        """Let the time pass that the last events still wait for, and end the stream."""
        self._process()
        while (deadline := self._detector.next_deadline()) is not None:
            self._now = max(self._now, deadline)
            self._report.take(self._detector.advance(self._now))
        self._report.take(self._detector.flush(self._now))

    def _process(self) -> None:
        for event in self._screened():
            if self._timed:
                self._await(event)
            self._report.take(self._detector.process([event], self._now))
        self._batch.clear()

    def _await(self, event: Event) -> None:
        """Set the clock to an event's time. The filter itself tells of one that is unreadable."""
        with suppress(ValueError):
            time_of_event = self._detector.time_of(event)
            self._now = max(self._now, time_of_event)
            self._pace(time_of_event)

    def _screened(self) -> list[Event]:
        offsets = self._detector.screen(b"".join(event.raw for event in self._batch))
        if offsets is None:
            return list(self._batch)
        ends = list(accumulate(len(event.raw) for event in self._batch))
        hits = dict.fromkeys(bisect_right(ends, offset) for offset in offsets)
        return [self._batch[hit] for hit in hits]

    def _pace(self, time_of_event: int) -> None:
        if self._speed is None or time_of_event <= 0:
            return
        if self._start is None:
            self._start = (time.monotonic(), time_of_event)
        began, first = self._start
        due = began + (time_of_event - first) / 10**9 / self._speed
        time.sleep(min(max(due - time.monotonic(), 0), LONGEST_WAIT))


class _Report:
    """Alerts to the standard output, everything else to the standard error."""

    def __init__(self, *, as_json: bool, at_once: bool) -> None:
        self._as_json = as_json
        self._at_once = at_once
        self._alerts: list[dict[str, Any]] = []
        self._unreadable = 0
        self._total = 0
        self._late = 0

    def take(self, outcome: Outcome) -> None:
        for warning in outcome.warnings:
            _say(f"fluent-eql: {warning}", sys.stderr)
        for problem in outcome.problems:
            self.unreadable(problem.event.tag)("a record", problem.reason)
        for alert in outcome.alerts:
            self._total += 1
            self._late += bool(alert.get("late"))
            if self._at_once and self._as_json:
                _say(json.dumps(alert), sys.stdout)
            else:
                self._alerts.append(alert)

    def unreadable(self, name: str) -> Callable[[str, str], None]:
        def report(place: str, reason: str) -> None:
            self._unreadable += 1
            if self._unreadable <= SHOWN_UNREADABLE:
                _say(f"{name}: {place}: not readable: {reason}", sys.stderr)
            elif self._unreadable == SHOWN_UNREADABLE + 1:
                _say("fluent-eql: what else is not readable is only counted", sys.stderr)

        return report

    def finish(self, records: int, seconds: float) -> None:
        self._alerts.sort(key=_when)
        if self._as_json:
            for alert in self._alerts:
                print(json.dumps(alert))
        elif self._alerts:
            print(table(ALERT_COLUMNS, [alert_row(alert) for alert in self._alerts]))
        late = f" ({self._late} late)" if self._late else ""
        print(
            f"{counted(records, 'record')}, {self._unreadable} unreadable, "
            f"{counted(self._total, 'alert')}{late} in {seconds:.2f} s",
            file=sys.stderr,
        )


def _when(alert: dict[str, Any]) -> tuple[str, str]:
    events = alert["sequence"]["events"] if "sequence" in alert else alert["events"]
    return str(events[-1]["@timestamp"]), str(alert["id"])


@contextmanager
def _opened(name: str) -> Iterator[Readable]:
    """A recording as a stream of bytes; with a progress bar where a person watches.

    Raises FluentPipelineError where it cannot be opened, as its reading does where that fails.
    """
    with ExitStack() as stack:
        is_stdin = name == "-"
        with _told_of(name):
            opened = sys.stdin.buffer if is_stdin else stack.enter_context(open(name, "rb"))
            size = None if is_stdin else Path(name).stat().st_size
        file = cast(io.BufferedReader, opened)
        bar = tqdm(
            total=size, unit="B", unit_scale=True, desc=Path(name).name, leave=False, disable=None
        )
        yield _Watched(name, file, stack.enter_context(bar))


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Errors of the input as FluentPipelineError: the output has OSErrors of its own."""
    try:
        yield
    except OSError as error:
        raise FluentPipelineError(f"{name}: {error.strerror}") from error


class _Watched:
    """Tells a progress bar what is read; gives what there is, without waiting for more."""

    def __init__(self, name: str, file: io.BufferedReader, bar: tqdm[NoReturn]) -> None:
        self._name = name
        self._file = file
        self._bar = bar

    def read(self, size: int, /) -> bytes:
        with _told_of(self._name):
            data = self._file.read1(size)
        self._bar.update(len(data))
        return data


def _say(text: str, file: TextIO) -> None:
    """Print a line at once, with the progress bar out of its way."""
    with tqdm.external_write_mode(file):
        print(text, file=file, flush=True)


def _factor(text: str) -> float:
    with suppress(ValueError):
        if SLOWEST <= (value := float(text)) <= FASTEST:
            return value
    raise argparse.ArgumentTypeError(
        f"expected a number from {SLOWEST} to {FASTEST}, found {text!r}"
    )
