"""Join keys that are read from raw records."""

from __future__ import annotations

from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.detection import join_values, typed_key
from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import MOST_AT_ONCE, Fields
from fluent_eql.keys import NO_KEY, KeyReader
from fluent_eql.lang import JoinKey
from support.wire import Writer


def keys(record: dict[Any, Any], *names: tuple[str, ...]) -> list[Any]:
    return list(KeyReader(names).keys_of(encode_value(record)))


def test_the_keys_have_the_values_in_the_order_of_their_fields() -> None:
    record = {"a": {"b": "1", "c": "2"}, "d": "3"}
    names = ("d", "a.b"), ("a.b", "d"), ("a.c",), ("a.b", "a.b")
    assert keys(record, *names) == [("3", "1"), ("1", "3"), ("2",), ("1", "1")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", ("x",)),
        ("", ("",)),
        (5, typed_key((5,))),
        (-(2**40), typed_key((-(2**40),))),
        (None, NO_KEY),
        (True, None),
        (5.0, None),
        (b"x", None),
        (["x"], None),
        ([], None),
        (["x", "y"], None),
        ({"x": 1}, None),
        (msgpack.ExtType(5, b"x"), None),
    ],
    ids=repr,
)
def test_a_key_is_text_or_a_whole_number_or_is_not_told(value: Any, expected: object) -> None:
    assert keys({"a": {"b": value}, "c": "y"}, ("a.b",), ("c",)) == [expected, ("y",)]


def test_text_and_a_number_that_is_written_like_it_are_two_keys() -> None:
    names = (("k",),)
    assert keys({"k": "5"}, *names) != keys({"k": 5}, *names)


@pytest.mark.parametrize("other", ["x", 5, True, 1.5, [], ["x"], b"x", None])
def test_an_absent_field_makes_no_key_whatever_the_others_hold(other: Any) -> None:
    assert keys({"a": other}, ("a", "b"), ("b", "a")) == [NO_KEY, NO_KEY]


@pytest.mark.parametrize(
    "record",
    [
        {"a.b": "x"},
        {"a.b": "x", "a": {"b": "y"}},
        {"a": None, "c": "y"},
        {"a": [{"b": "x"}]},
        {"a": "x"},
        {"a": {"b": "\udcff"}},
    ],
    ids=repr,
)
def test_of_a_record_that_spells_a_field_in_a_rare_way_no_key_is_told(
    record: dict[str, Any],
) -> None:
    assert keys(record, ("a.b",), ("c",)) == [None, None]


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x90", b"\x81\xa1a", b"\x80\x80", b"\xc1"])
def test_of_what_is_no_map_no_key_is_told(raw: bytes) -> None:
    assert KeyReader([("a",), ("b",)]).keys_of(raw) == [None, None]


@pytest.mark.parametrize(
    "names",
    [
        [("a",), ("a.b",)],
        [("a.b.c.d.e.f.g",)],
        [('a"b',)],
        [(f"x{number}",) for number in range(MOST_AT_ONCE + 1)],
        [("a",), ()],
        [()],
    ],
    ids=["beginning another", "long", "odd", "many", "one of no field", "of no field"],
)
def test_fields_that_cannot_be_read_with_one_look_are_never_told(
    names: list[tuple[str, ...]],
) -> None:
    raw = encode_value({"a": "x", 'a"b': "y", "x0": "z"})
    assert KeyReader(names).keys_of(raw) == [None] * len(names)


def test_of_no_keys_none_is_read() -> None:
    assert KeyReader([]).keys_of(encode_value({"a": "x"})) == []


SCALARS = st.sampled_from(["x", "y", "5", 5, 5.0, True, None, b"x", -1, 2**63])
VALUES = st.one_of(SCALARS, SCALARS, st.lists(SCALARS, max_size=2), st.just({"z": 1}))
PARTS = st.sampled_from(["a", "b", "a.b", "c"])
RECORDS = st.dictionaries(
    PARTS,
    st.one_of(
        VALUES,
        st.dictionaries(PARTS, VALUES, max_size=2),
        st.lists(st.dictionaries(PARTS, VALUES, max_size=2), max_size=2),
    ),
    max_size=3,
)
NAMES = st.lists(
    st.lists(st.sampled_from(["a.b", "b", "c.a"]), min_size=1, max_size=3).map(tuple),
    min_size=1,
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(RECORDS, NAMES, st.integers(0, 2**16).map(Random))
def test_a_key_that_is_told_is_the_one_that_the_whole_record_has(
    record: dict[str, Any], names: list[tuple[str, ...]], random: Random
) -> None:
    raw = Writer(random).encode(record)
    fields = Fields(decode_record(raw))
    for key, those in zip(KeyReader(names).keys_of(raw), names, strict=True):
        if key is not None:
            joined = join_values(fields, [JoinKey(name, optional=False) for name in those])
            assert [typed_key(values) for values in joined] == ([key] if key else [])
