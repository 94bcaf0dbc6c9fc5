"""How much of a stream the rules' screen lets through, and which rules it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.screen import Screen
from fluent_eql.settings import EqlOptions
from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.workloads import Workload
from fluent_pipeline.cli.common import counted, table
from fluent_pipeline.engine import Engine, Stage
from fluent_pipeline.protocol.entries import walk
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.receipt import Receipt

BATCHES = 16
SHOWN = 15
"""Rules named; of the others only the number is told."""
DECODED = "fluent_eql_events_decoded_total"


@dataclass(frozen=True, slots=True)
class Screening:
    """What became of ``records``, of which ``decoded`` were decoded for ``rules`` rules.

    ``asked_by`` has the names of the rules whose own screen lets a record through, and the number
    of such records, most first. ``unscreened`` are the names of those that have no screen.
    """

    rules: int
    records: int
    decoded: int
    asked_by: tuple[tuple[str, int], ...]
    unscreened: tuple[str, ...]


def screening_of(workload: Workload, folder: Path, batches: int = BATCHES) -> Screening:
    """Run so many batches of a workload through a filter with the rules of a folder.

    Raises RuleErrors where the folder has no rule.
    """
    eql = EqlFilter.create(EqlOptions(rules=(folder,)))
    made = Batches(workload)
    frames = [frame_of(bytes(made.batch(number, 0))) for number in range(batches)]
    engine = Engine([Stage("eql", eql, lambda tag: True)], Limits())
    for frame in frames:
        engine.accept(frame, 0, Receipt(_ignore))
    decoded = sum(metric.value for metric in eql.metrics() if metric.name == DECODED)
    asked, unscreened = _asked(eql.rules, list(_records(frames)))
    return Screening(
        rules=len(eql.rules),
        records=batches * workload.batch,
        decoded=round(decoded),
        asked_by=tuple(asked.most_common()),
        unscreened=unscreened,
    )


def screening_report(screening: Screening) -> str:
    """The share of the records that were decoded, and a table of the rules that force it."""
    lines = [
        f"{counted(screening.rules, 'rule')}: {screening.decoded / screening.records:.1%} of the "
        f"records decoded, {counted(len(screening.unscreened), 'rule')} without a screen, "
        f"{counted(len(screening.asked_by), 'rule')} asking for some"
    ]
    rows = [
        [name, f"{count / screening.records:.1%}", "yes" if name in screening.unscreened else ""]
        for name, count in screening.asked_by[:SHOWN]
    ]
    if rows:
        lines.append(table(("RULE", "OF THE RECORDS", "UNSCREENED"), rows))
    return "\n".join(lines)


def _asked(rules: tuple[Rule, ...], records: list[bytes]) -> tuple[Counter[str], tuple[str, ...]]:
    """How many records each rule by itself asks for, and the rules that ask for all."""
    asked: Counter[str] = Counter()
    unscreened = []
    for rule in rules:
        screen = Screen(rule.query.conditions)
        asked[rule.name] += sum(1 for record in records if screen.offsets(record) != [])
        if screen.always:
            unscreened.append(rule.name)
    return +asked, tuple(unscreened)


def _records(frames: list[Frame]) -> Iterator[bytes]:
    for frame in frames:
        payload = frame.payload(Limits())
        for entry in walk(payload, frame.mode):
            yield bytes(payload[entry.record_start : entry.record_end])


def _ignore() -> None:
    """Nobody waits for the frames."""
