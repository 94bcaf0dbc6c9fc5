"""Sequences as rows right after one another.

A plain reading of the statements' patterns, over rows of events, is compared with the filter: it
puts a step's rows in order, and finds at each row what the pattern matches from there on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601
from fluent_eql.flinksql.records import Steps
from fluent_eql.flinksql.sequences import sequence_steps
from fluent_eql.flinksql.stages import Group, groups_of
from fluent_eql.lang import SequenceQuery
from support.events import START
from support.flink_sql import is_whole, steps_in
from support.rules import driver, rule

PART = re.compile(
    r"(?:REPLACE\(told, U&'\\0003', (?P<stage>[^()]+)\) AS told|, told AS told)"
    r".*, (?P<kind>CASE stage(?: WHEN \d+ THEN \d)+ END|\d) AS kind"
    r" FROM matches_once WHERE stage IN \((?P<wanted>[\d, ]+)\)$"
)
BEGUN_PART = re.compile(r"by_keys, 1 AS kind FROM (\w+)$")
QUERIES = [
    "sequence with maxspan=3s [any where s == 0] [any where s == 1]",
    "sequence [any where s == 0] [any where s == 1] [any where s == 2]",
    "sequence with maxspan=4s [any where s == 0] [any where s == 1] [any where s == 0]",
    "sequence with maxspan=3s [any where s == 0] with runs=3",
    "sequence with maxspan=5s [any where s == 0] [any where s == 1] with runs=3",
    "sequence with maxspan=5s [any where s == 0] with runs=2 [any where s == 1] with runs=2"
    " [any where s == 2]",
    "sequence [any where s == 0] [any where s == 1] until [any where s == 2]",
    "sequence with maxspan=4s [any where s == 0] with runs=2 [any where s == 1]"
    " until [any where s == 2]",
    "sequence [any where s == 0] [any where s == 0]",
]
EVENTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 10**9, 2 * 10**9]), st.sets(st.integers(0, 2))), max_size=14
)


@dataclass(frozen=True)
class Row:
    """A row of a step; ``told`` are the numbers of events and of their stages."""

    at_ns: int
    place: int
    kind: int
    began_ns: int
    told: tuple[tuple[int, int | None], ...]


def steps_of(query: SequenceQuery) -> tuple[dict[str, str], str]:
    """The queries of the steps by their names, and the last one's name."""
    steps = Steps()
    last = sequence_steps(steps, groups_of(query), query.maxspan, "keyed")
    text = steps.query("SELECT *", last)
    assert is_whole(text)
    return steps_in(text), last


def found(query: SequenceQuery, events: list[tuple[int, set[int]]]) -> set[tuple[Any, ...]]:
    """What the steps find in events, each its time and the groups that it satisfies."""
    queries, last = steps_of(query)
    groups = sorted(groups_of(query), key=lambda group: (group.ends, -group.number))
    rows = [
        (group.number, time, number)
        for number, (time, stages) in enumerate(events)
        for group in groups
        if group.number in stages
    ]
    results: dict[str, list[Row]] = {}
    for name, text in queries.items():
        if name.startswith(("pairs_", "runs_")):
            results[name] = _source(text, rows, results)
        elif name.startswith(("stage_", "run_")):
            results[name] = _recognized(text, results)
    return {row.told for row in results[last]}


def _source(
    text: str, rows: list[tuple[int, int, int]], results: dict[str, list[Row]]
) -> list[Row]:
    source = []
    for part in text.split("\nUNION ALL\n"):
        if begun := BEGUN_PART.search(part):
            source += [
                Row(row.at_ns, row.place, 1, row.began_ns, row.told) for row in results[begun[1]]
            ]
            continue
        parts = PART.search(part)
        assert parts is not None
        for place, (group, time, number) in enumerate(rows, start=1):
            if str(group) in parts["wanted"].split(", "):
                stage = int(_chosen(parts["stage"], group)) if parts["stage"] else None
                kind = int(_chosen(parts["kind"], group))
                source.append(Row(time, place, kind, time, ((number, stage),)))
    return source


def _chosen(case: str, group: int) -> str:
    """What a CASE over the group's number gives."""
    choice = re.search(rf"WHEN {group} THEN '?(\d+)|^'?(\d+)'?$", case)
    assert choice is not None
    return choice[1] or choice[2]


