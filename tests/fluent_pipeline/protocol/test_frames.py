from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import EntryKind, walk
from fluent_pipeline.protocol.frames import (
    HEARTBEAT,
    Frame,
    Mode,
    frame_of,
    message_of,
    parse_frame,
)
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits

TIME = b"\xd7\x00\x65\x00\x00\x00\x00\x00\x00\x07"
NANOSECONDS = 0x65000000 * 10**9 + 7
RECORD = b"\xdf\x00\x00\x00\x01\xa1a\x01"
ENTRY = b"\x92" + TIME + RECORD
WITH_METADATA = b"\xdd\x00\x00\x00\x02\x92" + TIME + b"\x81\xa1m\x02" + RECORD
CHUNK = b"\x81\xa5chunk\xa2c\n"


def packed(entries: bytes, head: bytes, width: int) -> bytes:
    return head + len(entries).to_bytes(width, "big") + entries


def compressed(algorithm: str, *members: bytes) -> bytes:
    body = b"".join(deflate(member, algorithm) for member in members)
    options = encode_value({"chunk": "c\n", "compressed": algorithm})
    return b"\x93\xa1t" + packed(body, b"\xc5", 2) + options


FORMS = {
    "Message of 3": (b"\x93\xa1t" + TIME + RECORD, Mode.MESSAGE, 1, None),
    "Message with nil options": (b"\x94\xa1t" + TIME + RECORD + b"\xc0", Mode.MESSAGE, 1, None),
    "Message of 4": (b"\x94\xa1t" + TIME + RECORD + CHUNK, Mode.MESSAGE, 1, b"\xa2c\n"),
    "Message with ext 8": (b"\x93\xa1t\xc7\x08" + TIME[1:] + RECORD, Mode.MESSAGE, 1, None),
    "Message in array 16": (b"\xdc\x00\x03\xa1t" + TIME + RECORD, Mode.MESSAGE, 1, None),
    "Forward of 2": (b"\x92\xa1t\x92" + ENTRY * 2, Mode.FORWARD, 2, None),
    "Forward of 3": (b"\x93\xa1t\x91" + ENTRY + CHUNK, Mode.FORWARD, 1, b"\xa2c\n"),
    "Forward with nil options": (b"\x93\xa1t\x91" + ENTRY + b"\xc0", Mode.FORWARD, 1, None),
    "Forward in array 16": (b"\x92\xa1t\xdc\x00\x01" + ENTRY, Mode.FORWARD, 1, None),
    "Forward in array 32": (b"\x92\xa1t\xdd\x00\x00\x00\x01" + ENTRY, Mode.FORWARD, 1, None),
    "Forward with metadata": (b"\x92\xa1t\x91" + WITH_METADATA, Mode.FORWARD, 1, None),
    "Forward without entries": (b"\x93\xa1t\x90" + CHUNK, Mode.FORWARD, 0, b"\xa2c\n"),
    "PackedForward str 8": (b"\x92\xa1t" + packed(ENTRY, b"\xd9", 1), Mode.PACKED_FORWARD, 1, None),
    "PackedForward str 16": (
        b"\x93\xa1t" + packed(ENTRY * 3, b"\xda", 2) + CHUNK, Mode.PACKED_FORWARD, 3, b"\xa2c\n"
    ),
    "PackedForward str 32": (
        b"\x93\xa1t" + packed(ENTRY, b"\xdb", 4) + b"\xc0", Mode.PACKED_FORWARD, 1, None
    ),
    "PackedForward fixstr": (b"\x92\xa1t\xb3" + ENTRY, Mode.PACKED_FORWARD, 1, None),
    "PackedForward bin 8": (b"\x92\xa1t" + packed(ENTRY, b"\xc4", 1), Mode.PACKED_FORWARD, 1, None),
    "PackedForward bin 16": (
        b"\x92\xa1t" + packed(ENTRY, b"\xc5", 2), Mode.PACKED_FORWARD, 1, None
    ),
    "PackedForward bin 32": (
        b"\x92\xa1t" + packed(WITH_METADATA, b"\xc6", 4), Mode.PACKED_FORWARD, 1, None
    ),
    "PackedForward without entries": (b"\x92\xa1t\xa0", Mode.PACKED_FORWARD, 0, None),
    "PackedForward text": (
        b"\x93\xa1t" + packed(ENTRY, b"\xc4", 1) + b"\x81\xaacompressed\xa4text",
        Mode.PACKED_FORWARD, 1, None,
    ),
    "gzip": (compressed("gzip", ENTRY * 2), Mode.PACKED_FORWARD, 2, b"\xa2c\n"),
    "gzip members": (compressed("gzip", ENTRY, ENTRY * 2), Mode.PACKED_FORWARD, 3, b"\xa2c\n"),
    "zstd": (compressed("zstd", ENTRY), Mode.PACKED_FORWARD, 1, b"\xa2c\n"),
    "zstd frames": (compressed("zstd", ENTRY, ENTRY), Mode.PACKED_FORWARD, 2, b"\xa2c\n"),
    "Message of Fluent Bit": (
        b"\x94\xa1t" + TIME + RECORD
        + encode_value({"chunk": "c\n", "metadata": {"m": 2}, "size": 1, "fluent_signal": 0}),
        Mode.MESSAGE, 1, b"\xa2c\n",
    ),
    "Message in array 32": (
        b"\xdd\x00\x00\x00\x04\xa1t" + TIME + RECORD + CHUNK, Mode.MESSAGE, 1, b"\xa2c\n"
    ),
    "Forward of plain and metadata entries": (
        b"\x92\xa1t\x93" + ENTRY + WITH_METADATA + ENTRY, Mode.FORWARD, 3, None
    ),
    "Forward in array 32 in array 16": (
        b"\xdc\x00\x03\xa1t\xdd\x00\x00\x00\x01" + ENTRY + CHUNK, Mode.FORWARD, 1, b"\xa2c\n"
    ),
    "options in map 32": (
        b"\x93\xa1t\x91" + ENTRY + b"\xdf\x00\x00\x00\x01" + CHUNK[1:],
        Mode.FORWARD, 1, b"\xa2c\n",
    ),
    "names of options as bin": (
        b"\x93\xa1t\x91" + ENTRY + b"\x81\xc4\x05chunk\xa1c", Mode.FORWARD, 1, b"\xa1c"
    ),
    "chunk as bin": (
        b"\x93\xa1t\x91" + ENTRY + b"\x81\xa5chunk\xc4\x01c", Mode.FORWARD, 1, b"\xc4\x01c"
    ),
    "chunk as str 32": (
        b"\x93\xa1t\x91" + ENTRY + b"\x81\xa5chunk\xdb\x00\x00\x00\x01c",
        Mode.FORWARD, 1, b"\xdb\x00\x00\x00\x01c",
    ),
    "chunk as an integer": (
        b"\x93\xa1t\x91" + ENTRY + b"\x81\xa5chunk\xcd\x00\x07", Mode.FORWARD, 1, b"\xcd\x00\x07"
    ),
    "the last of two chunks": (
        b"\x93\xa1t\x91" + ENTRY + b"\x82\xa5chunk\xa1a\xa5chunk\xa1b", Mode.FORWARD, 1, b"\xa1b"
    ),
    "compressed named as bin": (
        b"\x93\xa1t" + packed(deflate(ENTRY, "gzip"), b"\xda", 2)
        + b"\x81\xaacompressed\xc4\x04gzip",
        Mode.PACKED_FORWARD, 1, None,
    ),
    "tag as str 8": (b"\x92\xd9\x01t\x91" + ENTRY, Mode.FORWARD, 1, None),
    "tag as str 32": (b"\x92\xdb\x00\x00\x00\x01t\x91" + ENTRY, Mode.FORWARD, 1, None),
    "tag as bin": (b"\x92\xc4\x01t\x91" + ENTRY, Mode.FORWARD, 1, None),
}  # fmt: skip


