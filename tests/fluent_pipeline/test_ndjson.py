from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import decode_record, encode_value
from fluent_pipeline.ndjson import LineBuffer, from_line, records_of, to_line
from fluent_pipeline.protocol.frames import frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_entry, encode_forward


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"a": 1, "b": [1.5, None, True]}, b'{"a":1,"b":[1.5,null,true]}'),
        ({"a": "é\n"}, b'{"a":"\xc3\xa9\\n"}'),
        ({"a": 2**64 - 1}, b'{"a":18446744073709551615}'),
        ({"a": b"text"}, b'{"a":"text"}'),
        ({"a": "\udcff"}, b'{"a":"\\udcff"}'),
        ({"a": b"\xff"}, b'{"a":"\\udcff"}'),
        ({"a": {"b": b"c"}}, b'{"a":{"b":"c"}}'),
        ({"a": msgpack.ExtType(5, b"\x01\xff")}, b'{"a":{"type":5,"data":"01ff"}}'),
        ({"a": msgpack.Timestamp(1, 5)}, b'{"a":1000000005}'),
        ({1: 2, None: 3}, b'{"1":2,"null":3}'),
        ({"a": [float("nan"), float("inf"), 1e300]}, b'{"a":[null,null,1e+300]}'),
    ],
)
def test_a_record_is_one_line_of_json(record: dict[Any, Any], line: bytes) -> None:
    assert to_line(record) == line + b"\n"
    json.loads(to_line(record))


def test_a_key_of_several_values_is_written_as_its_text() -> None:
    assert json.loads(to_line({(1, 2): "x"})) == {"(1, 2)": "x"}


def test_a_record_may_be_nested_about_as_deep_as_json_is_read() -> None:
    line = b'{"a":' * 800 + b"[1]" + b"}" * 800 + b"\n"
    assert to_line(decode_record(from_line(line))) == line


def test_a_record_nested_too_deep_is_an_error() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="too deep"):
        to_line(deep)


def test_the_records_of_a_frame_are_given_in_order_without_what_is_none() -> None:
    entries = [encode_entry(1, b"\x81\xa1a\x01"), b"\x05", encode_entry(2, b"\x81\xa1a\x02")]
    told: list[str] = []
    frame = frame_of(encode_forward("t", entries, {}))
    events = list(records_of(frame, Limits(), told.append))
    assert told == ["entry 2: expected [time, record]"]
    assert [(event.tag, event.time, event.record) for event in events] == [
        ("t", 1, {"a": 1}),
        ("t", 2, {"a": 2}),
    ]


def test_telemetry_has_no_records() -> None:
    raw = b"\x93\xa1t" + encode_value(encode_entry(1, b"\x80")) + b"\x81\xadfluent_signal\x01"
    assert list(records_of(frame_of(raw), Limits())) == []


@given(st.lists(st.binary(max_size=6)))
def test_lines_are_the_same_however_their_bytes_are_split(pieces: list[bytes]) -> None:
    buffer = LineBuffer()
    lines = [line for piece in pieces for line in buffer.receive(piece)]
    assert b"\n".join([*lines, *buffer.finish()]) == b"".join(pieces).removesuffix(b"\n")
    assert buffer.finish() == []


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'{"a": "\xc3\xa9"}\r', {"a": "é"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\xff"}', {"a": "\udcff"}),
        (b'{"a": "\\udcff"}', {"a": "\udcff"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"\\ud83d": "x\\ud800y\xff"}', {"\ufffd": "x\ufffdy\udcff"}),
        (b'{"a": 18446744073709551615}', {"a": 2**64 - 1}),
    ],
)
def test_a_line_is_read_as_a_record(line: bytes, record: dict[str, Any]) -> None:
    assert decode_record(from_line(line)) == record


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "expected a JSON object, found list"),
        (b"null", "expected a JSON object, found NoneType"),
        (b'{"a": 18446744073709551616}', "a whole number of more than 64 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "limit"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deep"),
        (b'{"a": 1', "^not JSON at column 8: Expecting ',' delimiter$"),
        (b"\xff", "^not JSON at column 1: Expecting value$"),
    ],
    ids=["array", "null", "65 bits", "5000 digits", "deep", "cut off", "not text"],
)
def test_a_line_that_is_no_record_is_an_error_that_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_line(line)
