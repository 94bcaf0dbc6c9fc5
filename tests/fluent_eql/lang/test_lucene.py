from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.lang.lucene import (
    ANY_CHAR,
    ANY_TEXT,
    LAST,
    NO_TEXT,
    Chars,
    Complement,
    Concatenation,
    Intersection,
    Interval,
    Node,
    Repetition,
    Text,
    Union,
    complement,
    parse_regex,
)

A, B, C = Text("a"), Text("b"), Text("c")
DIGITS = ((0x30, 0x39),)
RANGES = st.lists(
    st.tuples(st.integers(0, LAST), st.integers(0, LAST)).map(lambda pair: tuple(sorted(pair)))
)


def concat(*parts: Node) -> Concatenation:
    return Concatenation(parts)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", Text("")),
        ("abc", Text("abc")),
        ("()", Text("")),
        ("(a)", A),
        ("a(b)c", Text("abc")),
        ("^a$", Text("^a$")),
        (".", ANY_CHAR),
        ("@", ANY_TEXT),
        ("#", NO_TEXT),
        ('"a.b(|"', Text("a.b(|")),
        ('a"*"b', Text("a*b")),
        ("a|b|c", Union((A, B, C))),
        ("a&b&c", Intersection((A, B, C))),
        ("a|b&c", Union((A, Intersection((B, C))))),
        ("(a|b)&c", Intersection((Union((A, B)), C))),
        ("ab?", concat(A, Repetition(B, 0, 1))),
        ("a*", Repetition(A, 0, None)),
        ("a+", Repetition(A, 1, None)),
        (".*?", Repetition(ANY_TEXT, 0, 1)),
        ("a{3}", Repetition(A, 3, 3)),
        ("a{3,}", Repetition(A, 3, None)),
        ("a{0,3}b", concat(Repetition(A, 0, 3), B)),
        ("a{3,1}", NO_TEXT),
        ("~a", Complement(A)),
        ("~~a", A),
        ("~ab", concat(Complement(A), B)),
        ("~a*", Repetition(Complement(A), 0, None)),
        ("~(ab)", Complement(Text("ab"))),
        ("<1-10>", Interval(1, 10, None)),
        ("<10-01>", Interval(1, 10, 2)),
        ("<001-100>", Interval(1, 100, 3)),
        # an operator where none can stand is itself
        ("*a", Text("*a")),
        ("+", Text("+")),
        ("a||b", Union((A, Text("|b")))),
        ("(|a)", Text("|a")),
        (")a", Text(")a")),
        ("]}", Text("]}")),
        ("{", Text("{")),
        ("(?:a)", Text("?:a")),
        ("a>", Text("a>")),
        # escapes
        (r"\.\*\\\"\<\~\@\#\&", Text('.*\\"<~@#&')),
        (r"\é\1", Text("é1")),
        (r"\d", Chars("", DIGITS, negated=False)),
        (r"\D", Chars("", DIGITS, negated=True)),
        (r"\s", Chars("", ((9, 10), (13, 13), (32, 32)), negated=False)),
        # characters
        ("[abc]", Chars("abc", (), negated=False)),
        ("[^a-c_]", Chars("_", ((0x61, 0x63),), negated=True)),
        ("[a-zA-Z]", Chars("", ((0x61, 0x7A), (0x41, 0x5A)), negated=False)),
        (r"[\d.]", Chars(".", DIGITS, negated=False)),
        (r"[\D]", Chars("", complement(DIGITS), negated=False)),
        (r"[\-\]\\]", Chars("-]\\", (), negated=False)),
        ("[]a]", Chars("]a", (), negated=False)),
        ("[-a]", Chars("-a", (), negated=False)),
        (r"[\+-\.]", Chars("", ((0x2B, 0x2E),), negated=False)),
        ('[.*"(<~@#]', Chars('.*"(<~@#', (), negated=False)),
        ("[a^]", Chars("a^", (), negated=False)),
    ],
)
def test_the_tree_of_a_regular_expression(text: str, tree: Node) -> None:
    assert parse_regex(text) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a)", "expected its end, found ) at character 2 of the regular expression"),
        ("(a", "expected ), found its end at character 3"),
        ("(", "expected more, found its end at character 2"),
        ("a|", "expected more, found its end at character 3"),
        ("a&", "expected more, found its end at character 3"),
        ("(a|)", "expected ), found its end"),
        ("~", "expected more, found its end"),
        ("\\", "expected more, found its end"),
        ("[", "expected more, found its end"),
        ("[]", "expected more, found its end"),
        ("[a-]", "expected a range from low to high, found a-] at character 5"),
        ("[z-a]", "expected a range from low to high, found z-a"),
        ('"a', 'expected ", found its end at character 3'),
        ("a{}", "expected a number of at most 9 digits at character 3"),
        ("a{,5}", "expected a number of at most 9 digits at character 3"),
        ("a{1", "expected }, found its end"),
        ("a{1,x}", "expected }, found x at character 5"),
        ("a{1234567890}", "expected a number of at most 9 digits"),
        ("<1>", "expected two whole numbers as in <1-10>, found <1>"),
        ("<name>", "found <name>"),
        ("<1-2-3>", "found <1-2-3>"),
        ("<-1>", "found <-1>"),
        ("<1", "expected >, found its end"),
        (r"\n", r"expected one of \d \D \s \S \w \W, found \n at character 3"),
        (r"[\b]", r"found \b"),
        ("(" * 101 + "a" + ")" * 101, "expected at most 100 levels of parentheses"),
    ],
)
def test_what_is_no_regular_expression_is_an_error_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="at character") as caught:
        parse_regex(text)
    assert message in str(caught.value)


@given(st.text(r'ab01.*+?{},|&~()[]^-\\dw"<>@#', max_size=20))
def test_any_text_is_a_regular_expression_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_regex(text), Node)


def test_deep_nesting_is_an_error_and_no_recursion_error() -> None:
    with pytest.raises(ValueError, match="levels of parentheses"):
        parse_regex("(" * 100_000)
    assert parse_regex("~" * 100_001 + "a") == Complement(A)


@given(RANGES, st.integers(0, LAST))
def test_a_character_is_in_ranges_or_in_their_complement(
    ranges: list[tuple[int, int]], char: int
) -> None:
    inside = any(low <= char <= high for low, high in ranges)
    others = complement(tuple(ranges))
    assert any(low <= char <= high for low, high in others) is not inside