def fed(pieces: list[bytes]) -> list[Frame]:
    framer, frames = Framer(Limits()), []
    for piece in pieces:
        framer.receive_data(piece)
        while isinstance(message := framer.next_message(), Message):
            frame = parse_frame(message)
            assert isinstance(frame, Frame)
            frames.append(frame)
    return frames


def events_of(frame: Frame) -> list[tuple[int, Any]]:
    payload = frame.payload(Limits())
    entries = [entry for entry in walk(payload, frame.mode) if entry.kind is EntryKind.EVENT]
    return [
        (entry.time, msgpack.unpackb(payload[entry.record_start : entry.record_end]))
        for entry in entries
    ]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_read_whole_byte_by_byte_and_with_more_behind_it(name: str) -> None:
    raw, mode, count, chunk = FORMS[name]
    (frame,) = fed([raw])
    assert (frame.raw, frame.tag, frame.mode) == (raw, "t", mode)
    assert msgpack.unpackb(raw[frame.tag_start : frame.tag_end]) in ("t", b"t")
    assert frame.count == (None if mode is Mode.PACKED_FORWARD else count)
    assert (frame.chunk, frame.signal, frame.json) == (chunk, 0, False)
    assert events_of(frame) == [(NANOSECONDS, {"a": 1})] * count
    assert fed([bytes([byte]) for byte in raw]) == [frame]
    assert fed([raw + raw + b"\x93\xa1"]) == [frame, frame]


