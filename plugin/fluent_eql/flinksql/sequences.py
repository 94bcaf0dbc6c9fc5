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

from fluent_eql.flinksql.records import Steps
from fluent_eql.flinksql.stages import Group
from fluent_eql.flinksql.tables import TIME
from fluent_eql.flinksql.text import STAGE, quoted
from fluent_eql.flinksql.times import interval

EVENT, BEGUN, END = 0, 1, 2
"""What a row is: an event of the stage, a sequence begun before it, what ends sequences."""
CARRIED = ("place", "at_ns", "began_ns", "told", "ids", "by_keys")


def sequence_steps(steps: Steps, groups: Sequence[Group], maxspan: int | None, matched: str) -> str:
    """The step of the complete sequences; ``matched`` has the events by join key."""
    rows = _in_order(steps, matched)
    ends = [group for group in groups if group.ends]
    first, *others = [group for group in groups if not group.ends]
    begun = _run(steps, first, ends, rows, "", maxspan) if first.count > 1 else ""
    for group in others:
        kinds = [] if begun else [(first, BEGUN)]
        begun = _pair(steps, group, ends, rows, begun, kinds, maxspan)
        if group.count > 1:
            begun = _run(steps, group, ends, rows, begun, maxspan)
    return begun


def _in_order(steps: Steps, matched: str) -> str:
    """The events numbered by ``place`` within their key, each once."""
    names = ("stage", "at_ns", "tiebreaker", "id", "told", "by_keys")
    measures = ", ".join(f"X.{name} AS {name}" for name in names)
    ordered = steps.add(
        "ordered_matches",
        f"SELECT * FROM {matched}\nMATCH_RECOGNIZE (\n  PARTITION BY entity\n"
        f"  ORDER BY {TIME}, at_ns, tiebreaker\n"
        f"  MEASURES MATCH_ROWTIME({TIME}) AS {TIME}, {measures}\n"
        "  ONE ROW PER MATCH\n  AFTER MATCH SKIP PAST LAST ROW\n"
        "  PATTERN (X)\n  DEFINE X AS X.stage >= 0\n)",
    )
    numbered = steps.add(
        "placed_matches",
        f"SELECT entity, {TIME}, {', '.join(names)}, COUNT(*) OVER (PARTITION BY entity"
        f" ORDER BY {TIME} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place"
        f" FROM {ordered}",
    )
    same = steps.add(
        "repeated_matches",
        "SELECT *, MIN(place) OVER (PARTITION BY entity, stage, id, at_ns, tiebreaker"
        f" ORDER BY {TIME} RANGE BETWEEN INTERVAL '0' SECOND PRECEDING AND CURRENT ROW)"
        f" AS first_place FROM {numbered}",
    )
    return steps.add(
        "matches_once", f"SELECT * FROM {same} WHERE id IS NULL OR place = first_place"
    )


def _pair(
    steps: Steps,
    group: Group,
    ends: Sequence[Group],
    rows: str,
    begun: str,
    first: Sequence[tuple[Group, int]],
    maxspan: int | None,
) -> str:
    """The sequences that go on with the first event of a group.

    They are those of the step ``begun``, or where that is empty the events of ``first``.
    """
    kinds = [*first, (group, EVENT), *((end, END) for end in ends)]
    parts = [_begun(begun)] if begun else []
    parts.append(_events(rows, kinds, numbered=True))
    source = steps.add(f"pairs_{group.number}", "\nUNION ALL\n".join(parts))
    variables = [("P", BEGUN), ("E", EVENT)]
    found = _recognized(source, variables, "P E", maxspan, stages=(None, None))
    return steps.add(f"stage_{group.number}", found)


def _run(
    steps: Steps, group: Group, ends: Sequence[Group], rows: str, begun: str, maxspan: int | None
) -> str:
    """The repeated events of a group; ``begun`` are sequences with the first of them, if any."""
    kinds = [(group, EVENT), *((end, END) for end in ends)]
    parts = [_begun(begun)] if begun else []
    parts.append(_events(rows, kinds, numbered=False))
    source = steps.add(f"runs_{group.number}", "\nUNION ALL\n".join(parts))
    names = ["P" if begun else "E0", *(f"E{n}" for n in range(1, group.count))]
    stages: list[int | None] = [None if begun else group.first]
    stages += [group.first + n for n in range(1, group.count)]
    variables = [(name, BEGUN if name == "P" else EVENT) for name in names]
    pattern = " ".join(names)
    if begun:
        pattern = " ".join(f"{name} Q{name}?" for name in names[:-1]) + f" {names[-1]}"
        variables += [(f"Q{name}", BEGUN) for name in names[:-1]]
    found = _recognized(source, variables, pattern, maxspan, stages=stages)
    return steps.add(f"run_{group.number}", found)


def _events(rows: str, kinds: Sequence[tuple[Group, int]], *, numbered: bool) -> str:
    """The events of groups, each of a kind; ``numbered``: told with the number of the stage."""
    kind = _case([(group.number, str(kind)) for group, kind in kinds])
    stage = _case([(group.number, f"'{group.first}'") for group, _ in kinds])
    told = f"REPLACE(told, {quoted(STAGE)}, {stage})" if numbered else "told"
    ids = f"COALESCE(id, {told})" if numbered else "id"
    wanted = ", ".join(str(group.number) for group, _ in kinds)
    return (
        f"SELECT entity, {TIME}, place, at_ns, at_ns AS began_ns, {told} AS told, {ids} AS ids,"
        f" by_keys, {kind} AS kind FROM {rows} WHERE stage IN ({wanted})"
    )


def _case(choices: Sequence[tuple[int, str]]) -> str:
    if len(choices) == 1:
        return choices[0][1]
    return f"CASE stage {' '.join(f'WHEN {n} THEN {choice}' for n, choice in choices)} END"


def _begun(view: str) -> str:
    return f"SELECT entity, {TIME}, {', '.join(CARRIED)}, {BEGUN} AS kind FROM {view}"


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
