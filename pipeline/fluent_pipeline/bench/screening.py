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
from fluent_pipeline.engine import Engine, Receipt, Stage
from fluent_pipeline.protocol.entries import walk
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.protocol.limits import Limits

BATCHES = 16
SHOWN = 15
"""Rules named; of the others only the number is told."""
DECODED = "fluent_eql_events_decoded_total"


@dataclass(frozen=True, slots=True)
class Screening:
    """What became of ``records``, of which ``decoded`` were decoded for ``rules`` rules.

    ``asked_by`` has the rules for which a record has to be decoded, by name, and the number of
    such records, most first. ``unscreened`` are the names of those that ask for every record.
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
    """How many records each rule has to see, and the rules that have to see all."""
    conditions = [(rule, condition) for rule in rules for condition in rule.query.conditions]
    screen = Screen(condition for _, condition in conditions)
    asked: Counter[str] = Counter()
    for record in records:
        suspected = {conditions[number][0].name for number in screen.suspects(record)}
        asked.update(suspected)
    always = {conditions[number][0].name for number in screen.suspects(b"\x80")}
    return asked, tuple(sorted(always))


def _records(frames: list[Frame]) -> Iterator[bytes]:
    for frame in frames:
        payload = frame.payload(Limits())
        for entry in walk(payload, frame.mode):
            yield bytes(payload[entry.record_start : entry.record_end])


def _ignore() -> None:
    """Nobody waits for the frames."""
