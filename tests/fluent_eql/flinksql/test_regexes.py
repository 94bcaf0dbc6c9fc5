"""Wildcards and regular expressions as Java's, against the filter's own verdicts."""

from __future__ import annotations

import re
from contextlib import suppress
from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.regexes import (
    ANY,
    literal_regex,
    lucene_regex,
    value_regex,
    wildcard_regex,
)
from fluent_eql.flinksql.text import encoded
from fluent_eql.lang.patterns import wildcard_matcher
from fluent_eql.lang.regexes import regex_matcher
from support.flink_sql import java, text_of_values
from support.random_patterns import random_regex, random_wildcard
from support.random_records import TEXTS
from support.reference_eql_regex import written

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\1\2\3\4\x1e")
PLAIN = st.one_of(
    st.sampled_from(TEXTS),
    st.text('aAbB*?."\n\\-[\u2028é\u212a😀', max_size=8),
    st.text(CHARACTERS, max_size=8),
)
CASES = st.booleans()
RANDOMS = st.integers(0, 2**32).map(Random)


def found(regexes: list[str], texts: list[str], *, insensitive: bool) -> bool:
    regex = value_regex(regexes, insensitive=insensitive)
    return java(regex).search(text_of_values(texts)) is not None


@given(PLAIN, PLAIN, CASES)
def test_a_literal_is_itself_and_nothing_else(text: str, other: str, insensitive: bool) -> None:
    regex = [literal_regex(encoded(text))]
    assert found(regex, [text], insensitive=insensitive)
    assert found(regex, [other], insensitive=False) is (text == other)


@given(RANDOMS, PLAIN, PLAIN, CASES)
def test_a_wildcard_matches_what_the_filter_finds(
    random: Random, text: str, other: str, insensitive: bool
) -> None:
    patterns = [random_wildcard(random, text), random_wildcard(random, other)]
    for value in (text, other, text.swapcase()):
        expected = wildcard_matcher(patterns, insensitive=insensitive)(value)
        ours = found(list(map(wildcard_regex, patterns)), [value], insensitive=insensitive)
        assert ours is expected


@given(RANDOMS, PLAIN, PLAIN, CASES)
def test_a_regular_expression_matches_what_the_filter_finds(
    random: Random, text: str, other: str, insensitive: bool
) -> None:
    with suppress(NotExportableError, ValueError):
        pattern = written(random_regex(random, text, other), random)
        ours = [lucene_regex(pattern, insensitive=insensitive)]
        matches = regex_matcher([pattern], insensitive=insensitive)
        for value in (text, other, text.swapcase(), text + other):
            assert found(ours, [value], insensitive=False) is matches(value)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (".*", "a\nb", True),
        (".", "😀", True),
        ("[^a]", '"', True),
        ('[\\"]', '"', True),
        ('[^\\"]', '"', False),
        ("[!-~]", '"', True),
        ("[a-c]", "B", False),
        ("^a$", "^a$", True),
        ("a{2,3}", "aaaa", False),
        ("#", "", False),
        ("", "", True),
        ("a|()", "", True),
        (r"\w+\s", "a\t", True),
        (r"\W", "é", True),
    ],
)
def test_signs_have_the_meaning_of_lucenes(pattern: str, text: str, expected: bool) -> None:
    ours = lucene_regex(pattern, insensitive=False)
    assert found([ours], [text], insensitive=False) is expected
    assert regex_matcher([pattern], insensitive=False)(text) is expected


def test_without_regard_to_case_only_single_letters_have_none() -> None:
    ours = lucene_regex("a[bé][c-d]", insensitive=True)
    assert found([ours], ["ABc"], insensitive=False)
    assert not found([ours], ["ABC"], insensitive=False)
    assert not found([ours], ["aÉc"], insensitive=False)


@given(st.lists(PLAIN, max_size=3), st.lists(PLAIN, min_size=1, max_size=3))
def test_one_match_among_the_values_and_the_alternatives_is_enough(
    values: list[str], wanted: list[str]
) -> None:
    regexes = [literal_regex(encoded(text)) for text in wanted]
    assert found(regexes, values, insensitive=False) is bool(set(wanted) & set(values))


def test_a_number_is_no_text() -> None:
    regex = java(value_regex([f"{ANY}*"], insensitive=True))
    assert not regex.search(text_of_values([5, True, 2.5]))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("a&b", "&"),
        ("a~b", "~"),
        ("<1-9>", "<n-m>"),
        ("(ab)*", "a repeated group"),
        ("(a|b)+", "a repeated group"),
        ("(ab){1001}", "a repeated group"),
        ("\x02", "a control character"),
    ],
)
def test_what_java_could_not_run_exactly_is_refused(pattern: str, name: str) -> None:
    with pytest.raises(NotExportableError, match=re.escape(name)):
        lucene_regex(pattern, insensitive=False)


def test_a_group_that_is_repeated_few_times_is_not_refused() -> None:
    ours = lucene_regex("(ab){2,1000}", insensitive=False)
    assert found([ours], ["abab"], insensitive=False)
    assert not found([ours], ["ab"], insensitive=False)


@pytest.mark.parametrize(
    "regex",
    [
        wildcard_regex("*a*b*c*d*e*f*x"),
        wildcard_regex("*a?*b?*c?*d?*e*f*x*"),
        lucene_regex(".*a.*b.*c.*d.*e.*f.*x", insensitive=False),
        lucene_regex(".*(a|b).+[bc].*c{2}.*d@e.*x.*", insensitive=True),
    ],
)
def test_the_time_does_not_grow_with_a_power_of_the_texts_length(regex: str) -> None:
    """Tried at all places, the pieces would take more time than there is."""
    before = perf_counter()
    assert not found([regex], ["abccdef" * 5000], insensitive=False)
    assert perf_counter() - before < 5


def test_a_piece_that_may_be_longer_is_tried_at_every_place() -> None:
    ours = lucene_regex(".*a+b?.*", insensitive=False)
    assert "(?>" not in ours
    assert found([ours], ["xaab"], insensitive=False)
