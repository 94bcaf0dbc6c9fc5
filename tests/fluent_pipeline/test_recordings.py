from __future__ import annotations

import gzip
import io
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import Event
from fluent_pipeline.recordings import read_events
from support.frames import SECOND, forward_frame

CAPTURES = Path(__file__).parent.parent / "captures"


def read(data: bytes) -> tuple[list[Event], list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    events = list(read_events(io.BytesIO(data), "name", lambda *told_of: told.append(told_of)))
    return events, told


def test_each_line_is_an_event_with_the_given_tag_and_no_time() -> None:
    events, told = read(b'{"a": 1}\n\n{"a": 2}')
    assert [(event.tag, event.time, event.record) for event in events] == [
        ("name", 0, {"a": 1}),
        ("name", 0, {"a": 2}),
    ]
    assert told == []


def test_each_entry_of_a_forward_stream_is_an_event_with_its_own_tag_and_time() -> None:
    events, told = read(forward_frame([{"a": 1}, {"a": 2}], tag="app").raw * 2)
    assert [(event.tag, event.time, event.record) for event in events] == [
        ("app", SECOND, {"a": 1}),
        ("app", 2 * SECOND, {"a": 2}),
    ] * 2
    assert told == []


@pytest.mark.parametrize("capture", ["fb_shared_key.bin", "fd_shared_key.bin"])
def test_a_handshake_in_a_recording_is_passed_over(capture: str) -> None:
    events, told = read((CAPTURES / capture).read_bytes())
    assert (len(events), told) == (120, [])


def test_telemetry_in_a_recording_is_passed_over() -> None:
    assert read((CAPTURES / "fb_metrics.bin").read_bytes()) == ([], [])


def test_what_is_unreadable_is_told_with_its_place() -> None:
    assert [place for place, _ in read(b'x\n{"a": 1}\n[]\n')[1]] == ["line 1", "line 3"]
    frame = forward_frame([{"a": 1}]).raw
    events, told = read(frame + b"\x92\xa1t\xc1" + frame)
    assert (len(events), [place for place, _ in told]) == (1, [f"byte {len(frame)}"])
    events, told = read(frame + frame[:-1])
    assert (len(events), [place for place, _ in told]) == (1, ["the end"])


@pytest.mark.parametrize(
    "bad",
    [
        b"\x92\x01\x90",
        b"\x93\xa1t\xc4\x03\x1f\x8b\x08\x81\xaacompressed\xa4gzip",
        b"\x92\xa1t\x91\x05",
        b"\x92\xa1t\xc4\x03\x92\x01\x81",
    ],
    ids=["no tag", "corrupt body", "no entry", "cut entry"],
)
def test_a_whole_message_that_cannot_be_read_is_passed_over(bad: bytes) -> None:
    frame = forward_frame([{"a": 1}]).raw
    events, told = read(frame + bad + frame)
    assert len(events) == 2
    assert [place for place, _ in told] == [f"byte {len(frame)}"]


def test_a_forward_stream_may_begin_with_a_heartbeat_and_hold_no_more() -> None:
    events, told = read(b"\xc0\xc0" + forward_frame([{"a": 1}]).raw)
    assert (len(events), told) == (1, [])
    assert read(b"\xc0") == ([], [])


def test_a_compressed_file_is_told_once() -> None:
    events, told = read(gzip.compress(b'{"a": 1}\n' * 100))
    assert events == []
    ((place, reason),) = told
    assert (place, "zcat" in reason) == ("byte 0", True)


def test_a_file_that_begins_with_a_newline_or_a_byte_order_mark_is_read_from_its_first_line() -> (
    None
):
    events, told = read(b'\n{"a": 1}\nx\n')
    assert (len(events), [place for place, _ in told]) == (1, ["line 3"])
    events, told = read(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n')
    assert (len(events), told) == (2, [])


def test_an_error_of_the_one_who_takes_the_events_is_not_taken_for_an_unreadable_line() -> None:
    told: list[tuple[str, str]] = []
    events = read_events(io.BytesIO(b'{"a": 1}\n'), "t", lambda *what: told.append(what))
    assert isinstance(events, Generator)
    next(events)
    with pytest.raises(ValueError, match="theirs"):
        events.throw(ValueError("theirs"))
    assert told == []


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(data: bytes) -> None:
    read(data)
