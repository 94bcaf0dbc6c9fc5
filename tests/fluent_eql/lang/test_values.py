from __future__ import annotations

from itertools import product
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.fields import Fields
from fluent_eql.lang.cursor import Cursor
from fluent_eql.lang.expressions import parse_expression
from fluent_eql.lang.functions import ValueType
from fluent_eql.lang.nodes import (
    Arithmetic,
    Comparison,
    Expression,
    Field,
    FunctionCall,
    Literal,
    PatternMatch,
    Position,
)
from fluent_eql.lang.resolve import resolve
from fluent_eql.lang.source import Origin, Source
from fluent_eql.lang.values import (
    MOST_COMBINATIONS,
    constant_value,
    literal_value,
    network_test,
    pattern_test,
    value_type,
    values_of,
)

HERE = Position(0, 1, 1)
A = Field("a", False, HERE)


def resolved(text: str) -> Expression:
    """The normal form of a value, taken out of a comparison with null."""
    source = Source(f"({text}) == null", "q", Origin())
    comparison = resolve(parse_expression(Cursor(source)), source)
    assert isinstance(comparison, Comparison)
    return comparison.left


def results(text: str, record: dict[str, Any]) -> list[Any]:
    return list(values_of(resolved(text))(Fields(record)))


@pytest.mark.parametrize(
    ("text", "record", "expected"),
    [
        ("length(a)", {"a": "xyz"}, [3]),
        ("length(a)", {"a": ["x", "xyz"]}, [1, 3]),
        ("length(a)", {"a": ["x", 5]}, [1, None]),
        ("length(a)", {}, [None]),
        ("length(a)", {"a": [None]}, [None]),
        ("a + 1", {"a": [1, 2.5, True, "1"]}, [2, 3.5, None, None]),
        ("1 - a", {"a": 3}, [-2]),
        ("-a", {"a": [3, -2.5]}, [-3, 2.5]),
        ("a + b", {"a": [1, 2], "b": [10, 20]}, [11, 21, 12, 22]),
        ("a + b", {"a": [1, 2]}, [None, None]),
        ("a + a", {"a": [1, 10]}, [2, 11, 11, 20]),
        ("substring(a, 0, 2)", {"a": "hello"}, ["he"]),
        ("substring(a, b, c)", {"a": "hello", "b": 1}, ["ello"]),
        ("substring(a, b)", {"a": "hello"}, ["hello"]),
        ('concat(a, "-", b)', {"a": ["x", 1], "b": [True]}, ["x-true", "1-true"]),
        ('concat(a, "-", b)', {"a": "x"}, [None]),
        ("string(a)", {"a": [1, 1.0, True, "x", None]}, ["1", "1.0", "true", "x"]),
        ('between~(a, "X", "Z")', {"a": "axBz"}, ["B"]),
        ('indexOf(a, "l")', {"a": ["hello", "x"]}, [2, None]),
        ('indexOf~(a, "L", 3)', {"a": "hello"}, [3]),
        ("number(a)", {"a": ["12", "x", "0x10"]}, [12, None, 16]),
        ("number(a, 16)", {"a": "ff"}, [255]),
        ("a / b", {"a": 7, "b": [2, 0, 2.0]}, [3, None, 3.5]),
        # conditions as values know null
        ("a == 1", {"a": [1, 2, "1"]}, [True, False, None]),
        ("a == 1", {}, [None]),
        ("a != 1", {"a": [1, 2]}, [False, True]),
        ("a != 1", {}, [None]),
        ("a == null", {"a": 1}, [False]),
        ("a == null", {}, [True]),
        ("a != null", {}, [False]),
        ("not a == 1", {"a": [1, 2]}, [False, True]),
        ("not a == 1", {}, [None]),
        ("a > 1", {"a": [1, 2, True, "5"]}, [False, True, None, None]),
        ("a < b", {"a": ["x", 1], "b": "y"}, [True, None]),
        ("a and b", {"a": True, "b": True}, [True]),
        ("a and b", {"a": True}, [None]),
        ("a and b", {"a": False}, [False]),
        ("a or b", {"a": True}, [True]),
        ("a or b", {"a": False}, [None]),
        ("a or b", {"a": False, "b": False}, [False]),
        ('a in ("x", "y")', {"a": ["x", "z", 1]}, [True, False, False]),
        ('a in ("x")', {}, [None]),
        ('a in~ ("X")', {"a": ["x", "y", 1]}, [True, False, False]),
        ("a in (1, 2)", {"a": [1, 2.0, True]}, [True, True, False]),
        ('a like "x*"', {"a": ["xy", "y", 1]}, [True, False, None]),
        ('a regex~ "x.*"', {"a": ["XY", "y"]}, [True, False]),
        ('startsWith(a, "x")', {"a": ["xy", "y", 1]}, [True, False, None]),
        (
            'cidrMatch(a, "10.0.0.0/8")',
            {"a": ["10.1.1.1", "::1", "x", 1]},
            [True, False, None, None],
        ),
        ('string(cidrMatch(a, "::1"))', {"a": ["::1", "1.1.1.1", "x"]}, ["true", "false", None]),
        ("string(a == 1)", {"a": [1, 2]}, ["true", "false"]),
    ],
)
def test_the_values_of_an_expression(text: str, record: dict[str, Any], expected: Any) -> None:
    found = results(text, record)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


