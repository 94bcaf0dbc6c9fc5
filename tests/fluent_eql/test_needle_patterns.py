"""Needles as patterns: where they are found, and where not."""

from __future__ import annotations

from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_eql.needle_patterns import (
    MANY,
    Pattern,
    database_of,
    found_dotted,
    loose_patterns,
    patterns_of,
    scannable,
)
from fluent_eql.needles import LARGEST_NUMBER, Needle
from support.random_conditions import FloatWriter

FILLERS = [Needle("filler", f"text {number}", False) for number in range(MANY)]


def finds(patterns: list[Pattern], raw: bytes, *, once: bool = False) -> list[Needle]:
    found: list[Needle] = []

    def on_find(number: int, start: int, end: int, flags: int, context: object) -> None:
        if patterns[number].holds(raw, end):
            found.extend(patterns[number].needles)

    database_of(patterns, once=once).scan(raw, match_event_handler=on_find)
    return found


SOME = Needle("name", "some text", False)
WHOLE = Needle("name", "some text", False, is_whole=True)
SHORT = Needle("name", "a", True)
LISTED = Needle(None, "-x", False, is_whole=True)


@pytest.mark.parametrize("others", [[], FILLERS], ids=["few", "many"])
@pytest.mark.parametrize(
    ("needle", "record", "is_found"),
    [
        (SOME, {"name": "some text"}, True),
        (SOME, {"a.name": "some text and more"}, True),
        (SOME, {"name": b"some text"}, True),
        (SOME, {"name": "some text" + "x" * 70_000}, True),
        (SOME, {"name": ["other"]}, True),
        (SOME, {"name": "not some text"}, False),
        (SOME, {"other": "some text"}, False),
        (WHOLE, {"name": "some text"}, True),
        (WHOLE, {"name": b"some text"}, True),
        (SHORT, {"name": "About"}, True),
        (SHORT, {"other": "About"}, False),
        (SHORT, {"Name": "a"}, False),
        (LISTED, {"args": ["y", "-x"]}, True),
        (LISTED, {"args": ["-xy", "y-x"]}, False),
    ],
)
def test_a_needle_is_found_in_a_body_at_the_start_of_its_fields_value(
    needle: Needle, record: dict[str, object], is_found: bool, others: list[Needle]
) -> None:
    found = finds(patterns_of([needle, *others]), encode_value(record))
    assert (needle in found) is is_found


@pytest.mark.parametrize(
    ("needle", "record", "is_found"),
    [
        (SOME, {"name": "some text"}, True),
        (SOME, {"other": "not some text"}, True),
        (WHOLE, {"name": "some text"}, True),
        (WHOLE, {"other": ["some text"]}, True),
        (WHOLE, {"name": "some text and more"}, False),
        (SHORT, {"name": "About"}, True),
        (SHORT, {"name": ["b"]}, True),
        (SHORT, {"other": "About"}, False),
        (LISTED, {"args": "-x"}, True),
        (LISTED, {"args": "--x"}, False),
    ],
)
def test_in_a_record_the_field_of_a_long_text_is_not_looked_for(
    needle: Needle, record: dict[str, object], is_found: bool
) -> None:
    found = finds(loose_patterns([needle]), encode_value(record), once=True)
    assert (needle in found) is is_found


def test_needles_that_are_looked_for_in_the_same_way_are_one_pattern() -> None:
    other = Needle("other", "some text", False)
    (pattern,) = loose_patterns([SOME, other])
    assert set(pattern.needles) == {SOME, other}


FORMS_OF_FIVE = (
    *(b"\x05", b"\xcc\x05", b"\xcd\x00\x05", b"\xce" + bytes(3) + b"\x05"),
    *(b"\xcf" + bytes(7) + b"\x05", b"\xd0\x05", b"\xd1\x00\x05", b"\xd2" + bytes(3) + b"\x05"),
    *(b"\xd3" + bytes(7) + b"\x05", b"\xca\x40\xa0\x00\x00", b"\xcb\x40\x14" + bytes(6)),
)


def number(value: int, field: str = "code") -> Needle:
    return Needle(field, "", False, is_whole=True, number=value)


