"""Random queries on random streams: the filter finds what the plain reference finds.

A long run, ``make conformance``, sets CONFORMANCE_PAIRS. With another CONFORMANCE_SEED they are
others; what a failure prints runs the same again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from time import perf_counter

from hypothesis import HealthCheck, given, settings
from hypothesis import event as note
from hypothesis import strategies as st

from fluent_eql.testing import Result
from support.random_expressions import Conditions
from support.random_queries import (
    EventQuery,
    SequenceQuery,
    Trial,
    random_event_query,
    random_trial,
)
from support.random_records import FIELDS, World, random_record
from support.reference_eql import (
    Arithmetic,
    Call,
    Compare,
    Constant,
    Expression,
    Field,
    In,
    Like,
    Matches,
    parts,
)
from support.reference_eql_functions import FUNCTIONS, INSENSITIVE
from support.reference_sequences import Found
from support.rules import driver, rule
from support.sequences import names
from support.verdicts import verdicts

PAIRS = int(os.environ.get("CONFORMANCE_PAIRS", "1000"))
SEED = os.environ.get("CONFORMANCE_SEED", "1")
FIRST = int(os.environ.get("CONFORMANCE_FIRST", "0"))
MOST_SHOWN = 3

randoms = st.randoms(use_true_random=False)


def told(results: Iterable[Result]) -> dict[str, list[Found]]:
    """What was found, by the names of the rules."""
    found: dict[str, list[Found]] = {}
    for alert in (alert for result in results for alert in result.alerts):
        if "sequence" in alert:
            one = tuple(alert["sequence"]["by"].values()), names(alert)
        else:
            one = (), tuple(event["event.id"] for event in alert["events"])
        found.setdefault(alert["rule"]["name"], []).append(one)
    return found


def ordered(found: Iterable[Found]) -> list[str]:
    return sorted(map(repr, found))


def differences(trial: Trial, counts: Counter[str], place: str) -> Iterator[str]:
    """The queries of a trial for which the filter finds something else."""
    rules = [rule(text, name=f"{number}") for number, text in enumerate(trial.texts)]
    runner = driver(*rules, reorder_window=None)
    records = [event.record for event in trial.stream]
    results = [runner.send(records), runner.flush()]
    assert not [problem for result in results for problem in result.problems]
    found = told(results)
    for number, (query, text) in enumerate(zip(trial.queries, trial.texts, strict=True)):
        expected, actual = query.finds(trial.stream), found.get(f"{number}", [])
        counts["pairs"] += 1
        counts[f"{type(query).__name__} pairs"] += 1
        counts[f"{type(query).__name__} matched"] += bool(expected)
        if ordered(expected) != ordered(actual):
            stream = "\n".join(map(repr, trial.stream))
            yield (
                f"query {number} of {place}\n{text}\n{query}\non\n{stream}\n"
                f"reference: {ordered(expected)}\nfilter:    {ordered(actual)}"
            )


def test_random_queries_find_in_random_streams_what_the_reference_finds() -> None:
    counts: Counter[str] = Counter()
    different: list[str] = []
    start, number = perf_counter(), FIRST
    while counts["pairs"] < PAIRS:
        place = f"CONFORMANCE_SEED={SEED} CONFORMANCE_FIRST={number} CONFORMANCE_PAIRS=1"
        trial = random_trial(Random(f"{SEED}/{number}"))
        try:
            different += differences(trial, counts, place)
        except Exception as error:
            error.add_note(f"{place}\n{trial}")
            raise
        number += 1
    print(f"\n{dict(counts)}, {len(different)} differences, {perf_counter() - start:.0f} s")
    assert not different, "\n\n".join(different[:MOST_SHOWN])
    for kind in (EventQuery.__name__, SequenceQuery.__name__):
        if counts[f"{kind} pairs"] > 300:
            assert 0.2 < counts[f"{kind} matched"] / counts[f"{kind} pairs"] < 0.8


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(randoms)
def test_a_random_query_matches_the_records_that_the_reference_says(random: Random) -> None:
    world = World.random(random)
    record = random_record(random, world, {"event.category": "file"})
    query = random_event_query(random, Conditions(random, world, record))
    text = query.text(random)
    expected = query.matches(record)
    note(f"{expected}")
    assert verdicts(text, record) == {expected}, f"{text}\n{record}"


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(randoms)
def test_random_queries_find_in_any_small_stream_what_the_reference_finds(random: Random) -> None:
    trial = random_trial(random, most_queries=2, most_events=5)
    assert not list(differences(trial, Counter(), "this example"))


def within(expression: Expression) -> Iterator[Expression]:
    """An expression and all that is in it."""
    yield expression
    for part in parts(expression):
        yield from within(part)


def words_of(expression: Expression) -> Iterator[str]:
    """The functions, operators and kinds of values that stand in an expression."""
    for part in within(expression):
        match part:
            case Call(name, _, insensitive):
                yield name + "~" * insensitive
            case Compare(operator) | Arithmetic(operator) | Like(operator) | Matches(operator):
                yield operator
            case In(_, _, insensitive, negated):
                yield "not " * negated + "in" + "~" * insensitive
            case Field(name, optional):
                yield f"{'?' * optional}{name}"
            case Constant(None | True | False as value):
                yield repr(value)
            case Constant(value):
                yield type(value).__name__
            case _:
                yield type(part).__name__


def test_random_conditions_have_all_of_the_language_in_them() -> None:
    random = Random(1)
    conditions = Conditions(random, World.random(random), {})
    used = {word for _ in range(2000) for word in words_of(conditions.condition(2))}
    operators = {*"+-*/%<>:", "==", "!=", "<=", ">=", "in", "in~", "like", "like~", "regex"}
    operators |= {"regex~", "not in", "not in~", "Not", "And", "Or"}
    values = {"Negative", "str", "int", "float", "None", "True", "False"}
    fields = {mark + name for mark in ("", "?") for name in FIELDS}
    insensitive = {f"{name}~" for name in INSENSITIVE}
    assert used == {*FUNCTIONS, *insensitive, *operators, *values, *fields}
