"""Regular expressions, compared with a naive reading of their tree."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from random import Random
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.lang.lucene import (
    Chars,
    Complement,
    Concatenation,
    Intersection,
    Interval,
    Node,
    Repetition,
    Text,
    Union,
    parse_regex,
)
from fluent_eql.lang.regexes import UntranslatableError, regex_literals, regex_matcher


def matches(pattern: str, text: str, *, insensitive: bool = False) -> bool:
    return regex_matcher([pattern], insensitive=insensitive)(text)


def naive(node: Node, text: str) -> bool:
    """Whether the tree matches all of the text, by the definition."""
    match node:
        case Text(own):
            return text == own
        case Chars(single, ranges, negated):
            if len(text) != 1:
                return False
            inside = text in single or any(low <= ord(text) <= high for low, high in ranges)
            return inside is not negated
        case Interval(low, high, digits):
            size_fits = digits is None or len(text) == digits
            return text.isdigit() and size_fits and low <= int(text) <= high
        case Union(parts):
            return any(naive(part, text) for part in parts)
        case Intersection(parts):
            return all(naive(part, text) for part in parts)
        case Complement(part):
            return not naive(part, text)
        case Concatenation(parts):
            first, *rest = parts
            others = Concatenation(tuple(rest)) if rest else Text("")
            return any(
                naive(first, text[:size]) and naive(others, text[size:])
                for size in range(len(text) + 1)
            )
        case Repetition(part, least, most):
            if most == 0:
                return not text
            if not least and not text:
                return True
            rest_of_it = Repetition(part, max(least - 1, 0), most and most - 1)
            starts = range(0 if least else 1, len(text) + 1)
            return any(
                naive(part, text[:size]) and naive(rest_of_it, text[size:]) for size in starts
            )


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        # the whole text
        ("abc", "abc", True),
        ("abc", "xabc", False),
        ("abc", "abcx", False),
        ("", "", True),
        ("", "a", False),
        ("^a", "^a", True),
        ("^a", "a", False),
        ("a$", "a$", True),
        ("a$", "a", False),
        # characters
        ("a.c", "abc", True),
        ("a.c", "a\nc", True),
        ("a.c", "aéc", True),
        ("a.c", "a😀c", True),
        ("a.c", "ac", False),
        (r"a\.c", "a.c", True),
        (r"a\.c", "abc", False),
        (r"\d+", "0123456789", True),
        (r"\d", "\u0661", False),
        (r"\w+", "aZ_9", True),
        (r"\w", "é", False),
        (r"\W", "é", True),
        (r"\s+", " \t\r\n", True),
        (r"\s", "\f", False),
        (r"\s", "\v", False),
        (r"\S", "\f", True),
        (r"\S", " ", False),
        ("[a-c]+", "abc", True),
        ("[a-c]", "d", False),
        ("[^a-c]", "d", True),
        ("[^a-c]", "\n", True),
        ("[^a-c]", "", False),
        (r"[^\s_]+", "ab", True),
        (r"[^\s_]+", "a b", False),
        (r"[\D]+", "ab", True),
        ("[ʰ-˿ᴬ-ᶻ]", "ʷ", True),
        ("[.]", "x", False),
        # operators
        ("a|bc", "bc", True),
        ("(a|b)c", "bc", True),
        ("a{2}", "aa", True),
        ("a{2}", "aaa", False),
        ("a{2,}", "aaaa", True),
        ("a{1,2}", "aaa", False),
        ("(ab){2}", "abab", True),
        ("a{0}", "", True),
        ("a{1500}", "a" * 1500, True),
        ("a{1500}", "a" * 1499, False),
        ("a{1500,2500}", "a" * 2500, True),
        ("a{1500,2500}", "a" * 2501, False),
        ("a{2500,}", "a" * 2499, False),
        ("a{2500,}", "a" * 2501, True),
        ("a?b", "b", True),
        ("a.*?b", "axxb", True),
        ("a@b", "a\n\nb", True),
        ("a#|b", "b", True),
        ("a#|b", "a", False),
        ('a"|("b', "a|(b", True),
        ("()", "", True),
        # numbers
        ("<1-100>", "7", True),
        ("<1-100>", "007", True),
        ("<1-100>", "100", True),
        ("<1-100>", "101", False),
        ("<1-100>", "0", False),
        ("<0-5>", "0", True),
        ("<0-5>", "000", False),
        ("<0-10>", "000", True),
        ("<001-100>", "007", True),
        ("<001-100>", "7", False),
        ("<100-1>", "50", True),
        ("v<1-3>x", "v2x", True),
        # both, and not
        ("a.*&.*b", "axb", True),
        ("a.*&.*b", "ax", False),
        ("~(ab)", "ab", False),
        ("~(ab)", "a", True),
        ("~(ab)", "", True),
        ("~(.*x.*)&.*y.*", "ay", True),
        ("~(.*x.*)&.*y.*", "xy", False),
        ("a|b&~(b.*)", "b", False),
        ("(~(a*)|aa)&a*", "aa", True),
        ("(~(a*)|aa)&a*", "a", False),
        ("x~ay", "xay", False),
        ("x~ay", "xy", True),
        ("x~ay", "xby", True),
        ("x~ay", "xaay", True),
        ("x~[ab]y", "xby", False),
        ("x(~~(ab))", "xab", True),
        # what is no UTF-8 is one character
        ("a.b", "a\udc80b", True),
        ("a[^x]b", "a\udc80b", True),
        ("a..b", "a\udc80\udc81b", True),
    ],
)
def test_a_regular_expression_matches_all_of_a_text(
    pattern: str, text: str, expected: bool
) -> None:
    assert matches(pattern, text) is expected
    if len(text) < 200:
        assert naive(parse_regex(pattern), text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("abc", "aBC", True),
        ("[abc]+", "ABC", True),
        ("[a-c]", "B", False),
        ("[a-c]", "b", True),
        ("[^a]", "A", False),
        ("[^a-c]", "B", True),
        ('"Ab"', "aB", True),
        ("ä", "Ä", False),
        ("k", "\u212a", False),
        ("~A", "a", False),
        (r"\w", "A", True),
        ("<1-5>x", "3X", True),
    ],
)
def test_without_case_ascii_letters_have_none_but_in_a_range(
    pattern: str, text: str, expected: bool
) -> None:
    assert matches(pattern, text, insensitive=True) is expected


def test_one_of_the_patterns_must_match() -> None:
    test = regex_matcher(["a+", "~(b.*)&.*c", "d"], insensitive=False)
    assert [test(text) for text in ("aa", "xc", "d", "bc", "x")] == [True] * 3 + [False] * 2
    assert not regex_matcher([], insensitive=False)("")


@pytest.mark.parametrize("pattern", ["x~(ab)", "(a&b)c", "(~(ab)){2}", "x(a|~(bc))", "~(a~(bc))"])
def test_within_a_longer_one_both_and_not_are_refused(pattern: str) -> None:
    with pytest.raises(UntranslatableError, match="[&~] within a longer regular expression"):
        matches(pattern, "a")


@pytest.mark.parametrize("pattern", ["a{999999999}", "((a{500}){500}){500}", "(.{900}){9}"])
def test_one_that_is_too_large_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="this regular expression is too large"):
        matches(pattern, "a")


ATOMS = st.sampled_from(["a", "b", "ab", ".", "[ab]", "[^a]", "()", "#", "@", "<2-11>", "1", "~a"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("({0[0]}|{0[1]})".format),
        st.tuples(inner, inner).map("({0[0]}&{0[1]})".format),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,2}"])).map(
            "({0[0]}){0[1]}".format
        ),
        inner.map("~({})".format),
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(PATTERNS, st.text("abA12", max_size=5))
def test_the_matcher_agrees_with_the_definition(pattern: str, text: str) -> None:
    with suppress(UntranslatableError):
        assert matches(pattern, text) is naive(parse_regex(pattern), text)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 4000), st.integers(0, 5))
def test_an_interval_holds_the_numbers_in_it(low: int, high: int, number: int, width: int) -> None:
    pattern, text = f"<{low}-{high}>", str(number).zfill(width)
    assert matches(pattern, text) is naive(parse_regex(pattern), text)


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("abc.*", {("abc", True)}),
        (".*abc", {("abc", False)}),
        (".*ab.*abcd.*", {("abcd", False)}),
        ("ab.*cd", {("ab", True)}),
        (r".*\.(exe|dll)", {("exe", False), ("dll", False)}),
        ("(abc|de)f", {("abc", True), ("de", True)}),
        ("(abc)+x", {("abc", True)}),
        ("(abc)?x", {("x", False)}),
        ("a|b", {("a", True), ("b", True)}),
        ("a&.*xyz", {("xyz", False)}),
        ("a|.*", None),
        ("a|", "error"),
        ("()", None),
        ("a*", None),
        ("~a", None),
        ("[ab]", None),
        ("<1-5>", None),
        ("#", set()),
    ],
)
def test_the_texts_of_which_a_matching_one_has_one(pattern: str, literals: object) -> None:
    if literals == "error":
        with pytest.raises(ValueError, match="expected more"):
            regex_literals([pattern])
    else:
        assert regex_literals([pattern]) == literals


def test_the_literals_of_patterns_are_those_of_each() -> None:
    assert regex_literals(["ab.*", ".*cd"]) == frozenset({("ab", True), ("cd", False)})
    assert regex_literals(["ab.*", ".*"]) is None


@given(st.lists(PATTERNS, min_size=1, max_size=2), st.text("abA12", max_size=5))
def test_every_text_that_is_matched_has_one_of_the_literals(patterns: list[str], text: str) -> None:
    literals = regex_literals(patterns)
    with suppress(UntranslatableError):
        if literals is not None and regex_matcher(patterns, insensitive=False)(text):
            assert any(
                text.startswith(part) if is_start else part in text for part, is_start in literals
            )


CATASTROPHIC = [
    "(a+)+b",
    "(a|aa)+b",
    "(a|a?)+b",
    "(.*a){20}b",
    "(a*)*b",
    ".*.*.*.*.*b",
    "([^ ]+[ ]{3,}[^ ]*){3,}b",
    ".*a.{200}b.*",
    "(a*b?){50}c",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_large_text_takes_time_in_proportion(pattern: str) -> None:
    test = regex_matcher([pattern], insensitive=True)
    disorder = "".join(Random(1).choices("a ", k=2**18))
    for text in ("a" * 2**20, "a  aa" * 200_000, disorder):
        start = process_time()
        assert not test(text)
        assert process_time() - start < 5


def test_twice_the_text_takes_twice_the_time() -> None:
    test = regex_matcher([".*a.{300}c.*"], insensitive=False)
    times = []
    for size in (2**14, 2**15, 2**16):
        text = "".join(Random(size).choices("ab", k=size))
        tries = []
        for _ in range(3):
            start = process_time()
            assert not test(text)
            tries.append(process_time() - start)
        times.append(min(tries))
    assert all(later < 5 * earlier for earlier, later in pairwise(times)), times
