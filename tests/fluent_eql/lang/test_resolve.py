from __future__ import annotations

import pytest

from fluent_eql.errors import EqlSemanticError, SourceError, UnsupportedError
from fluent_eql.lang.cursor import Cursor
from fluent_eql.lang.expressions import parse_expression
from fluent_eql.lang.nodes import Expression, Literal, Position
from fluent_eql.lang.resolve import all_of, resolve
from fluent_eql.lang.source import Origin, Source

HERE = Position(0, 1, 1)


def parsed(text: str) -> Expression:
    return parse_expression(Cursor(Source(text, "q", Origin())))


def resolved(text: str) -> Expression:
    source = Source(text, "q", Origin())
    return resolve(parse_expression(Cursor(source)), source)


def failure(text: str, kind: type[SourceError]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        resolved(text)
    assert type(caught.value) is kind, caught.value
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "a == 1",
        'a != "x" and b < 2.5',
        "not (a == null or b == true)",
        'a in ("x", "y")',
        "a in (1, 2.5, -3)",
        "a in (true, false)",
        'not a in~ ("x")',
        'a like ("x*", "y")',
        'a : "x"',
        'cidrMatch(a, "10.0.0.0/8", "::1")',
    ],
)
def test_a_condition_in_normal_form_stays_as_it_is(text: str) -> None:
    assert repr(resolved(text)) == repr(parsed(text))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("a", "a == true"),
        ("not a", "not a == true"),
        ("1 == a", "a == 1"),
        ("1 != a", "a != 1"),
        ("1 < a", "a > 1"),
        ("1 <= a", "a >= 1"),
        ("1 > a", "a < 1"),
        ("1 >= a", "a <= 1"),
        ("null == a", "a == null"),
        ("true == a", "a == true"),
        ('CIDRMATCH(a, "::1")', 'cidrMatch(a, "::1")'),
        ("not true", "false"),
        ("not not true", "true"),
        ("a == 1 and true", "a == 1"),
        ("a == 1 and false", "false"),
        ("true and true", "true"),
        ("a == 1 or true", "true"),
        ("a == 1 or false", "a == 1"),
        ("false or false", "false"),
        ("a == 1 and (b == 2 or not false)", "a == 1"),
        ("a == 1 and true and b == 2", "a == 1 and b == 2"),
    ],
)
def test_a_condition_is_brought_to_its_normal_form(text: str, normal: str) -> None:
    assert repr(resolved(text)) == repr(parsed(normal))


