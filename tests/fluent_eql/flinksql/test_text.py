"""Texts as SQL, and a field's values as one text."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.text import (
    CONTROLS,
    NONE,
    contains,
    encoded,
    in_ascii,
    joined,
    matches,
    quoted,
    replaced,
    value_of,
)
from support.flink_sql import holds, is_whole, literals, text_of_values

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\1\2\3\x1e"))
ALPHABET = st.text('ab%_\\"\n', max_size=4)


@given(TEXTS)
def test_a_literal_stands_for_its_text(text: str) -> None:
    assert literals(quoted(text)) == [text]


@given(TEXTS)
def test_a_literal_has_no_control_characters(text: str) -> None:
    assert not set(quoted(text)) & {*map(chr, range(32)), "\x7f"}


def test_a_literal_is_escaped_only_where_it_has_to_be() -> None:
    assert quoted("a\\b'c") == "'a\\b''c'"
    assert quoted("a\\\n") == "U&'a\\\\\\000a'"


@given(PLAIN)
def test_a_value_is_found_among_a_fields_values(text: str) -> None:
    assert value_of(text) in text_of_values(["x", text, 5])


@given(PLAIN, PLAIN)
def test_a_value_is_not_found_where_it_is_but_a_part_of_one(text: str, more: str) -> None:
    assert (value_of(text) in text_of_values([text + more])) is (not more)


def test_a_field_without_values_is_as_the_text_of_none() -> None:
    assert text_of_values([]) == NONE


@pytest.mark.parametrize("char", ["\x01", "\x02", "\x03", "\x1e"])
def test_a_character_with_a_meaning_in_the_text_of_values_is_refused_by_name(char: str) -> None:
    with pytest.raises(NotExportableError, match="a control character in the text") as refused:
        encoded(f"a{char}")
    assert refused.value.position is None


@given(ALPHABET, ALPHABET)
def test_what_a_text_contains_is_found_by_a_pattern_without_a_meaning(text: str, part: str) -> None:
    assert holds(contains("`c`", part), {"c": text}) is (part in text)


def test_a_regular_expression_matches_somewhere() -> None:
    assert matches("c", "'b+") == "REGEXP(c, '''b+')"
    assert holds(matches("c", "b+"), {"c": "abba"})


def test_texts_are_joined_and_replaced_in_turn() -> None:
    assert joined(["a", "'b'"]) == "a || 'b'"
    assert replaced("c", ("x", "y"), ("y", "'")) == "REPLACE(REPLACE(c, 'x', 'y'), 'y', '''')"


def pairs(text: str) -> list[tuple[str, str]]:
    """The texts that are replaced in SQL and those put in their place, in turn."""
    found = literals(text)
    return list(zip(found[::2], found[1::2], strict=True))


def branches(sql: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What is replaced in texts with characters past U+FFFF, and in others with control ones."""
    pattern = r"CASE WHEN REGEXP\(c, '[^']*'\) THEN (.*) WHEN REGEXP\(.*\) THEN (.*) ELSE .*"
    found = re.fullmatch(pattern, sql)
    assert found is not None
    return pairs(found[1]), pairs(found[2])


def in_turn(text: str, replacements: list[tuple[str, str]]) -> str:
    for old, new in replacements:
        text = text.replace(old, new)
    return text


def test_control_characters_become_the_escapes_of_json() -> None:
    _, control = branches(in_ascii("c"))
    for char in CONTROLS:
        if char not in "\1\2\3\x1e":
            assert (char, json.dumps(char)[1:-1]) in control


def test_quotation_marks_within_strings_are_escaped_but_not_those_around_them() -> None:
    _, control = branches(in_ascii("c"))
    assert control[:3] == [('\\"', '"'), ("\\/", "/"), ("\x01", '\\"')]


@given(st.lists(PLAIN, min_size=1))
def test_texts_past_16_bits_become_json_without_the_escapes_of_flink(texts: list[str]) -> None:
    past, _ = branches(in_ascii("c"))
    values = ", ".join(value_of(text)[1:-1] for text in texts)
    assert json.loads(in_turn(f"[{values}]", past)) == texts


def test_the_sql_of_json_is_whole() -> None:
    assert is_whole(in_ascii("c"))


def test_a_literal_that_java_could_not_hold_is_refused() -> None:
    assert quoted("é" * 30_000)
    with pytest.raises(NotExportableError, match="a text or a list of texts of more than 60000"):
        quoted("é" * 30_001)