def _recognized(text: str, results: dict[str, list[Row]]) -> list[Row]:
    rows = sorted(
        results[re.search(r"FROM (\w+)\n", text)[1]],  # type: ignore[index]
        key=lambda row: (row.place, row.kind),
    )
    assert "AFTER MATCH SKIP TO NEXT ROW" in text
    pattern = re.search(r"PATTERN \(([^)]*)\)", text)[1].split()  # type: ignore[index]
    kinds = {name: int(kind) for name, kind in re.findall(r"(\w+) AS \w+\.kind = (\d)", text)}
    told = re.search(r"\n    (.*) AS told,\n", text)[1]  # type: ignore[index]
    maxspan = re.search(r"at_ns - began_ns <= (\d+)$", text)
    made = []
    for start in range(len(rows)):
        taken = _matched(pattern, kinds, rows[start:])
        if taken is None:
            continue
        events: list[tuple[int, int | None]] = []
        for part in told.split(" || ', ' || "):
            name = re.search(r"(\w+)\.told", part)[1]  # type: ignore[index]
            given = re.search(r"'(\d+)'\)$", part)
            events += [
                (number, int(given[1]) if given and stage is None else stage)
                for number, stage in taken[name].told
            ]
        names = [name for name in taken if f"{name}.told" in told]
        begin, end = taken[names[0]], taken[names[-1]]
        if maxspan is None or end.at_ns - begin.began_ns <= int(maxspan[1]):
            made.append(Row(end.at_ns, end.place, 1, begin.began_ns, tuple(events)))
    return made


def _matched(pattern: list[str], kinds: dict[str, int], rows: list[Row]) -> dict[str, Row] | None:
    """The rows of the pattern's variables; one with a question mark may be missing."""
    if not pattern:
        return {}
    variable, *others = pattern
    name = variable.rstrip("?")
    if rows and rows[0].kind == kinds[name]:
        rest = _matched(others, kinds, rows[1:])
        if rest is not None:
            return {name: rows[0], **rest}
    return _matched(others, kinds, rows) if variable.endswith("?") else None


def inline(text: str, events: list[tuple[int, set[int]]]) -> set[tuple[Any, ...]]:
    """What the filter finds."""
    runner = driver(rule(text), reorder_window=None)
    records = [
        {"@timestamp": iso_8601(START + time), "event.id": str(number), "s": sorted(stages)}
        for number, (time, stages) in enumerate(events)
    ]
    alerts = [*runner.send(records).alerts, *runner.flush().alerts]
    return {
        tuple((int(event["event.id"]), event["stage"]) for event in alert["sequence"]["events"])
        for alert in alerts
    }


@pytest.mark.parametrize("text", QUERIES)
@settings(max_examples=40)
@given(EVENTS)
@example([(10**9, {0}), (0, {0, 1}), (0, {1}), (1, {0, 1, 2}), (10**9, {0, 1}), (0, {2})])
@example([(10**9, {0}), (3 * 10**9, {1}), (1, {1}), (10**9, {0}), (3 * 10**9 + 1, {1}), (1, {1})])
def test_the_steps_find_the_sequences_that_the_filter_finds(
    text: str, gaps: list[tuple[int, set[int]]]
) -> None:
    time, events = 0, []
    for gap, stages in gaps:
        time += gap
        events.append((time, stages))
    query = rule(text).query
    assert isinstance(query, SequenceQuery)
    by_group = [(time, _groups(groups_of(query), stages)) for time, stages in events]
    assert found(query, by_group) == inline(text, events)


def _groups(groups: list[Group], stages: set[int]) -> set[int]:
    """The groups whose condition holds for an event with these values."""
    return {group.number for group in groups if group.condition.matches({"s": tuple(stages)})}


def test_the_rows_are_put_in_order_and_repeated_ones_dropped_before_any_step() -> None:
    query = rule(QUERIES[0]).query
    assert isinstance(query, SequenceQuery)
    queries, _ = steps_of(query)
    assert list(queries)[:4] == [
        "ordered_matches",
        "placed_matches",
        "repeated_matches",
        "matches_once",
    ]
    assert "ORDER BY event_time, at_ns, tiebreaker" in queries["ordered_matches"]
    assert "FROM keyed" in queries["ordered_matches"]


@pytest.mark.parametrize("text", QUERIES)
def test_every_step_keeps_join_keys_apart(text: str) -> None:
    query = rule(text).query
    assert isinstance(query, SequenceQuery)
    queries, _ = steps_of(query)
    for name, step in queries.items():
        if "MATCH_RECOGNIZE" in step or "OVER" in step:
            assert "PARTITION BY entity" in step, name


def test_state_is_kept_for_a_millisecond_more_than_maxspan_and_without_one_for_good() -> None:
    for text, within in ((QUERIES[0], "WITHIN INTERVAL '0 00:00:03.001' DAY(3)"), (QUERIES[1], "")):
        query = rule(text).query
        assert isinstance(query, SequenceQuery)
        queries, last = steps_of(query)
        assert ("WITHIN" in queries[last]) is bool(within)
        assert within in queries[last]