def test_the_conjunction_of_no_conditions_is_true() -> None:
    assert all_of([], HERE) == Literal(True, HERE)
    assert all_of([Literal(True, HERE)], HERE) == Literal(True, HERE)
    assert all_of([Literal(True, HERE), parsed("a == 1")], HERE) == parsed("a == 1")


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        *(
            (f"{name}({arguments}) == 1", f"the function {name}", 1)
            for name, arguments in [
                ("add", "a, 1"),
                ("between", 'a, "x", "y"'),
                ("concat", "a"),
                ("divide", "a, 1"),
                ("endsWith", 'a, "x"'),
                ("indexOf", 'a, "x"'),
                ("length", "a"),
                ("modulo", "a, 1"),
                ("multiply", "a, 1"),
                ("number", "a"),
                ("startsWith", 'a, "x"'),
                ("string", "a"),
                ("stringContains", 'a, "x"'),
                ("substring", "a, 0"),
                ("subtract", "a, 1"),
            ]
        ),
        ('b == 1 and startsWith~(a, "x")', "the function startsWith", 12),
        ("LENGTH(a) > 1", "the function length", 1),
        ("length(a) in (1)", "the function length", 1),
        ('string(a) : "x"', "the function string", 1),
        ("5 < length(a)", "the function length", 5),
        ('a regex "x"', "regex", 3),
        ('a regex~ ("x", "y")', "regex~", 3),
        ("a + 1 == 2", "arithmetic (+)", 3),
        ("a == 2 * 3", "arithmetic (*)", 8),
        ("a % 2 == 0", "arithmetic (%)", 3),
        ("a / 2 > b", "arithmetic (/)", 3),
        ("a-b == 1", "arithmetic (-); a field name with a hyphen is written in backticks", 2),
        ("-a == 1", "arithmetic (the sign -)", 1),
        ("a == b", "comparing a field with a field (a == b)", 3),
        ("a < b", "comparing a field with a field (a < b)", 3),
        ("a in (1, b)", "a field in a list (b)", 10),
        ("cidrMatch(a, b)", "a field as a network (b)", 14),
        ('cidrMatch(a, "::1") == true', "testing the result of the function cidrMatch", 1),
        ("(a == 1) == true", "testing the result of a condition", 4),
        ("(a and b) in (true)", "testing the result of a condition", 2),
    ],
)
def test_what_this_version_cannot_run_is_refused_by_name(text: str, name: str, column: int) -> None:
    error = failure(text, UnsupportedError)
    assert error.message.startswith(f"not supported in this version: {name}")
    assert error.column == column


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("5", "expected a condition, found the number 5", 1),
        ('a == 1 and "x"', "expected a condition, found the string 'x'", 12),
        ("not null", "expected a condition, found null", 5),
        ("1 == 1", "expected a field on one side, found two values", 3),
        ("null == null", "expected a field on one side, found two values", 6),
        ("a < null", "expected a string or a number to compare by <, found null", 5),
        ("a >= true", "expected a string or a number to compare by >=, found true", 6),
        ("false < a", "expected a string or a number to compare by <, found false", 1),
        ("a in ()", "expected at least one value in the list of in", 3),
        ("a in~ ()", "expected at least one value in the list of in~", 3),
        ('a in (1, "x")', "expected values of one type, found numbers and strings", 3),
        ('a in (true, 1, "x")', "found booleans and numbers and strings", 3),
        ("a in~ (1, 2)", "expected strings in the list of in~, found numbers", 3),
        ('a in ("x", null)', "expected no null in a list: write field == null", 12),
        ('"x" in ("x")', "expected a field to test with in, found the string 'x'", 1),
        ("a like ()", "expected at least one pattern after like", 3),
        ("a like 5", "expected a string after like, found the number 5", 8),
        ("a : 5", "expected a string after :, found the number 5", 5),
        ('a like~ ("x", null)', "expected a string after like~, found null", 15),
        ('a : ("x", true)', "expected a string after :, found true", 11),
        ('"x" like "x*"', "expected a field to test with like, found the string 'x'", 1),
        ('cidrMatch(a, "10.0.0.0/99")', "expected an address or a network such as", 14),
        ('cidrMatch(a, "::1", "x")', "expected an address or a network such as", 21),
        ("cidrMatch(a, 10)", "expected a network, found the number 10", 14),
        ('cidrMatch("::1", "::1")', "expected a field to test with cidrMatch", 11),
        ("cidrMatch(a)", "expected at least 2 arguments of cidrMatch, found 1", 1),
        ('cidrMatch~(a, "::1")', "cidrMatch has no case-insensitive form with ~", 1),
        ("length(a, b) == 1", "expected 1 argument of length, found 2", 1),
        ("length() == 1", "expected 1 argument of length, found 0", 1),
        ("between(a) == 1", "expected 3 to 4 arguments of between, found 1", 1),
        ("length~(a) == 1", "length has no case-insensitive form with ~", 1),
        ('cidrmach(a, "::1")', "there is no function cidrmach; did you mean cidrMatch?", 1),
        ("qqq(a) == 1", "there is no function qqq", 1),
    ],
)
def test_what_cannot_mean_anything_is_an_error_where_it_stands(
    text: str, message: str, column: int
) -> None:
    error = failure(text, EqlSemanticError)
    assert message in error.message
    assert error.column == column


def test_the_first_fault_in_reading_order_is_reported() -> None:
    assert failure('length(a) == 1 or cidrMatch(a, "x")', UnsupportedError).column == 1
    assert failure('cidrMatch(a, "x") or length(a) == 1', EqlSemanticError).column == 14
