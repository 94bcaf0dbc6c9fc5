from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import Event, decode_record, encode_value, text_of

TEXT = st.text(st.characters(codec="utf-8")) | st.binary().map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)
EXT_TYPES = st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(max_size=20)
    | EXT_TYPES
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
RECORDS = st.dictionaries(TEXT, VALUES, max_size=4)


@given(RECORDS)
def test_a_record_comes_back_as_it_was_encoded(record: dict[str, Any]) -> None:
    assert decode_record(encode_value(record)) == record


@given(RECORDS)
def test_decoding_and_encoding_loses_no_byte_of_a_minimal_encoding(record: dict[str, Any]) -> None:
    raw = encode_value(record)
    assert encode_value(decode_record(raw)) == raw


def test_the_order_of_the_keys_is_kept() -> None:
    names = ["z", "a", "m"]
    assert list(decode_record(encode_value(dict.fromkeys(names, 1)))) == names


def test_bytes_that_are_not_utf8_are_kept_in_a_string() -> None:
    raw = b"\x81\xa1k\xa2\xff\xfe"
    assert decode_record(raw) == {"k": "\udcff\udcfe"}
    assert encode_value(decode_record(raw)) == raw


def test_binary_keys_are_read_as_text_at_any_depth_and_binary_values_stay() -> None:
    raw = msgpack.packb({b"a": {b"b\xff": b"value"}})
    assert decode_record(raw) == {"a": {"b\udcff": b"value"}}


def test_a_record_that_is_not_minimal_is_read_too() -> None:
    assert decode_record(b"\xdf\x00\x00\x00\x01\xd9\x01k\xcf" + bytes(7) + b"\x05") == {"k": 5}


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x81", b"\x81\xa1k", b"\xc1", b"\x81\xc1\x01", b"\x81\x80\x01", b"\x80\x80"],
    ids=["empty", "no key", "no value", "unused", "unused key", "map key", "two maps"],
)
def test_what_is_not_one_whole_map_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a msgpack map"):
        decode_record(raw)


@pytest.mark.parametrize(
    ("raw", "kind"), [(b"\x90", "list"), (b"\xc0", "NoneType"), (b"\x01", "int")]
)
def test_another_value_than_a_map_is_named(raw: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=f"expected a map, found {kind}"):
        decode_record(raw)


def test_nesting_beyond_what_can_be_decoded_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not a msgpack map"):
        decode_record(b"\x81\xa1k" + b"\x91" * 5_000 + b"\xc0")


def test_an_event_decodes_its_record_once_and_again_after_forgetting_it() -> None:
    event = Event("app", 5, encode_value({"a": 1}))
    first = event.record
    assert first == {"a": 1}
    assert event.record is first
    event.forget_record()
    assert event.record == first
    assert event.record is not first


def test_an_event_whose_bytes_are_no_record_says_so_when_asked_for_it() -> None:
    event = Event("app", 5, b"\x90")
    assert event.raw == b"\x90"
    with pytest.raises(ValueError, match="expected a map"):
        _ = event.record


def test_events_are_equal_only_to_themselves() -> None:
    raw = encode_value({})
    one, other = Event("app", 5, raw), Event("app", 5, raw)
    assert one != other
    assert len({one, other, one}) == 2


def test_an_event_takes_no_attributes_of_others() -> None:
    with pytest.raises(AttributeError):
        Event("app", 5, b"\x80").colour = "red"  # type: ignore[attr-defined]


def test_text_is_read_from_strings_and_from_binary() -> None:
    assert text_of("a") == "a"
    assert text_of(b"a\xff") == "a\udcff"
