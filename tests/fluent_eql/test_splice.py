"""Changing raw maps and arrays."""

from __future__ import annotations

from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_eql.splice import RawMap, array_of, extend_array, is_array, is_map
from support.wire import Writer

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=6),
    st.binary(max_size=6),
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=6)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
PAIRS = st.lists(st.tuples(st.text(max_size=3), VALUES), max_size=20)
RANDOMS = st.randoms(use_true_random=False)


def decoded(raw: bytes) -> Any:
    return msgpack.unpackb(raw, unicode_errors="surrogateescape", strict_map_key=False)


@settings(deadline=None)
@given(PAIRS, RANDOMS)
def test_a_map_that_is_not_changed_keeps_every_byte(
    pairs: list[tuple[str, Any]], random: Random
) -> None:
    raw = Writer(random, bin_share=0.2).pairs(pairs)
    assert RawMap(raw).to_bytes() == raw


@settings(deadline=None)
@given(PAIRS, RANDOMS, st.text(max_size=3), VALUES)
def test_a_set_key_has_the_new_value_and_all_others_theirs(
    pairs: list[tuple[str, Any]], random: Random, key: str, value: Any
) -> None:
    changed = RawMap(Writer(random).pairs(pairs))
    changed.set(key, encode_value(value))
    assert decoded(changed.to_bytes()) == {**dict(pairs), key: decoded(encode_value(value))}


def test_a_value_is_changed_in_its_place_and_a_new_key_comes_last() -> None:
    changed = RawMap(encode_value({"a": 1, "b": 2}))
    changed.set("a", b"\x07")
    changed.set("c", b"\x08")
    assert list(decoded(changed.to_bytes()).items()) == [("a", 7), ("b", 2), ("c", 8)]


def test_of_duplicate_keys_the_last_one_counts_and_all_stay() -> None:
    raw = b"\x83" + b"\xa1a\x01" + b"\xa1b\x02" + b"\xa1a\x03"
    changed = RawMap(raw)
    assert changed.get("a") == b"\x03"
    changed.set("a", b"\x04")
    assert changed.to_bytes() == b"\x83" + b"\xa1a\x01" + b"\xa1b\x02" + b"\xa1a\x04"


def test_bin_keys_are_found_by_their_text_and_stay_bin() -> None:
    raw = b"\x81\xc4\x01a\x01"
    changed = RawMap(raw)
    assert (changed.names(), changed.get("a")) == (["a"], b"\x01")
    changed.set("a", b"\x02")
    assert changed.to_bytes() == b"\x81\xc4\x01a\x02"


def test_keys_that_are_no_text_are_kept_and_not_named() -> None:
    raw = b"\x84\x01\xa1x\xc0\x02\xc3\x03\xa1a\x04"
    assert RawMap(raw).names() == ["a"]
    assert RawMap(raw).to_bytes() == raw


def test_a_missing_key_has_no_value() -> None:
    assert RawMap(b"\x80").get("a") is None
    assert RawMap(b"\x81\xa1a\xc0").get("a") == b"\xc0"


@pytest.mark.parametrize(
    ("count", "before", "after"),
    [
        (14, b"\x8e", b"\x8f"),
        (15, b"\x8f", b"\xde\x00\x10"),
        (15, b"\xde\x00\x0f", b"\xde\x00\x10"),
        (2, b"\xde\x00\x02", b"\xde\x00\x03"),
        (2, b"\xdf\x00\x00\x00\x02", b"\xdf\x00\x00\x00\x03"),
        (0xFFFF, b"\xde\xff\xff", b"\xdf\x00\x01\x00\x00"),
    ],
)
def test_a_header_grows_only_where_it_has_to(count: int, before: bytes, after: bytes) -> None:
    body = b"\xa1k\x01" * count
    changed = RawMap(before + body)
    changed.set("n", b"\x02")
    assert changed.to_bytes() == after + body + b"\xa1n\x02"


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x90", b"\xa1a", b"\x81", b"\x82\xa1a\x01"])
def test_what_is_no_whole_map_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        RawMap(raw)


@pytest.mark.parametrize(
    ("count", "before", "after"),
    [
        (0, b"\x90", b"\x92"),
        (13, b"\x9d", b"\x9f"),
        (14, b"\x9e", b"\xdc\x00\x10"),
        (1, b"\xdc\x00\x01", b"\xdc\x00\x03"),
        (1, b"\xdd\x00\x00\x00\x01", b"\xdd\x00\x00\x00\x03"),
        (0xFFFE, b"\xdc\xff\xfe", b"\xdd\x00\x01\x00\x00"),
    ],
)
def test_an_array_is_extended_at_its_end(count: int, before: bytes, after: bytes) -> None:
    body = b"\xd0\x01" * count
    assert extend_array(before + body, [b"\x05", b"\x06"]) == after + body + b"\x05\x06"


@settings(deadline=None)
@given(st.lists(VALUES, max_size=20), st.lists(VALUES, max_size=20), RANDOMS)
def test_an_extended_array_holds_both_lists(
    present: list[Any], added: list[Any], random: Random
) -> None:
    writer = Writer(random)
    raw = extend_array(writer.encode(present), [writer.encode(item) for item in added])
    assert decoded(raw) == [*present, *added]


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\xa1a", b"\xc0"])
def test_what_is_no_array_is_not_extended(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        extend_array(raw, [b"\x01"])


def test_values_become_an_array() -> None:
    assert array_of([]) == b"\x90"
    assert array_of([b"\x01", b"\xa1a"]) == b"\x92\x01\xa1a"
    assert array_of([b"\x01"] * 16) == b"\xdc\x00\x10" + b"\x01" * 16


@settings(deadline=None)
@given(VALUES, RANDOMS)
def test_maps_and_arrays_are_told_by_their_first_byte(value: Any, random: Random) -> None:
    raw = Writer(random).encode(value)
    assert is_map(raw) is isinstance(value, dict)
    assert is_array(memoryview(raw)) is isinstance(value, list)