def found_in(needle: Needle, raw: bytes) -> list[bool]:
    """Whether it is found in a body, among few and many, and in a record."""
    raw = bytes(scannable(raw))
    few, many = patterns_of([needle]), patterns_of([needle, *FILLERS])
    loose = loose_patterns([needle])
    finds_in = [finds(few, raw), finds(many, raw), finds(loose, raw, once=True)]
    return [needle in those for those in finds_in]


@pytest.mark.parametrize("form", FORMS_OF_FIVE, ids=bytes.hex)
@pytest.mark.parametrize("before", [b"", b"\x91", b"\xdc\x00\x01", b"\xdd\x00\x00\x00\x01"])
def test_a_number_is_found_in_every_form_that_msgpack_has_for_it(
    form: bytes, before: bytes
) -> None:
    raw = b"\x81\xa4code" + before + form
    assert msgpack.unpackb(raw)["code"] in (5, [5])
    assert found_in(number(5), raw) == [True] * 3


@given(
    st.sampled_from([0, 1, -1, 31, -32, 127, 128, -33, -128, -129, 255, 2**24, 2**24 + 1])
    | st.integers(-LARGEST_NUMBER, LARGEST_NUMBER),
    st.booleans(),
    st.integers(0, 2**16).map(Random),
)
def test_what_equals_a_number_is_found(value: int, is_float: bool, random: Random) -> None:
    written = (-0.0 if value == 0 else float(value)) if is_float else value
    raw = FloatWriter(random).encode({"some.code": written})
    assert found_in(number(value), raw) == [True] * 3


@pytest.mark.parametrize("value", [6, -5, 5.5, "5", None, True, 2**32 + 5, b"\x05"], ids=repr)
def test_what_equals_no_number_is_not_found(value: object) -> None:
    for other in ({}, {"other": 5}, {"codes": 5}):
        raw = encode_value({"code": value, **other})
        assert found_in(number(5), raw) == [False] * 3


def test_zero_is_found_with_either_sign_and_is_no_other_number() -> None:
    for zero in (0, 0.0, -0.0):
        assert found_in(number(0), encode_value({"code": zero})) == [True] * 3
    for other in (1, 0.5, -1, False, ""):
        assert found_in(number(0), encode_value({"code": other})) == [False] * 3


def test_once_is_once() -> None:
    raw = encode_value({"a": "some text", "b": "some text"})
    patterns = loose_patterns([SOME])
    assert finds(patterns, raw) == [SOME, SOME]
    assert finds(patterns, raw, once=True) == [SOME]


NAMES = ("a.b", "b c.d.e", "process.parent.name", "\u00fc.x", "long." + "x" * 300)
KEYS = (*NAMES, "b c.d", "d.e", "process.parent", "parent.name")
BEFORE = st.sampled_from([b"", b"\x93", b"\xd9", b"a", b"\xda\x00", bytes(100)])


@given(st.sampled_from(KEYS), st.integers(0, 99).map(Random), st.booleans(), BEFORE)
def test_a_key_of_parts_of_a_name_is_found_however_it_is_written(
    key: str, random: Random, is_bin: bool, before: bytes
) -> None:
    string = FloatWriter(random, bin_share=float(is_bin)).encode(key)
    assert found_dotted(NAMES)(before + string + before)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"process": {"parent": {"name": "x"}}},
        {"process": "a, b"},
        {"PROCESS.parent": "A.b"},
        {"process.name": "proces.parent", "xparent.name": "x"},
        {"other": "in a.b and process.parent", "x": [".", "a.", "a.b.c", "a.bc"]},
        {"other": "x" * 300 + "a.b"},
    ],
    ids=lambda record: repr(record)[:40],
)
def test_what_is_no_such_key_is_not_found(record: dict[str, Any]) -> None:
    assert not found_dotted(NAMES)(encode_value(record))


def test_of_no_names_and_of_names_without_dots_none_is_found() -> None:
    for names in ([], ["a", "b"]):
        assert not found_dotted(names)(encode_value({"a.b": "c.d"}))


@pytest.mark.parametrize("size", range(0, 90, 7))
def test_a_dotted_key_at_the_end_of_a_body_is_found_whatever_its_length(size: int) -> None:
    assert found_dotted(["a.b", "aa.b"])(b"\x00" * size + encode_value("aa.b"))
