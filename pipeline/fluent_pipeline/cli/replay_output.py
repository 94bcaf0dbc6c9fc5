"""What ``fluent-eql replay`` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from fluent_eql.api import Outcome
from fluent_eql.event import Event
from fluent_eql.sources import SourceMapping
from fluent_pipeline.cli.common import ALERT_COLUMNS, alert_row, counted, table
from fluent_pipeline.replay.comparing import Comparison
from fluent_pipeline.replay.found import Found, found_in
from fluent_pipeline.replay.progress import say

SHOWN_UNREADABLE = 20


class Troubles:
    """Tells on the standard error what cannot be read, the first of it, and counts all of it."""

    def __init__(self) -> None:
        self.count = 0
        self._events: set[Event] = set()

    def of(self, name: str) -> Callable[[str, str], None]:
        """To be called with a place in the recording of that name, and what is wrong there."""

        def tell(place: str, reason: str) -> None:
            self.count += 1
            if self.count <= SHOWN_UNREADABLE:
                say(f"{name}: {place}: not readable: {reason}", sys.stderr)
            elif self.count == SHOWN_UNREADABLE + 1:
                say("fluent-eql: what else is not readable is only counted", sys.stderr)

        return tell

    def take(self, outcome: Outcome) -> None:
        """What a filter tells; an event that two filters cannot read counts once."""
        for warning in outcome.warnings:
            say(f"fluent-eql: {warning}", sys.stderr)
        for problem in outcome.problems:
            if problem.event not in self._events:
                self._events.add(problem.event)
                self.of(problem.event.tag)("a record", problem.reason)


class Alerts:
    """Takes alerts: ``keeps`` them, and prints each ``at_once`` as JSON, or does one of these.

    ``mapping`` is how the filter sees its records.
    """

    def __init__(
        self,
        troubles: Troubles,
        mapping: SourceMapping | None = None,
        *,
        at_once: bool = False,
        keeps: bool = True,
    ) -> None:
        self.found: list[Found] = []
        self.count = 0
        self.late = 0
        self._troubles = troubles
        self._mapping = mapping
        self._at_once = at_once
        self._keeps = keeps

    def take(self, outcome: Outcome) -> None:
        """What a filter has decided."""
        self._troubles.take(outcome)
        found = found_in(outcome, self._mapping)
        self.count += len(found)
        self.late += sum(bool(each.alert.get("late")) for each in found)
        for each in found if self._at_once else ():
            say(json.dumps(each.alert), sys.stdout)
        if self._keeps:
            self.found += found


def print_alerts(found: Sequence[Found], *, as_json: bool) -> None:
    """Alerts in the order of their last events, one a line or as a table."""
    ordered = sorted(found, key=lambda each: each.order)
    if as_json:
        for each in ordered:
            print(json.dumps(each.alert))
    elif ordered:
        print(_table(ordered))


def print_comparison(comparison: Comparison, names: tuple[str, str], *, as_json: bool) -> None:
    """What comes and goes, with the names of A and B."""
    parts = (("a", comparison.only_a), ("b", comparison.only_b), ("both", comparison.both))
    if as_json:
        for where, found in parts:
            for each in found:
                print(json.dumps({"in": where, **each.alert}))
        return
    rows = [[name, *map(str, counts)] for name, *counts in comparison.by_rule()]
    rows.append(["total", *(str(len(found)) for _, found in parts)])
    print(table(("RULE", "ONLY IN A", "ONLY IN B", "BOTH"), rows))
    for (where, found), name in zip(parts[:2], names, strict=True):
        if found:
            print(f"\nOnly in {where.upper()}, {name}:\n\n{_table(found)}")


def print_summary(records: int, unreadable: int, alerts: str, seconds: float) -> None:
    """The last line, on the standard error."""
    print(
        f"{counted(records, 'record')}, {unreadable} unreadable, {alerts} in {seconds:.2f} s",
        file=sys.stderr,
    )


def _table(found: Sequence[Found]) -> str:
    return table(ALERT_COLUMNS, [alert_row(each.alert, each.host or None) for each in found])
