from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import EqlSemanticError, EqlSyntaxError, SourceError, UnsupportedError
from fluent_eql.fields import Fields
from fluent_eql.lang import (
    Condition,
    EventQuery,
    JoinKey,
    Origin,
    SequenceQuery,
    compile_query,
    nodes,
)

HERE = nodes.Position(0, 1, 1)
LINUX = {"host": {"os": {"type": "linux"}}, "event": {"category": ["network"], "type": ["start"]}}


def event_query(text: str, **options: Any) -> EventQuery:
    query = compile_query(text, **options)
    assert isinstance(query, EventQuery)
    return query


def sequence_query(text: str, **options: Any) -> SequenceQuery:
    query = compile_query(text, **options)
    assert isinstance(query, SequenceQuery)
    return query


def matches(condition: Condition, record: dict[str, Any]) -> bool:
    return condition.matches(Fields(record))


def equal(name: str, value: nodes.Value) -> nodes.Comparison:
    return nodes.Comparison("==", nodes.Field(name, False, HERE), nodes.Literal(value, HERE), HERE)


def test_the_category_is_a_comparison_before_the_condition() -> None:
    condition = event_query('network where host.os.type == "linux" and a == 1').condition
    expected = (equal("event.category", "network"), equal("host.os.type", "linux"), equal("a", 1))
    assert condition.expression == nodes.And(expected, HERE)
    assert condition.fields == ("event.category", "host.os.type", "a")


@pytest.mark.parametrize(
    ("category", "expected"),
    [("network", True), ("file", False), ("Network", False), ("net", False), ("any", True)],
)
@pytest.mark.parametrize(
    "record",
    [
        {"event": {"category": "network"}},
        {"event": {"category": ["session", "network"]}},
        {"event.category": "network"},
    ],
)
def test_the_category_must_be_one_of_the_events(
    category: str, expected: bool, record: dict[str, Any]
) -> None:
    condition = event_query(f"{category} where true").condition
    assert matches(condition, record) is expected


def test_an_event_without_a_category_matches_any_only() -> None:
    assert matches(event_query("any where true").condition, {})
    assert not matches(event_query("network where true").condition, {})


def test_any_tests_no_category() -> None:
    condition = event_query("any where a == 1").condition
    assert condition.expression == equal("a", 1)
    assert condition.fields == ("a",)


def test_a_category_alone_is_the_whole_condition() -> None:
    assert event_query("file where true").condition.expression == equal("event.category", "file")


def test_a_condition_that_never_holds_tests_no_field() -> None:
    condition = event_query("file where a == 1 and false").condition
    assert condition.expression == nodes.Literal(False, HERE)
    assert condition.fields == ()
    assert not matches(condition, {"event": {"category": "file"}, "a": 1})


def test_the_category_field_can_be_another() -> None:
    condition = event_query("file where a", event_category_field="kind").condition
    assert condition.fields == ("kind", "a")
    assert matches(condition, {"kind": "file", "a": True})


def test_fields_are_named_once_in_the_order_of_their_first_appearance() -> None:
    text = (
        'any where z == 1 and (y like "x" or not ?x in (1)) and cidrMatch(w, "::1")'
        " and 1 < v and z == null and u"
    )
    assert event_query(text).condition.fields == ("z", "y", "x", "w", "v", "u")


def test_an_event_query_has_its_condition_as_its_conditions_and_its_tree() -> None:
    query = event_query('network where host.os.type == "linux" and event.type == "start"')
    assert query.conditions == (query.condition,)
    assert isinstance(query.ast.statement, nodes.EventFilter)
    assert query.warnings == ()
    assert matches(query.condition, LINUX)
    assert not matches(query.condition, {**LINUX, "host": {"os": {"type": "windows"}}})


def test_a_sequence_has_stages_with_the_shared_join_keys_before_their_own() -> None:
    query = sequence_query(
        "sequence by host.id, ?user.id with maxspan=5s"
        " [network where a] by process.pid [file where b] by ?file.pid [any where c] by x"
    )
    assert query.maxspan == 5 * 10**9
    shared = (JoinKey("host.id", False), JoinKey("user.id", True))
    assert [stage.by for stage in query.stages] == [
        (*shared, JoinKey("process.pid", False)),
        (*shared, JoinKey("file.pid", True)),
        (*shared, JoinKey("x", False)),
    ]
    assert [stage.condition.fields for stage in query.stages] == [
        ("event.category", "a"),
        ("event.category", "b"),
        ("c",),
    ]
    assert query.conditions == tuple(stage.condition for stage in query.stages)
    assert matches(query.conditions[1], {"event": {"category": "file"}, "b": True})
    assert isinstance(query.ast.statement, nodes.Sequence)


def test_a_sequence_needs_neither_join_keys_nor_maxspan() -> None:
    query = sequence_query("sequence [file where true] [file where true]")
    assert query.maxspan is None
    assert [stage.by for stage in query.stages] == [(), ()]


def test_a_sequence_may_have_many_stages() -> None:
    assert len(sequence_query("sequence by a" + " [any where b]" * 20).stages) == 20
    assert len(sequence_query("sequence by a [any where b] with runs=256").stages) == 256