@pytest.mark.parametrize(
    ("header", "count"),
    [(b"\xdc\x01\x2c", 300), (b"\xdd\x00\x00\x01\x2c", 300), (b"\xdd\x00\x01\x11\x70", 70_000)],
)
def test_the_count_of_a_long_array_is_that_of_its_header(header: bytes, count: int) -> None:
    frame = frame_of(b"\x92\xa1t" + header + b"\xc0" * count)
    assert frame.count == frame.body_end - frame.body_start == count


def test_nil_is_a_heartbeat() -> None:
    assert parse_frame(message_of(b"\xc0")) is HEARTBEAT


@pytest.mark.parametrize("signal", [1, 2, 3, 4])
def test_telemetry_that_is_not_logs_is_known_by_its_signal(signal: int) -> None:
    raw = b"\x93\xa1t" + packed(b"\xc1\xc1", b"\xc4", 1) + encode_value({"fluent_signal": signal})
    assert frame_of(raw).signal == signal


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x90", "expected an array of 2 to 4 elements, found 0"),
        (b"\x91\xa1t", "expected an array of 2 to 4 elements, found 1"),
        (b"\x95\xa1t\x01\x80\x80\x80", "expected an array of 2 to 4 elements, found 5"),
        (b"\x92\x05\x90", "expected a string as the tag, found int"),
        (b"\x92\xc0\x90", "expected a string as the tag, found NoneType"),
        (b"\x92\xa1t\x05", "expected an array, a string or a time"),
        (b"\x93\xa1t\xc0\x80", "expected an array, a string or a time"),
        (b"\x93\xa1t\x80\x80", "expected an array, a string or a time"),
        (b"\x93\xa1t\xc2\x80", "expected an array, a string or a time"),
        (b"\x93\xa1t\xc3\x80", "expected an array, a string or a time"),
        (b"\x93\xa1t\x05\x90", "expected a map as the record"),
        (b"\x93\xa1t\x90\x05", "expected a map or nil as the options"),
        (b"\x94\xa1t\x05\x80\xa1o", "expected a map or nil as the options"),
        (b"\x94\xa1t\x90\x80\x80", "expected at most 3 elements in Forward mode"),
        (b"\x94\xa1t\xa0\x80\x80", "expected at most 3 elements in PackedForward mode"),
        (b"\x93\xa1t\xa0\x81\xaacompressed\xa3lz4", "gzip, zstd or text, found 'lz4'"),
        (b"\x93\xa1t\xa0\x81\xadfluent_signal\xa11", "fluent_signal to be an integer"),
        (b"\x93\xa1t\xa0\x81\xadfluent_signal\xc3", "fluent_signal to be an integer"),
    ],
)
def test_what_has_no_specified_shape_is_refused_with_what_was_expected(
    raw: bytes, reason: str
) -> None:
    message = dataclasses.replace(message_of(raw), offset=77)
    with pytest.raises(RemoteProtocolError) as caught:
        parse_frame(message)
    assert reason in caught.value.message
    assert caught.value.offset == 77


