from __future__ import annotations

import pytest

from fluent_eql.errors import EqlSyntaxError
from fluent_eql.lang.cursor import Cursor
from fluent_eql.lang.expressions import parse_expression, parse_field
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
    Value,
)
from fluent_eql.lang.source import Origin, Source
from fluent_eql.lang.tokens import Kind

HERE = Position(0, 1, 1)


def parsed(text: str) -> Expression:
    cursor = Cursor(Source(text, "q", Origin()))
    node = parse_expression(cursor)
    assert cursor.token.kind is Kind.END, f"{cursor.token} is left over"
    return node


def field(name: str, *, optional: bool = False) -> Field:
    return Field(name, optional, HERE)


def literal(value: Value) -> Literal:
    return Literal(value, HERE)


def equal(name: str, value: Value) -> Comparison:
    return Comparison("==", field(name), literal(value), HERE)


def call(name: str, *arguments: Expression, insensitive: bool = False) -> FunctionCall:
    return FunctionCall(name, insensitive, arguments, HERE)


def one_of(name: str, *values: Value, insensitive: bool = False) -> Membership:
    return Membership(field(name), insensitive, tuple(map(literal, values)), HERE)


def like(operator: str, name: str, *patterns: Value) -> PatternMatch:
    return PatternMatch(operator, field(name), tuple(map(literal, patterns)), HERE)


A, B, C = field("a"), field("b"), field("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("?a.b", field("a.b", optional=True)),
        ("process.Ext.token", field("process.Ext.token")),
        ("event.sequence", field("event.sequence")),
        ("`any`", field("any")),
        ("`a-b`.c", field("a-b.c")),
        ("?`a b`", field("a b", optional=True)),
        ("a . b", field("a.b")),
        ("true", literal(True)),
        ("false", literal(False)),
        ("null", literal(None)),
        ('"x"', literal("x")),
        ("5", literal(5)),
        ("-5", literal(-5)),
        ("+5", literal(5)),
        ("-1.5", literal(-1.5)),
        ("- -5", literal(5)),
        ("-a", Negative(A, HERE)),
        ("-(a)", Negative(A, HERE)),
    ],
)
def test_fields_and_values(text: str, tree: Expression) -> None:
    assert repr(parsed(text)) == repr(tree)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a == 1", equal("a", 1)),
        ("1 < a", Comparison("<", literal(1), A, HERE)),
        ("a != null", Comparison("!=", A, literal(None), HERE)),
        ('a in ("x")', one_of("a", "x")),
        ('a in~ ("x", "y")', one_of("a", "x", "y", insensitive=True)),
        ("a in ()", one_of("a")),
        ('a not in ("x")', Not(one_of("a", "x"), HERE)),
        ('a not in~ ("x")', Not(one_of("a", "x", insensitive=True), HERE)),
        ("a in (b, 1 + 2)", Membership(A, False, (B, parsed("1 + 2")), HERE)),
        ('a : "x*"', like(":", "a", "x*")),
        ('a:"x*"', like(":", "a", "x*")),
        ('a : ("x", "y")', like(":", "a", "x", "y")),
        ('a like "x"', like("like", "a", "x")),
        ('a like~ ("x")', like("like~", "a", "x")),
        ("a like ()", like("like", "a")),
        ("a like 5", like("like", "a", 5)),
        ('a regex "x"', like("regex", "a", "x")),
        ('a regex~ ("x", "y")', like("regex~", "a", "x", "y")),
        ('cidrMatch(a, "::1")', call("cidrMatch", A, literal("::1"))),
        ('startsWith~(a, "x")', call("startsWith", A, literal("x"), insensitive=True)),
        ("f()", call("f")),
        ("length(a) > 5", Comparison(">", call("length", A), literal(5), HERE)),
        (
            'string(a) : "x"',
            PatternMatch(":", call("string", A), (literal("x"),), HERE),
        ),
        ("f(g(a), b == 1)", call("f", call("g", A), equal("b", 1))),
    ],
)
def test_comparisons_predicates_and_calls(text: str, tree: Expression) -> None:
    assert repr(parsed(text)) == repr(tree)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a and b or c", "(a and b) or c"),
        ("a or b and c", "a or (b and c)"),
        ("not a and b", "(not a) and b"),
        ("not a or b", "(not a) or b"),
        ("not not a", "not (not a)"),
        ("not a == 1", "not (a == 1)"),
        ("a == 1 and b == 2", "(a == 1) and (b == 2)"),
        ('not a in ("x")', 'a not in ("x")'),
        ('not a like "x" and b', '(not (a like "x")) and b'),
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a * b / c % a", "((a * b) / c) % a"),
        ("a + 1 == b - 2", "(a + 1) == (b - 2)"),
        ("-a * b", "(-a) * b"),
        ("a - -1", "a - (-1)"),
        ("((a))", "a"),
    ],
)
def test_operators_bind_from_or_through_and_not_comparison_sum_product_to_sign(
    text: str, same: str
) -> None:
    assert repr(parsed(text)) == repr(parsed(same))


