"""From a line of JSON to the values of fields: what is read, and what is told instead."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluent_eql.flinksql import fields
from fluent_eql.flinksql.fields import column, read, unreadable, values
from support.flink_sql import is_whole, java, literals, text_of

PARTS = st.text("ab_-'\"`\\ ", min_size=1, max_size=3)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map(".".join)
SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\')),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


def paths(sql: str) -> list[str]:
    """The paths of JSON that are read."""
    return [text for text in literals(sql) if text.startswith("$")]


def spellings(name: str) -> list[list[str]]:
    """All the ways to join the parts of a name, each as its keys from the outside in."""
    first, *others = name.split(".")
    found = []
    for signs in product([".", "\0"], repeat=len(others)):
        found.append((first + "".join(map("".join, zip(signs, others, strict=True)))).split("\0"))
    return found


def path_of(keys: list[str]) -> str:
    quoted = [key.replace("\\", "\\\\").replace("'", "\\'") for key in keys]
    return "$" + "".join(f"['{key}']" for key in quoted)


@given(NAMES)
def test_a_column_has_the_name_of_its_field(name: str) -> None:
    assert column(name)[1:-1].replace("``", "`") == name
    assert re.fullmatch("`(?:[^`]|``)*`", column(name))


@given(NAMES)
def test_a_field_is_read_nested_and_by_its_whole_name(name: str) -> None:
    sql = read(name)
    assert is_whole(sql)
    assert paths(sql) == list(dict.fromkeys([path_of(name.split(".")), path_of([name])]))


def test_the_whole_name_is_looked_for_only_where_the_document_has_it() -> None:
    assert """CASE WHEN document LIKE '%"a.b":%' THEN JSON_QUERY(""" in read("a.b")
    assert "CASE" not in read("a")


@given(NAMES)
def test_every_other_spelling_of_a_field_is_told(name: str) -> None:
    told = literals(unreadable([name]))
    for keys in spellings(name):
        joined = [key for key in keys if "." in key]
        if keys != [name] and joined:
            assert any(f"{key} is one name" in told for key in joined)


@given(NAMES)
def test_an_array_of_objects_on_the_way_to_a_field_is_told(name: str) -> None:
    sql, parts = unreadable([name]), name.split(".")
    for size in range(1, len(parts)):
        assert path_of(parts[:size]) in paths(sql)
        assert f"{'.'.join(parts[:size])} is an array of objects" in literals(sql)
    assert is_whole(sql)


def test_what_is_told_of_several_fields_is_tested_once() -> None:
    sql = unreadable(["a.b", "a.c", "a.b"])
    assert sql.count("'a is an array of objects'") == 1
    assert sql.startswith("CASE WHEN document IS NULL THEN 'no JSON object'")


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ('{"a":1}', True),
        (' {"a":"}"} \r', True),
        ('{"a":1}]', False),
        ('{"a":1}}', False),
        ('{"a":1}{"b":2}', False),
        ('{"a":1},{"b":2}', False),
        ('{"a":1},"b":{}', False),
        ('{"a":1} x', False),
        ("5", False),
        ("[{}]", False),
    ],
)
def test_a_line_is_read_only_where_it_is_one_object_and_nothing_else(
    line: str, is_one: bool
) -> None:
    """Flink passes over what comes after a whole object."""
    opening, closing, _, regex = literals(fields.document())
    try:
        whole, _ = json.JSONDecoder().raw_decode(opening + line + closing)
    except ValueError:
        assert not is_one
        return
    found = java(regex).search(json.dumps(whole, separators=(",", ":"), sort_keys=True))
    assert bool(found) is is_one
    if found:
        assert json.loads(found[1]) == json.loads(line)


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("\\ud83d\\ude00", False),
        ("\\uD83D\\uDE00\\uD83D\\uDE01", False),
        ("\\ud83d", True),
        ("\\ude00", True),
        ("\\ude00\\ud83d", True),
        ("\\ud83d\\ude00\\ude00", True),
        ("\\\\ud83d", False),
        ("\\u00e9", False),
    ],
)
def test_half_a_surrogate_pair_is_told(text: str, is_told: bool) -> None:
    assert bool(java(fields.UNPAIRED).search(f'"x{text}y"')) is is_told
    assert fields.UNPAIRED in literals(unreadable(["a"]))


def test_what_java_reads_in_the_place_of_other_bytes_is_told_unless_the_line_has_it() -> None:
    assert (
        "LIKE U&'%\\fffd%' AND NOT line LIKE U&'%\\fffd%' AND NOT REGEXP(line, '(?i)"
        in unreadable(["a"])
    )


@given(st.integers(-(2**66), 2**66))
@example(2**64 - 1)
@example(2**64)
@example(-(2**63))
@example(-(2**63) - 1)
@example(10**40)
def test_whole_numbers_of_more_than_64_bits_are_told(number: int) -> None:
    for numbers in ([number], [1, number], [number, 1]):
        is_told = java(fields.LARGE).search(json.dumps(numbers, separators=(",", ":")))
        assert bool(is_told) is (not -(2**63) <= number < 2**64)


@pytest.mark.parametrize("code", [*range(5), 0x1E])
def test_a_character_with_a_meaning_in_the_text_of_values_is_told(code: int) -> None:
    assert java(fields.RESERVED_ESCAPES).search(f"\\u{code:04X}")
    assert chr(code) not in "\b\t\n\f\r"


def test_other_control_characters_are_not_told() -> None:
    assert not java(fields.RESERVED_ESCAPES).search("\\\\u0001")
    for code in (*range(5, 0x1E), 0x1F, 0x7F):
        assert not java(fields.RESERVED_ESCAPES).search(f"\\u{code:04X}")


@given(st.lists(SCALARS, max_size=4))
def test_the_values_of_an_array_are_its_strings_numbers_and_booleans(array: list[object]) -> None:
    text = json.dumps(array, ensure_ascii=False, separators=(",", ":"))
    found = java(fields.VALUE).findall(text)
    assert found == [json.dumps(value, ensure_ascii=False) for value in array]


@pytest.mark.parametrize(
    ("array", "found"),
    [
        ("[null]", []),
        ("[]", []),
        ("[[1,[2]],3][4]", ["1", "2", "3", "4"]),
        ('["null","[5]",null]', ['"null"', '"[5]"']),
        ("[1.5E10,-3]", ["1.5E10", "-3"]),
    ],
)
def test_null_is_no_value_and_arrays_in_arrays_are_flat(array: str, found: list[str]) -> None:
    assert java(fields.VALUE).findall(array) == found


def test_escapes_are_read_only_where_there_is_one() -> None:
    sql = values("a.b")
    assert "CASE WHEN `a.b` LIKE '%\\%' THEN " in sql
    assert "JSON_UNQUOTE" in sql
    assert sql.count("ELSE `a.b` END") == 1
    assert is_whole(sql)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\1\2\3\4\x1e")))
def test_an_escaped_string_becomes_its_characters(text: str) -> None:
    """By the texts that are replaced before and after the inside of strings is unquoted."""
    array = json.dumps([text, 5])
    pairs = re.findall(r", ('(?:[^']|'')*'|U&'[^']*'), ('(?:[^']|'')*'|U&'[^']*')\)", values("a"))
    before, after = pairs[:3], pairs[3:5]
    for old, new in before:
        array = array.replace(text_of(old), text_of(new))
    plain = json.loads(f'"{array}"')
    for old, new in after:
        plain = plain.replace(text_of(old), text_of(new))
    marked = text.replace('"', "\1")
    assert java(fields.VALUE).findall(plain) == [f'"{marked}"', "5"]
