from __future__ import annotations

import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.acks import MOST_BYTES, AckReader, chunk_id, encode_ack
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
