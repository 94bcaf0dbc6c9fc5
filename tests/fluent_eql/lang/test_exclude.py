from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import EqlSemanticError, EqlSyntaxError, SourceError, UnsupportedError
from fluent_eql.fields import Fields
from fluent_eql.lang import (
    EventQuery,
    SequenceQuery,
    compile_query,
    excluding,
    nodes,
    parse_condition,
)
from fluent_eql.screen import needles_of

CONDITIONS = [
    'a == "x"',
    'a != "x"',
    'a : "X*"',
    'not a in ("x", "y")',
    "a == null",
    "length(a) != 1",
    "not length(a) == 1",
    'a regex "x|y"',
    'a == "x" and b == "x"',
    'a == "x" or b == null',
    "startsWith(a, b)",
]
records = st.dictionaries(
    st.sampled_from("ab"),
    st.sampled_from(["x", "y", "xy", None, [], ["x", "y"], [None], 1]),
)


def event_query(text: str, *excluded: str) -> EventQuery:
    query = excluding(compile_query(text), [(None, parse_condition(e)) for e in excluded])
    assert isinstance(query, EventQuery)
    return query


def sequence_query(text: str, *excluded: tuple[int | None, str]) -> SequenceQuery:
    exclusions = [(stage, parse_condition(condition)) for stage, condition in excluded]
    query = excluding(compile_query(text), exclusions)
    assert isinstance(query, SequenceQuery)
    return query


def holds(query: EventQuery, record: dict[str, Any]) -> bool:
    return query.condition.matches(Fields(record))


def satisfied(query: SequenceQuery, record: dict[str, Any]) -> list[bool]:
    """Of each stage, then of until, whether the record satisfies it."""
    return [stage.condition.matches(Fields(record)) for stage in query.all_stages]


@given(
    st.sampled_from([*CONDITIONS, "true", "false"]),
    st.lists(st.sampled_from(CONDITIONS), max_size=3),
    records,
)
def test_an_event_satisfies_the_query_and_none_of_the_exceptions(
    condition: str, excluded: list[str], record: dict[str, Any]
) -> None:
    wanted = holds(event_query(f"any where {condition}"), record) and not any(
        holds(event_query(f"any where {exception}"), record) for exception in excluded
    )
    assert holds(event_query(f"any where {condition}", *excluded), record) is wanted


@pytest.mark.parametrize("record", [{}, {"a": None}, {"a": []}])
@pytest.mark.parametrize("exception", ['a == "x"', 'a : "*"', "length(a) < 9", "a > 0", "a"])
def test_an_event_that_lacks_the_field_of_an_exception_is_not_excluded(
    exception: str, record: dict[str, Any]
) -> None:
    assert holds(event_query("any where true", exception), record)


def test_what_an_exception_tests_is_read_of_events_too() -> None:
    assert event_query("process where a == 1", "b == 2", "a == 3").condition.fields == (
        "event.category",
        "a",
        "b",
    )


def test_exceptions_stand_behind_the_conditions_own_parts() -> None:
    expression = event_query("any where a == 1 and b == 2", "c == 3").condition.expression
    assert isinstance(expression, nodes.And)
    assert [type(part) for part in expression.operands] == [
        nodes.Comparison,
        nodes.Comparison,
        nodes.Not,
    ]


@pytest.mark.parametrize("exception", CONDITIONS)
def test_a_screened_query_stays_screened_by_the_same_needles(exception: str) -> None:
    plain = event_query('any where process.name == "something"')
    tuned = event_query('any where process.name == "something"', exception)
    assert needles_of(plain.condition.expression) is not None
    assert needles_of(tuned.condition.expression) == needles_of(plain.condition.expression)


def test_an_exception_without_a_stage_is_one_from_all_stages_and_from_until() -> None:
    text = "sequence by k with maxspan=1s [any where true] ![any where true] until [any where true]"
    text = text.replace(" until", " [any where true] until")
    query = sequence_query(text, (None, 'n == "x"'))
    assert satisfied(query, {"n": "x"}) == [False] * 4
    assert satisfied(query, {"n": "y"}) == [True] * 4
    assert [stage.missing for stage in query.stages] == [False, True, False]


def test_an_exception_from_one_stage_leaves_the_others_and_until_as_they_are() -> None:
    text = "sequence by k [any where true] [any where true] until [any where true]"
    query = sequence_query(text, (1, 'n == "x"'))
    assert satisfied(query, {"n": "x"}) == [True, False, True]
    assert [stage.condition.fields for stage in query.all_stages] == [(), ("n",), ()]


def test_repeated_stages_stay_one_object_as_long_as_the_same_is_excluded_from_them() -> None:
    text = "sequence by k [any where true] with runs=3 [any where a == 1]"
    first, second, third, last = sequence_query(text, (None, "b == 1")).stages
    assert first is second is third is not last
    first, second, third, last = sequence_query(text, (1, "b == 1")).stages
    assert first is third is not second
    assert satisfied(sequence_query(text, (1, "b == 1")), {"a": 1, "b": 1}) == [
        True,
        False,
        True,
        True,
    ]


def test_without_exceptions_nothing_changes() -> None:
    query = compile_query("sequence by k [any where true] [any where a == 1]")
    assert excluding(query, []) == query
    assert event_query("any where a == 1").condition.fields == ("a",)


@pytest.mark.parametrize(
    ("text", "kind", "column", "message"),
    [
        ("a ==", EqlSyntaxError, 5, "expected"),
        ("process where a == 1", EqlSyntaxError, 9, "expected the end of the condition"),
        ("a == 1 | head 1", EqlSyntaxError, 8, "expected the end of the condition"),
        ("", EqlSyntaxError, 1, "expected"),
        ('nosuch(a) == "x"', EqlSemanticError, 1, "there is no function nosuch"),
        ("a == 1 and b", None, 0, ""),
        ('a + 1 == "x"', EqlSemanticError, 7, "expected two values of one type"),
        ("length(a)", EqlSemanticError, 1, "expected a condition"),
        ("a in (b, c)", UnsupportedError, 7, "a field in a list (b)"),
        ("true", EqlSemanticError, 1, "found one that is always true"),
        ("1 > 2", EqlSemanticError, 3, "found one that is always false"),
        ("a == 1 or true", EqlSemanticError, 3, "found one that is always true"),
    ],
)
def test_a_condition_is_checked_as_those_of_rules_are(
    text: str, kind: type[SourceError] | None, column: int, message: str
) -> None:
    if kind is None:
        parse_condition(text)
        return
    with pytest.raises(kind) as raised:
        parse_condition(text)
    assert raised.value.column == column
    assert message in raised.value.message
    assert raised.value.text == text


def test_a_condition_may_have_several_lines_and_comments() -> None:
    text = 'a == "x" // this one\n  and b = 1'
    with pytest.raises(EqlSyntaxError) as raised:
        parse_condition(text)
    assert (raised.value.line, raised.value.column, raised.value.text) == (2, 9, "  and b = 1")
    assert parse_condition(text.replace(" = ", " == ")) == parse_condition('a == "x" and b == 1')