def test_a_repeated_stage_stands_there_as_often_and_the_same() -> None:
    query = sequence_query("sequence with maxspan=1s [any where a] with runs=3 ![any where b]")
    first, second, third, missing = query.stages
    assert first is second is third
    assert [first.missing, missing.missing] == [False, True]
    assert query.conditions == (first.condition, missing.condition)


def test_what_ends_a_sequence_is_a_stage_of_its_own() -> None:
    query = sequence_query(f"sequence by k {TWO} until [any where c]")
    assert query.until is not None
    assert query.until.by == (JoinKey("k", False),)
    assert query.all_stages == (*query.stages, query.until)
    assert query.conditions[-1].fields == ("c",)


def test_a_sequence_without_maxspan_is_warned_of_with_its_place() -> None:
    [warning] = sequence_query(f"sequence {TWO}", source="r.toml", origin=Origin(7, 3)).warnings
    assert warning.startswith("r.toml:7:3: a sequence without maxspan")
    assert "state.ttl" in warning


@pytest.mark.parametrize("pipe", ["head", "tail"])
def test_head_and_tail_are_ignored_with_a_warning_that_says_where(pipe: str) -> None:
    query = event_query(f"any where a\n| {pipe} 5", source="r.toml", origin=Origin(7, 3))
    assert query.warnings == (f"r.toml:8:3: | {pipe} 5 is ignored: a stream has no end",)
    assert len(event_query(f"any where a | {pipe} 0").warnings) == 1
    both = sequence_query("sequence with maxspan=1s [any where a] [any where b] | head 5 | tail 1")
    assert len(both.warnings) == 2


TWO = "[any where a] [any where b]"


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        (f"sample by host.id {TWO}", "sample, which is unordered", 1),
        (f"join by host.id {TWO}", "join", 1),
        ("any where a | count", "the pipe count (known are head and tail)", 15),
        ("any where a | unique a", "the pipe unique", 15),
        ("any where a | HEAD 5", "the pipe HEAD", 15),
        ("any where a in (b)", "a field in a list (b)", 17),
        (f"sequence {TWO[:13]} [any where cidrMatch(a, b)]", "a field as a network (b)", 48),
    ],
)
def test_what_this_version_cannot_run_is_refused_by_name(text: str, name: str, column: int) -> None:
    with pytest.raises(UnsupportedError) as caught:
        compile_query(text)
    assert caught.value.message.startswith(f"not supported in this version: {name}")
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("sequence by a [any where a]", "a sequence of at least two events, found one", 1),
        (
            "sequence [any where a] by x [any where b]",
            "as many join keys as the first event of the sequence has, 1, found 0",
            29,
        ),
        (
            "sequence by k [any where a] [any where b] by x, y",
            "as many join keys as the first event of the sequence has, 1, found 3",
            29,
        ),
        ("any where a | head", "expected one whole number after head, such as head 10", 15),
        ("any where a | tail -1", "expected one whole number after tail", 15),
        ("any where a | tail 1, 2", "expected one whole number after tail", 15),
        ("any where a | tail 1.5", "expected one whole number after tail", 15),
        ("any where a | head true", "expected one whole number after head", 15),
        ("any where a like 5", "expected a string after like", 18),
    ],
)
def test_what_cannot_mean_anything_is_an_error_where_it_stands(
    text: str, message: str, column: int
) -> None:
    with pytest.raises(EqlSemanticError) as caught:
        compile_query(text)
    assert message in caught.value.message
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "kind", "printed"),
    [
        (
            "sequence by host.id\n  [file where a like 5]\n  [file where b]",
            EqlSemanticError,
            "rule.toml:21:22: expected a string after like, found the number 5\n"
            "      [file where a like 5]\n"
            "                         ^",
        ),
        (
            'any where\n  regexp(a) or a regex "x"',
            EqlSemanticError,
            'rule.toml:21:3: there is no function regexp\n      regexp(a) or a regex "x"\n      ^',
        ),
        (
            "any where\n\ta in (b)",
            UnsupportedError,
            "rule.toml:21:8: not supported in this version: a field in a list (b)\n"
            "     a in (b)\n"
            "           ^",
        ),
        (
            "any where a = 1",
            EqlSyntaxError,
            "rule.toml:20:22: expected the end of the query, found =; equality is written ==\n"
            "             any where a = 1\n"
            "                         ^",
        ),
    ],
)
def test_an_error_prints_the_place_in_the_file_the_line_and_a_caret(
    text: str, kind: type[SourceError], printed: str
) -> None:
    with pytest.raises(kind) as caught:
        compile_query(text, source="rule.toml", origin=Origin(line=20, column=10))
    assert str(caught.value) == printed


WORDS = st.sampled_from(
    ["a", "b.c", "?a", '"x*"', "5", "1.5", "true", "null", "==", "!=", "<", "and", "or", "not"]
    + ["in", "in~", "like", ":", "regex", "(", ")", ",", "cidrMatch(", "length(", "-", "+", "]"]
    + ["[any where", "until", "by", "with", "runs=2", "| head 5", '("x")', "(1, 2)"]
)


@given(
    st.sampled_from(["any where ", "sequence by a [any where b] [any where ", ""]),
    st.lists(WORDS, max_size=12).map(" ".join),
)
def test_random_words_compile_or_raise_a_source_error(start: str, text: str) -> None:
    with suppress(SourceError):
        for condition in compile_query(start + text).conditions:
            assert matches(condition, {"a": [1, "x", True]}) in (True, False)