def test_arithmetic_groups_to_the_left() -> None:
    tree = Arithmetic("-", Arithmetic("-", A, B, HERE), C, HERE)
    assert parsed("a - b - c") == tree
    assert parsed("a - (b - c)") == Arithmetic("-", A, Arithmetic("-", B, C, HERE), HERE)


def test_chains_of_and_and_or_are_one_node_each() -> None:
    assert parsed("a and b and c") == And((A, B, C), HERE)
    assert parsed("a or b or c") == Or((A, B, C), HERE)
    assert parsed("a or b and c") == Or((A, And((B, C), HERE)), HERE)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("  a", 2),
        ("  ?a", 2),
        ("a == 1", 2),
        ("  a and b and c", 2),
        ("  a or b or c", 2),
        ("a not in (1)", 2),
        ("not a", 0),
        ("a + 1", 2),
        ("-a", 0),
        ('a.b : "x"', 4),
        ("(f(a))", 1),
    ],
)
def test_a_node_stands_at_its_operator_or_its_first_character(text: str, offset: int) -> None:
    assert parsed(text).position.offset == offset


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "expected a field, a value, a function or (, found the end of the query", 1),
        ("a ==", "expected a field, a value, a function or (, found the end", 5),
        ("(a", "expected ), found the end of the query", 3),
        ("a == 1 == 2", "comparisons do not chain", 8),
        ("a < b < c", "comparisons do not chain", 7),
        ("a == not b", "found not; a field of that name is written `not`", 6),
        ("any == 1", "found any; a field of that name is written `any`", 1),
        ('a not like "x"', "expected not before the field (not field like …)", 3),
        ('a not : "x"', "expected not before the field (not field : …)", 3),
        ('a in "x"', 'expected (, found "x"', 6),
        ("a in (1,)", "expected a field, a value, a function or (, found )", 9),
        ("a in (1", "expected ), found the end", 8),
        ("a like", "expected a value, found the end", 7),
        ("a like b", "expected a value, found b", 8),
        ('a like ("x" "y")', 'expected ), found "y"', 13),
        ("a[0] == 1", "expected no index: a field stands for all of its values", 2),
        ("a. == 1", "expected a field name, found ==", 4),
        ("a.b~ == 1", "expected a field name, found b~", 3),
        ("? 5", "expected a field name, found 5", 3),
        ("?any == 1", "expected a field name, found any; a field of that name is", 2),
        ("f(a", "expected ), found the end", 4),
        ("and a", "found and", 1),
        (".".join(["a"] * 33), "expected a field name of at most 32 parts", 1),
        ("`" + "." * 32 + "`", "expected a field name of at most 32 parts", 1),
    ],
)
def test_what_is_no_expression_is_an_error_where_it_stands(
    text: str, message: str, column: int
) -> None:
    with pytest.raises(EqlSyntaxError) as caught:
        parsed(text)
    assert message in caught.value.message
    assert caught.value.column == column


@pytest.mark.parametrize("opening", ["(", "not ", "-", "f(", "a and (", "a in (", "a == 1 or ("])
def test_deep_nesting_is_an_error_and_no_recursion_error(opening: str) -> None:
    with pytest.raises(EqlSyntaxError, match="levels of nesting"):
        parsed(opening * 5000)


def test_forty_levels_of_parentheses_are_read() -> None:
    assert repr(parsed("(" * 40 + "a" + ")" * 40)) == repr(A)
    parsed("a and (" * 40 + "b" + ")" * 40)


def test_parse_field_leaves_what_follows_the_name() -> None:
    cursor = Cursor(Source("?host.id, b", "q", Origin()))
    assert parse_field(cursor) == field("host.id", optional=True)
    assert cursor.at(",")
