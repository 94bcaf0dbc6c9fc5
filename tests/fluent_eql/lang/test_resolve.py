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
        "a == b",
        "length(a) > 5",
        "length(a) != 5",
        'startsWith~(a, "x") or endsWith(a, b)',
        'substring(a, 0, 3) in ("x", "y")',
        'string(a) : ("x*", "y")',
        'a regex~ ("x.*", "~(y)")',
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
        ("5 < length(a)", "length(a) > 5"),
        ("LENGTH(a) == 1", "length(a) == 1"),
        ("a + 1 == 2", "add(a, 1) == 2"),
        ("a - 1 == 2 * 3", "subtract(a, 1) == 6"),
        ("a / 2 > b % c", "divide(a, 2) > modulo(b, c)"),
        ("-a == 1", "multiply(-1, a) == 1"),
        ("length(a) == null", "length(a) == null"),
        ("null != length(a)", "not length(a) == null"),
        ('startsWith(a, "x") == true', 'startsWith(a, "x")'),
        ('startsWith(a, "x") != true', 'not startsWith(a, "x")'),
        ('false == startsWith(a, "x")', 'not startsWith(a, "x")'),
        ('startsWith(a, "x") != false', 'startsWith(a, "x")'),
        ("(a == 1) == true", "a == 1"),
        ("(a and b) == false", "not (a == true and b == true)"),
        ("(a or not b) in (true)", "(a == true or not b == true) in (true)"),
        ('string(a == "x") == "true"', 'string(a == "x") == "true"'),
        ("1 == 1", "true"),
        ("null == null", "true"),
        ("5 != null", "true"),
        ("null != 5", "true"),
        ("null == 5", "false"),
        ("length(null) == null", "true"),
        ('"x" == null', "false"),
        ('"Foo" > "Bar"', "true"),
        ('"x" in ("x", "y")', "true"),
        ('"x" not in ("x")', "false"),
        ('"xy" like "X*"', "false"),
        ('"xy" : "X*"', "true"),
        ('cidrMatch("::1", "::1")', "true"),
        ('a == concat("x", 1, true)', 'a == "x1true"'),
        ('length("abc") < a', "a > 3"),
        ("a == (1 * 2 + 3 * 4 + 10 / 2)", "a == 19"),
        ('a in ("x", concat("y", "z"))', 'a in ("x", "yz")'),
        ('a == substring("hello", 1, -1)', 'a == "ell"'),
        ("1 / 0 == 1", "false"),
        ("not 1 / 0 == 1", "true"),
        ("1 / 0 != 1", "false"),
        ("5 != length(null)", "false"),
        ("1 / 0 == 1 / 0", "false"),
        ("1 / 0 == null", "true"),
        ("null != 1 / 0", "false"),
        ("a == 1 / 0", "false"),
        ("length(a) != 1 / 0", "false"),
        ("not a != 1 / 0", "true"),
        ('a == number("0x10")', "a == 16"),
        ('a == length("x") + b', "a == add(1, b)"),
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
        ("a in (1, b)", "a field in a list (b)", 10),
        ("a in (1, length(b))", "a field in a list (b)", 10),
        ("cidrMatch(a, b)", "a field as a network (b)", 14),
        ('cidrMatch(a, "::1", string(b.c))', "a field as a network (b.c)", 21),
        ('a regex "x(a&b)"', "regex with & within a longer regular expression", 9),
        ('a regex~ ("x", "x~(ab)")', "regex~ with ~ within a longer regular expression", 16),
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
        ("a < null", "expected a string or a number to compare by <, found null", 5),
        ("a >= true", "expected a string or a number to compare by >=, found true", 6),
        ("false < a", "expected a string or a number to compare by <, found false", 1),
        ("a in ()", "expected at least one value in the list of in", 3),
        ("a in~ ()", "expected at least one value in the list of in~", 3),
        ('a in (1, "x")', "expected values of one type, found numbers and strings", 3),
        ('a in (true, 1, "x")', "found booleans and numbers and strings", 3),
        ("a in~ (1, 2)", "expected strings in the list of in~, found numbers", 3),
        ('a in ("x", null)', "expected no null in a list: write field == null", 12),
        ("a like ()", "expected at least one pattern after like", 3),
        ("a like 5", "expected a string after like, found the number 5", 8),
        ("a : 5", "expected a string after :, found the number 5", 5),
        ('a like~ ("x", null)', "expected a string after like~, found null", 15),
        ('a : ("x", true)', "expected a string after :, found true", 11),
        ('cidrMatch(a, "10.0.0.0/99")', "expected an address or a network such as", 14),
        ('cidrMatch(a, "::1", "x")', "expected an address or a network such as", 21),
        ("cidrMatch(a)", "expected at least 2 arguments of cidrMatch, found 1", 1),
        ('cidrMatch~(a, "::1")', "cidrMatch has no case-insensitive form with ~", 1),
        ("length(a, b) == 1", "expected 1 argument of length, found 2", 1),
        ("length() == 1", "expected 1 argument of length, found 0", 1),
        ("between(a) == 1", "expected 3 to 4 arguments of between, found 1", 1),
        ("length~(a) == 1", "length has no case-insensitive form with ~", 1),
        ('cidrmach(a, "::1")', "there is no function cidrmach; did you mean cidrMatch?", 1),
        ("qqq(a) == 1", "there is no function qqq", 1),
        ("cidrMatch(a, 10)", "a string as argument 2 of cidrMatch, found the number 10", 14),
        ("cidrMatch(a, null)", "expected a network, found null", 14),
        ('cidrMatch(a, concat("1", "x"))', "expected an address or a network such as", 14),
        ("length(5) == 1", "a string as argument 1 of length, found the number 5", 8),
        ("length(length(a)) == 1", "argument 1 of length, found the number that length gives", 8),
        ("length(a == 1) == 1", "a string as argument 1 of length, found a condition", 10),
        ('substring(a, "0") == "x"', "a number as argument 2 of substring, found the string", 14),
        ('between(a, "x", "y", 1) == "z"', "a boolean as argument 4 of between", 22),
        ("startsWith(a, 1)", "a string as argument 2 of startsWith, found the number 1", 15),
        ('add(a, "1") == 2', "a number as argument 2 of add, found the string '1'", 8),
        ("number(5) == 5", "a string as argument 1 of number, found the number 5", 8),
        ("length(a)", "expected a condition, found the number that length gives", 1),
        ('concat(a, "x") and b', "expected a condition, found the string that concat gives", 1),
        ("a + 1", "expected a condition, found the number that add gives", 3),
        ("-a", "expected a condition, found the number that multiply gives", 1),
        ("a - b", "that subtract gives; a field name with a hyphen is written in backticks", 3),
        ('a-b == "x"', "the string 'x'; a field name with a hyphen is written in backticks", 5),
        ('a-b : "x"', "found a condition; a field name with a hyphen is written in backticks", 5),
        ('a + "x" == 1', "expected a number to compute with +, found the string 'x'", 5),
        ("-(a == 1) == 1", "expected a number to compute with -, found a condition", 5),
        ('length(a) == "1"', "of one type, found the number that length gives and the string", 11),
        ('"1" != length(a)', "found the number that length gives and the string '1'", 5),
        ("length(a) == true", "of one type, found the number that length gives and true", 11),
        ("startsWith(a, b) < 1", "expected a string or a number to compare by <", 1),
        ("a < (b == 1)", "expected a string or a number to compare by <, found a condition", 8),
        ('length(a) in ("x")', "expected a string to test with in, found the number that", 1),
        ("string(a) in (1)", "expected a number to test with in, found the string that", 1),
        ('length(a) : "x"', "expected a string to test with :, found the number that length", 1),
        ('5 like "5"', "expected a string to test with like, found the number 5", 1),
        ('a regex "x("', "expected more, found its end at character 3", 9),
        (r'a regex~ "\\n"', r"one of \d \D \s \S \w \W, found \n at character 3", 10),
        ('a regex ("x", "[a-")', "found its end at character 4 of the regular expression", 15),
        ("a regex 5", "expected a string after regex, found the number 5", 9),
    ],
)
def test_what_cannot_mean_anything_is_an_error_where_it_stands(
    text: str, message: str, column: int
) -> None:
    error = failure(text, EqlSemanticError)
    assert message in error.message
    assert error.column == column


def test_the_first_fault_in_reading_order_is_reported() -> None:
    assert failure('a in (b) or cidrMatch(a, "x")', UnsupportedError).column == 7
    assert failure('cidrMatch(a, "x") or a in (b)', EqlSemanticError).column == 14