def test_a_tag_that_is_not_utf8_keeps_its_bytes() -> None:
    assert frame_of(b"\x92\xa2\xff\xfe\x90").tag.encode("utf-8", "surrogateescape") == b"\xff\xfe"


def test_options_that_nobody_knows_are_passed_over() -> None:
    options = {"unknown": [1, {"x": None}], 5: 6, "chunk": "c"}
    assert frame_of(b"\x93\xa1t\x90" + encode_value(options)).chunk == b"\xa1c"


@pytest.mark.parametrize("chunk", [b"\xc0", b"\xc2"])
def test_a_chunk_that_is_nil_or_false_asks_for_no_ack(chunk: bytes) -> None:
    assert frame_of(b"\x93\xa1t\x90\x81\xa5chunk" + chunk).chunk is None


def test_what_a_compressed_array_would_be_is_left_alone() -> None:
    raw = b"\x93\xa1t\x91" + ENTRY + b"\x81\xaacompressed\xa4gzip"
    assert frame_of(raw).compressed is None


def test_a_payload_over_the_limit_is_refused() -> None:
    frame = frame_of(compressed("gzip", ENTRY * 100))
    with pytest.raises(RemoteProtocolError, match="inflates to over 100 bytes"):
        frame.payload(Limits(inflated=100))


@pytest.mark.parametrize(
    "value",
    [
        ["app.log", [[1, {"a": 'é\n"}]'}], [2.5, {"b": [1, None, True, 1e3]}]], {"chunk": "c"}],
        ["app.log", 1764000000, {"a": {}}],
        ["app.log", 1.5, {"a": {}}, {"chunk": 7}],
        ["app.log", []],
    ],
)
def test_a_json_message_becomes_the_msgpack_that_it_stands_for(value: list[Any]) -> None:
    frame = parse_frame(Message(json.dumps(value).encode(), 0, json=True))
    assert isinstance(frame, Frame)
    assert msgpack.unpackb(frame.raw) == value
    assert frame.json
    assert frame.tag == "app.log"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'["t", [], ]', "malformed JSON"),
        (b'["t", 1, {"a": 99999999999999999999999}]', "malformed JSON"),
        (b'{"t": 1}', "expected a JSON array"),
        (b'["t", "packed"]', "expected an array or a time"),
        (b'["t"]', "expected an array of 2 to 4 elements"),
        (b"[" * 5000 + b"]" * 5000, "malformed JSON"),
    ],
)
def test_json_that_is_no_message_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        parse_frame(Message(text, 3, json=True))


@given(st.binary(max_size=120))
def test_any_message_is_a_frame_a_heartbeat_or_an_error_of_the_peers(data: bytes) -> None:
    framer = Framer(Limits())
    framer.receive_data(data)
    try:
        while isinstance(message := framer.next_message(), Message):
            frame = parse_frame(message)
            if isinstance(frame, Frame):
                list(walk(frame.payload(Limits(inflated=1000)), frame.mode))
    except RemoteProtocolError:
        pass


@pytest.mark.parametrize("raw", [b"", b"\x92\xa1t", b"\x92\xa1t\x90\x90"])
def test_bytes_of_our_own_that_are_not_one_message_are_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match="one whole message"):
        message_of(raw)


UNHASHABLE = b"\x81\x90\x01"
"""A map with an array as its key, which Python cannot decode."""


@pytest.mark.parametrize(
    "raw",
    [
        b"\x92" + UNHASHABLE + b"\x90",
        b"\x93\xa1t\x90\x81" + UNHASHABLE + b"\x01",
        b"\x93\xa1t\x90\x81\xa5chunk" + UNHASHABLE,
        b"\x93\xa1t\xa0\x81\xaacompressed" + UNHASHABLE,
        b"\x93\xa1t\x90\x81\xadfluent_signal" + UNHASHABLE,
    ],
)
def test_a_head_that_cannot_be_decoded_is_refused(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="an array or a map in one of its keys"):
        parse_frame(message_of(raw))