VALUES = st.lists(st.sampled_from(["x", "xy", "", 1, 2, True, None]), max_size=3)


@given(VALUES, VALUES)
def test_two_fields_have_a_result_for_each_pair_of_their_values(
    left: list[Any], right: list[Any]
) -> None:
    pairs = product(*([x for x in side if x is not None] or [None] for side in (left, right)))
    expected = [
        None if None in pair else "".join("true" if x is True else str(x) for x in pair)
        for pair in pairs
    ]
    assert results("concat(a, b)", {"a": left, "b": right}) == expected


def test_the_combinations_of_large_arrays_are_bounded() -> None:
    record = {"a": ["x" * 1000] * 10_000, "b": ["y"] * 10_000}
    start = process_time()
    assert len(results("concat(a, b)", record)) == MOST_COMBINATIONS
    assert len(results("concat(concat(a, b), concat(b, a))", record)) == MOST_COMBINATIONS
    assert process_time() - start < 2
    assert len(results("length(a)", record)) == 10_000


def test_a_constant_has_one_value() -> None:
    call = FunctionCall("concat", False, (Literal("x", HERE), Literal(1, HERE)), HERE)
    assert constant_value(call) == "x1"
    assert constant_value(Comparison("==", call, Literal(None, HERE), HERE)) is False
    assert constant_value(Literal(None, HERE)) is None


def test_the_value_of_a_literal_is_that_of_nothing_else() -> None:
    assert literal_value(Literal("x", HERE)) == "x"
    with pytest.raises(TypeError, match="not in normal form"):
        literal_value(A)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", ValueType.STRING),
        (1, ValueType.NUMBER),
        (1.5, ValueType.NUMBER),
        (True, ValueType.BOOLEAN),
    ],
)
def test_the_type_of_a_value(value: Any, kind: ValueType) -> None:
    assert value_type(value) is kind


@pytest.mark.parametrize(
    ("operator", "pattern", "text", "expected"),
    [
        ("like", "x*", "xy", True),
        ("like", "x*", "XY", False),
        (":", "x*", "XY", True),
        ("like~", "x.", "X.", True),
        ("regex", "x.", "xy", True),
        ("regex", "x*", "xy", False),
        ("regex~", "x.", "XY", True),
    ],
)
def test_the_test_of_a_pattern(operator: str, pattern: str, text: str, expected: bool) -> None:
    node = PatternMatch(operator, A, (Literal("-", HERE), Literal(pattern, HERE)), HERE)
    assert pattern_test(node)(text) is expected


def test_the_test_of_networks() -> None:
    test = network_test([Literal("10.0.0.0/8", HERE), Literal("::1", HERE)])
    assert [test(text) for text in ("10.9.9.9", "::1", "11.0.0.1", "x")] == [
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(TypeError):
        network_test([A])


def test_only_an_expression_in_normal_form_has_values() -> None:
    with pytest.raises(KeyError):
        values_of(Arithmetic("+", A, A, HERE))
