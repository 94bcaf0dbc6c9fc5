"""The sequence semantics as ``MATCH_RECOGNIZE``.

What each stage remembers of a join key is one beginning, the newest: a later stage takes it, and
an event of that stage empties the place whether or not maxspan lets the result pass. So of the
beginnings and the next stage's events, in one order, a beginning goes on exactly where such an
event comes right after it. Each group of stages is one such step, and reads what the step before
has begun. The rows of one event come last stage first, so none follows itself.

First the rows are put in order and numbered, (time, tiebreaker, arrival), and what came twice is
dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from fluent_eql.flinksql.records import Views
from fluent_eql.flinksql.stages import Group
from fluent_eql.flinksql.tables import TIME
from fluent_eql.flinksql.text import STAGE, quoted
from fluent_eql.flinksql.times import interval

EVENT, BEGUN, END = 0, 1, 2
"""What a row is: an event of the stage, a sequence begun before it, what ends sequences."""
CARRIED = ("place", "at_ns", "began_ns", "told", "ids", "by_keys")


def sequence_views(views: Views, groups: Sequence[Group], maxspan: int | None, matched: str) -> str:
    """The view of the complete sequences; ``matched`` has the events by join key."""
    rows = _in_order(views, matched)
    ends = [group for group in groups if group.ends]
    begun = ""
    for group in groups:
        if not group.ends:
            begun = _group(views, group, ends, rows, begun, maxspan)
    return begun


def _in_order(views: Views, matched: str) -> str:
    """The events numbered by ``place`` within their key, each once."""
    names = ("stage", "at_ns", "id", "told", "by_keys")
    measures = ", ".join(f"X.{name} AS {name}" for name in names)
    ordered = views.add(
        "sorted",
        f"SELECT * FROM {matched}\nMATCH_RECOGNIZE (\n  PARTITION BY entity\n"
        f"  ORDER BY {TIME}, at_ns, tiebreaker\n"
        f"  MEASURES MATCH_ROWTIME({TIME}) AS {TIME}, {measures}\n"
        "  ONE ROW PER MATCH\n  AFTER MATCH SKIP PAST LAST ROW\n"
        "  PATTERN (X)\n  DEFINE X AS X.stage >= 0\n)",
    )
    numbered = views.add(
        "placed",
        f"SELECT entity, {TIME}, {', '.join(names)}, COUNT(*) OVER (PARTITION BY entity"
        f" ORDER BY {TIME} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place"
        f" FROM {ordered}",
    )
    same = views.add(
        "repeats",
        f"SELECT *, MIN(place) OVER (PARTITION BY entity, stage, id, at_ns ORDER BY {TIME}"
        " RANGE BETWEEN INTERVAL '0' SECOND PRECEDING AND CURRENT ROW) AS first_place"
        f" FROM {numbered}",
    )
    return views.add("once", f"SELECT * FROM {same} WHERE id IS NULL OR place = first_place")


def _group(
    views: Views, group: Group, ends: Sequence[Group], rows: str, begun: str, maxspan: int | None
) -> str:
    """The view of the sequences that have got through a group."""
    if not begun:
        events = _events(group, 0, rows)
        if group.count == 1:
            return views.add(f"stage_{group.number}", events)
        return _run(views, group, ends, rows, "", maxspan)
    parts = [_begun(begun), _typed(_events(group, 0, rows), EVENT), *_ends(ends, rows)]
    source = views.add(f"pairs_{group.number}", "\nUNION ALL\n".join(parts))
    variables = [("P", BEGUN), ("E", EVENT)]
    found = _recognized(source, variables, "P E", maxspan, stages=(None, None))
    begun = views.add(f"stage_{group.number}", found)
    return _run(views, group, ends, rows, begun, maxspan) if group.count > 1 else begun


def _run(
    views: Views, group: Group, ends: Sequence[Group], rows: str, begun: str, maxspan: int | None
) -> str:
    """The repeated events of a group; ``begun`` are sequences with the first of them, if any."""
    raw = f"SELECT entity, {TIME}, place, at_ns, at_ns AS began_ns, told, id AS ids, by_keys"
    events = f"{raw} FROM {rows} WHERE stage = {group.number}"
    parts = [_begun(begun)] if begun else []
    parts += [_typed(events, EVENT), *_ends(ends, rows)]
    source = views.add(f"runs_{group.number}", "\nUNION ALL\n".join(parts))
    count = group.count
    names = ["P" if begun else "E0", *(f"E{n}" for n in range(1, count))]
    stages: list[int | None] = [None if begun else group.first]
    stages += [group.first + n for n in range(1, count)]
    variables = [(name, BEGUN if name == "P" else EVENT) for name in names]
    pattern = " ".join(names)
    if begun:
        pattern = " ".join(f"{name} Q{name}?" for name in names[:-1]) + f" {names[-1]}"
        variables += [(f"Q{name}", BEGUN) for name in names[:-1]]
    found = _recognized(source, variables, pattern, maxspan, stages=stages)
    return views.add(f"run_{group.number}", found)


def _events(group: Group, offset: int, rows: str) -> str:
    """The events of a group as sequences of one, as its stage ``offset``."""
    told = _at_stage("told", group.first + offset)
    return (
        f"SELECT entity, {TIME}, place, at_ns, at_ns AS began_ns, {told} AS told,"
        f" COALESCE(id, {told}) AS ids, by_keys FROM {rows} WHERE stage = {group.number}"
    )


def _ends(ends: Sequence[Group], rows: str) -> list[str]:
    return [_typed(_events(group, 0, rows), END) for group in ends]


def _begun(view: str) -> str:
    return _typed(f"SELECT * FROM {view}", BEGUN)


def _typed(query: str, kind: int) -> str:
    carried = ", ".join(CARRIED)
    return f"SELECT entity, {TIME}, {carried}, {kind} AS kind FROM ({query})"


def _at_stage(text: str, stage: int) -> str:
    return f"REPLACE({text}, {quoted(STAGE)}, '{stage}')"


def _recognized(
    source: str,
    variables: Sequence[tuple[str, int]],
    pattern: str,
    maxspan: int | None,
    *,
    stages: Sequence[int | None],
) -> str:
    """The rows right after one another; the first ``len(stages)`` variables make the sequence.

    A number of a stage is put into what is told by its variable's row; None: it is there.
    """
    names = [name for name, _ in variables[: len(stages)]]
    pairs = list(zip(names, stages, strict=True))
    told = [f"{n}.told" if s is None else _at_stage(f"{n}.told", s) for n, s in pairs]
    ids = [
        f"{name}.ids" if stage is None else f"COALESCE({name}.ids, {text})"
        for (name, stage), text in zip(pairs, told, strict=True)
    ]
    within = "" if maxspan is None else f" WITHIN {interval(maxspan + 10**6)}"
    defined = ", ".join(f"{name} AS {name}.kind = {kind}" for name, kind in variables)
    comma = " || ', ' || "
    measures = [
        f"MATCH_ROWTIME({TIME}) AS {TIME}",
        f"{names[-1]}.place AS place",
        f"{names[-1]}.at_ns AS at_ns",
        f"{names[0]}.began_ns AS began_ns",
        f"{comma.join(told)} AS told",
        f"{comma.join(ids)} AS ids",
        f"{names[-1]}.by_keys AS by_keys",
    ]
    listed = ",\n    ".join(measures)
    found = (
        f"SELECT entity, {TIME}, {', '.join(CARRIED)} FROM {source}\nMATCH_RECOGNIZE (\n"
        f"  PARTITION BY entity\n  ORDER BY {TIME}, place, kind\n  MEASURES\n    {listed}\n"
        "  ONE ROW PER MATCH\n  AFTER MATCH SKIP TO NEXT ROW\n"
        f"  PATTERN ({pattern}){within}\n  DEFINE {defined}\n)"
    )
    return found if maxspan is None else f"{found}\nWHERE at_ns - began_ns <= {maxspan}"