@pytest.mark.parametrize(
    ("chunk", "found"),
    [
        (b"\x90", "list"),
        (b"\x80", "dict"),
        (b"\xc3", "bool"),
        (b"\xd4\x01\x00", "ExtType"),
        (b"\xc7\x03\xff\x00\x00\x00", "invalid timestamp"),
    ],
)
def test_a_chunk_that_no_ack_could_be_known_by_is_refused(chunk: bytes, found: str) -> None:
    with pytest.raises(RemoteProtocolError, match=found):
        parse_frame(message_of(b"\x93\xa1t\x90\x81\xa5chunk" + chunk))


@pytest.mark.parametrize("name", ["chunk", "compressed", "fluent_signal"])
def test_an_option_too_deep_to_print_is_refused(name: str) -> None:
    raw = b"\x93\xa1t\xa0\x81" + encode_value(name) + b"\x91" * 1000 + b"\x90"
    with pytest.raises(RemoteProtocolError, match=f"{name} to be .* found list"):
        parse_frame(message_of(raw))


def test_what_was_found_is_told_in_few_characters() -> None:
    raw = b"\x93\xa1t\xa0" + encode_value({"compressed": "x" * 10_000})
    with pytest.raises(RemoteProtocolError) as caught:
        parse_frame(message_of(raw))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "entries", "chunk"),
    [
        (b'["t",1690000000,{"a":1}]', [(1690000000 * 10**9, {"a": 1})], None),
        (b'["t",1.5,{"a":1},{"chunk":"c\\n"}]', [(15 * 10**8, {"a": 1})], b"\xa2c\n"),
        (b'["t",1,{"a":1},null]', [(10**9, {"a": 1})], None),
        (b'["t",[[1,{"a":1}],[2.5,{}]]]', [(10**9, {"a": 1}), (25 * 10**8, {})], None),
        (b'[ "t" , [[1,{"a":[]}]] , {"chunk":7} ]', [(10**9, {"a": []})], b"\x07"),
        (b'["t",[[[1,{"m":1}],{"a":1}]],{}]', [(10**9, {"a": 1})], None),
        (b'["t",[[1,{"a":"\\u00e9\\ud83d\\ude00\\"]}\\\\"}]]]', [(10**9, {"a": 'é😀"]}\\'})], None),
        ('["t",[[1,{"é]":"😀}"}]]]'.encode(), [(10**9, {"é]": "😀}"})], None),
        (b'["t",[[1,{"a":18446744073709551615,"b":-9223372036854775808}]]]',
         [(10**9, {"a": 2**64 - 1, "b": -(2**63)})], None),
        (b'["t",\n[\r\n\t[1,{"a":1.0}]]\n]', [(10**9, {"a": 1.0})], None),
    ],
)  # fmt: skip
def test_every_form_of_json_is_read_whole_byte_by_byte_and_with_more_behind_it(
    text: bytes, entries: list[tuple[int, Any]], chunk: bytes | None
) -> None:
    (frame,) = fed([text])
    assert (frame.tag, frame.json, frame.chunk) == ("t", True, chunk)
    assert events_of(frame) == entries
    assert fed([bytes([byte]) for byte in text]) == [frame]
    assert fed([text + b"\n" + text + b' \t["t']) == [frame, frame]
    plain = b"\x92\xa1t\x90"
    assert [found.json for found in fed([text + plain + plain + text])] == [
        True,
        False,
        False,
        True,
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=8), json_values, max_size=4), max_size=3),
    st.booleans(),
    st.sampled_from([None, 0, 2, "\t"]),
    st.integers(1, 40),
)
def test_json_however_it_is_written_and_split_says_what_it_was_made_of(
    records: list[dict[str, Any]], ascii_only: bool, indent: int | str | None, step: int
) -> None:
    value = ["t", [[number, record] for number, record in enumerate(records)], {"chunk": "c\n"}]
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    stream = text + b"\n" + text
    first, second = fed([stream[at : at + step] for at in range(0, len(stream), step)])
    assert first == second
    assert msgpack.unpackb(first.raw) == value
    assert events_of(first) == [(n * 10**9, record) for n, record in enumerate(records)]


