from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from fluent_eql.lang import nodes
from fluent_eql.lang.nodes import (
    And,
    Arithmetic,
    Comparison,
    Expression,
    Field,
    FunctionCall,
    Literal,
    Membership,
    Negative,
    Not,
    Or,
    PatternMatch,
    Position,
    field_names,
)

HERE, THERE = Position(0, 1, 1), Position(9, 2, 3)


def test_nodes_compare_by_what_they_say_and_not_by_where_they_stand() -> None:
    here, there = Not(Field("a", False, HERE), HERE), Not(Field("a", False, THERE), THERE)
    assert here == there
    assert hash(here) == hash(there)
    assert repr(here) == repr(there)
    assert here != Not(Field("a", True, HERE), HERE)


def test_a_number_and_a_boolean_do_not_say_the_same() -> None:
    assert Literal(True, HERE) != Literal(1, HERE)
    assert Literal(False, HERE) != Literal(0.0, HERE)
    assert Literal(1, HERE) == Literal(1.0, THERE)
    assert Literal("1", HERE) != "1"
    assert Literal(True, HERE) == Literal(True, THERE)
    assert len({Literal(True, HERE), Literal(True, THERE), Literal(1, HERE)}) == 2


@pytest.mark.parametrize(
    "node",
    [value for value in vars(nodes).values() if isinstance(value, type) and is_dataclass(value)],
)
def test_nodes_cannot_be_changed_nor_given_other_attributes(node: type) -> None:
    names = [part.name for part in fields(node)]
    instance = node(*names)
    assert not hasattr(instance, "__dict__")
    for name in names:
        with pytest.raises(FrozenInstanceError):
            setattr(instance, name, None)


@pytest.mark.parametrize(
    ("operator", "insensitive"),
    [(":", True), ("like", False), ("like~", True), ("regex", False), ("regex~", True)],
)
def test_the_colon_and_the_tilde_make_a_pattern_case_insensitive(
    operator: str, insensitive: bool
) -> None:
    node = PatternMatch(operator, Field("a", False, HERE), (Literal("x", HERE),), HERE)
    assert node.insensitive is insensitive


A, B, C = (Field(name, False, HERE) for name in ("a", "b.c", "d"))
ONE = Literal(1, HERE)


@pytest.mark.parametrize(
    ("node", "names"),
    [
        (ONE, []),
        (A, ["a"]),
        (Not(A, HERE), ["a"]),
        (Negative(A, HERE), ["a"]),
        (And((A, B, A), HERE), ["a", "b.c", "a"]),
        (Or((B, Not(A, HERE)), HERE), ["b.c", "a"]),
        (Comparison("==", A, B, HERE), ["a", "b.c"]),
        (Comparison("==", A, ONE, HERE), ["a"]),
        (Arithmetic("+", B, A, HERE), ["b.c", "a"]),
        (Membership(A, False, (ONE, B), HERE), ["a", "b.c"]),
        (PatternMatch(":", A, (), HERE), ["a"]),
        (FunctionCall("f", False, (C, ONE, FunctionCall("g", True, (A,), HERE)), HERE), ["d", "a"]),
    ],
)
def test_the_names_of_the_fields_in_an_expression(node: Expression, names: list[str]) -> None:
    assert list(field_names(node)) == names
