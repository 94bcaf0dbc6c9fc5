from __future__ import annotations

import contextlib
import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.acks import MOST_BYTES, AckReader, chunk_id, encode_ack
from fluent_pipeline.protocol.frames import Frame, message_of, parse_frame
from fluent_pipeline.protocol.framing import NEED_DATA

CHUNKS = (
    b"\xa3abc",
    b"\xd9\x03abc",
    b"\xda\x00\x03abc",
    b"\xdb\x00\x00\x00\x03abc",
    b"\xc4\x03abc",
    b"\xc5\x00\x03abc",
    b"\xa2\xff\xfe",
    b"\xa2a\n",
    b"\x07",
    b"\xcd\x00\x07",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_an_ack_holds_the_chunk_byte_for_byte(chunk: bytes) -> None:
    assert encode_ack(chunk, json=False) == b"\x81\xa3ack" + chunk


def test_a_json_client_gets_json() -> None:
    assert json.loads(encode_ack(b'\xa3a"b', json=True)) == {"ack": 'a"b'}


@pytest.mark.parametrize("chunk", CHUNKS)
def test_the_ack_of_a_chunk_is_known_by_it(chunk: bytes) -> None:
    reader = AckReader()
    reader.receive_data(encode_ack(chunk, json=False))
    assert reader.next_ack() == chunk_id(chunk)


def test_a_target_may_write_a_chunk_with_another_header() -> None:
    assert len({chunk_id(chunk) for chunk in CHUNKS[:6]}) == 1
    assert chunk_id(b"\x07") != chunk_id(b"\xa17")


@given(st.lists(st.sampled_from(CHUNKS), max_size=6), st.integers(1, 9))
def test_acks_are_read_however_they_are_split(chunks: list[bytes], size: int) -> None:
    stream = b"".join(encode_ack(chunk, json=False) for chunk in chunks)
    reader, found = AckReader(), []
    for start in range(0, len(stream), size):
        reader.receive_data(stream[start : start + size])
        while (ack := reader.next_ack()) is not NEED_DATA:
            found.append(ack)
    assert found == [chunk_id(chunk) for chunk in chunks]


def test_other_keys_of_an_answer_are_passed_over() -> None:
    reader = AckReader()
    reader.receive_data(msgpack.packb({"more": 1, "ack": "c"}))
    assert reader.next_ack() == "c"


@pytest.mark.parametrize("answer", [b"\xc1", b"\x90", b"\xc0", b"\x81\xa3nak\x01", b"\x05"])
def test_what_is_no_ack_is_the_targets_error(answer: bytes) -> None:
    reader = AckReader()
    reader.receive_data(encode_ack(b"\x01", json=False) + answer)
    assert reader.next_ack() == b"\x01"
    with pytest.raises(RemoteProtocolError, match=r"ack.*\(at byte 6\)"):
        reader.next_ack()


def test_an_endless_ack_is_refused() -> None:
    reader = AckReader()
    reader.receive_data(b"\x81\xa3ack\xdb\x7f\xff\xff\xff")
    assert reader.next_ack() is NEED_DATA
    with pytest.raises(RemoteProtocolError, match=f"over {MOST_BYTES} bytes"):
        reader.receive_data(b"x" * (MOST_BYTES + 1))


@pytest.mark.parametrize("size", [1, 8_191, 65_536])
def test_thousands_of_acks_in_full_reads_are_no_endless_one(size: int) -> None:
    stream = b"".join(encode_ack(b"\xd9\x20%032d" % n, json=False) for n in range(6000))
    reader, found = AckReader(), []
    for start in range(0, len(stream), size):
        reader.receive_data(stream[start : start + size])
        while (ack := reader.next_ack()) is not NEED_DATA:
            found.append(ack)
    assert found == [f"{n:032d}" for n in range(6000)]


def test_the_error_tells_where_an_ack_begins_that_came_in_parts() -> None:
    reader = AckReader()
    reader.receive_data(encode_ack(b"\x01", json=False) + b"\x81\xa3")
    assert reader.next_ack() == b"\x01"
    assert reader.next_ack() is NEED_DATA
    reader.receive_data(b"nak\x01")
    with pytest.raises(RemoteProtocolError, match=r"\(at byte 6\)"):
        reader.next_ack()


@pytest.mark.parametrize(
    "ack",
    [
        b"\x81\x90\x01",
        b"\xc7\x03\xff\x00\x00\x00",
        b"\x91" * 10_000,
        b"\xdd\x7f\xff\xff\xff",
        b"\xdf\x7f\xff\xff\xff",
        b"\xa1\xff\xc1",
    ],
)
def test_a_hostile_ack_is_the_targets_error(ack: bytes) -> None:
    reader = AckReader()
    reader.receive_data(encode_ack(ack, json=False))
    with pytest.raises(RemoteProtocolError):
        while reader.next_ack() is not NEED_DATA:
            pass


@given(st.binary(max_size=100))
def test_any_bytes_at_all_are_acks_or_an_error_of_the_targets(data: bytes) -> None:
    reader = AckReader()
    reader.receive_data(data)
    with contextlib.suppress(RemoteProtocolError):
        while reader.next_ack() is not NEED_DATA:
            pass


@pytest.mark.parametrize(
    "chunk", ['"c\\n"', '"\\u00e9\\ud83d\\ude00"', "7", "1.5", "18446744073709551615"]
)
def test_a_json_client_gets_back_the_chunk_that_it_sent(chunk: str) -> None:
    text = f'["t",[],{{"chunk":{chunk}}}]'.encode()
    frame = parse_frame(message_of(text))
    assert isinstance(frame, Frame)
    assert frame.chunk is not None
    assert encode_ack(frame.chunk, json=frame.json) == b'{"ack": %s}' % chunk.encode()