def test_a_string_of_json_that_is_not_utf8_keeps_its_bytes() -> None:
    (frame,) = fed([b'["t",1,{"a":"\xff\xfe"}]'])
    assert frame.raw == b"\x93\xa1t\x01\x81\xa1a\xa2\xff\xfe"


def test_an_error_in_json_tells_where_the_message_begins_in_the_stream() -> None:
    framer = Framer(Limits())
    framer.receive_data(b'["t",1,{}] ["t",1,2,3,4,5,6]')
    framer.next_message()
    message = framer.next_message()
    assert isinstance(message, Message)
    with pytest.raises(RemoteProtocolError, match=r"7 elements.*\(at byte 11\)"):
        parse_frame(message)


def test_heartbeats_between_frames_are_told_from_them() -> None:
    framer = Framer(Limits())
    framer.receive_data(b"\xc0\x92\xa1t\x90\xc0\xc0")
    found = []
    while isinstance(message := framer.next_message(), Message):
        found.append(parse_frame(message))
    assert [frame is HEARTBEAT for frame in found] == [True, False, True, True]


def test_the_head_is_read_without_looking_at_the_entries() -> None:
    body = b"\x93\xc0\x05\x91\x91"
    frame = frame_of(b"\x93\xa1t" + body + b"\x90" + CHUNK)
    assert (frame.count, frame.raw[frame.body_start : frame.body_end]) == (3, body[1:] + b"\x90")
    assert frame_of(b"\x92\xa1t\xc4\x02\xc1\xc1").payload(Limits()) == b"\xc1\xc1"


def test_only_a_packed_forward_is_compressed_whatever_others_say() -> None:
    for options in ({"compressed": "lz4"}, {"compressed": "gzip", "chunk": "c"}):
        raw = msgpack.packb(["t", [[1, {}]], options])
        assert frame_of(raw).compressed is None


@pytest.mark.parametrize("extra", [{}, {"size": 3}, {"compressed": "text"}, {"other": "x"}])
@pytest.mark.parametrize("header", [b"\xa2", b"\xd9\x02", b"\xda\x00\x02", b"\xc4\x02"])
def test_a_chunk_is_kept_as_it_was_written_beside_whatever_options(
    header: bytes, extra: dict[str, Any]
) -> None:
    chunk = header + b"c1"
    count = bytes([0x81 + len(extra)])
    options = count + b"".join(map(msgpack.packb, [p for pair in extra.items() for p in pair]))
    raw = b"\x93\xa1t\x90" + options + msgpack.packb("chunk") + chunk
    assert frame_of(raw).chunk == chunk


def test_of_two_chunks_the_last_counts() -> None:
    raw = b"\x93\xa1t\x90\x82" + msgpack.packb("chunk") + b"\xa1a"
    raw += msgpack.packb("chunk") + b"\xa1b"
    assert frame_of(raw).chunk == b"\xa1b"


def told(entries: bytes, options: dict[str, Any], number: int = 2) -> int:
    return frame_of(
        b"\x93\xa1t" + packed(entries * number, b"\xc5", 2) + encode_value(options)
    ).records


@pytest.mark.parametrize(
    ("options", "records"),
    [
        ({"size": 2}, 2),
        ({"size": 2, "chunk": "c"}, 2),
        ({"size": 2, "compressed": "text"}, 2),
        ({"size": 2, "fluent_signal": 0, "chunk": "c"}, 2),
        ({"size": 2, "fluent_signal": 1}, 0),
        ({"size": None, "chunk": "c"}, 0),
        ({"size": "2"}, 0),
        ({"size": True}, 0),
        ({"size": -1}, 0),
        ({"size": 2**62}, 0),
        ({"chunk": "c"}, 0),
    ],
    ids=repr,
)
def test_the_records_of_a_packed_frame_are_those_that_its_sender_tells_of(
    options: dict[str, Any], records: int
) -> None:
    assert told(ENTRY, options) == records


@pytest.mark.parametrize(
    "name", [name for name, form in FORMS.items() if form[1] is not Mode.PACKED_FORWARD]
)
def test_the_records_of_other_frames_are_their_entries(name: str) -> None:
    raw, _, count, _ = FORMS[name]
    assert frame_of(raw).records == count
