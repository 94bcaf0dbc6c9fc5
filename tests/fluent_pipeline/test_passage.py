from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate

import pytest

from fluent_eql.api import DROP, KEEP, Replace, Verdict
from fluent_eql.event import Event, encode_value
from fluent_pipeline.passage import FrameBatch, Passage, Payload
from fluent_pipeline.protocol.entries import Entry, encode_time, walk
from fluent_pipeline.protocol.frames import Mode, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import Edit, encode_entry, encode_forward
from fluent_pipeline.receipt import Receipt

SECOND = 10**9
MARKER = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
BAD = b"\x93\x01\x02\x03"
WITH_METADATA = b"\x92\x92" + encode_time(7 * SECOND) + b"\x81\xa1m\x01" + b"\x81\xa1a\x03"
ENTRIES = (encode_entry(5 * SECOND, b"\x81\xa1a\x01"), MARKER, BAD, WITH_METADATA)
PAYLOAD = b"".join(ENTRIES)
ENDS = list(accumulate(map(len, ENTRIES)))


@dataclass
class Told:
    """What a batch tells of the entries that it is asked for."""

    events: list[tuple[Event, Entry]] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def batch(self, payload: Payload = PAYLOAD) -> FrameBatch:
        return FrameBatch(
            "tag",
            payload,
            Mode.PACKED_FORWARD,
            ENDS,
            lambda event, entry: self.events.append((event, entry)),
            self.bad.append,
        )


def test_a_batch_shows_the_payload_and_where_its_entries_end() -> None:
    batch = Told().batch()
    assert (batch.tag, batch.body, batch.ends) == ("tag", PAYLOAD, ENDS)


@pytest.mark.parametrize("payload", [PAYLOAD, memoryview(PAYLOAD)])
def test_an_entry_is_the_event_that_it_holds(payload: Payload) -> None:
    batch = Told().batch(payload)
    events = [batch.event(number) for number in (0, 3)]
    assert [(event.tag, event.time, event.raw) for event in events if event] == [
        ("tag", 5 * SECOND, b"\x81\xa1a\x01"),
        ("tag", 7 * SECOND, b"\x81\xa1a\x03"),
    ]
    assert {type(event.raw) for event in events if event} == {bytes}


def test_an_event_is_made_and_told_when_it_is_asked_for_first_and_is_always_the_same() -> None:
    told = Told()
    batch = told.batch()
    assert told.events == []
    last = batch.event(3)
    assert batch.event(3) is last
    first = batch.event(0)
    entries = list(walk(PAYLOAD, Mode.PACKED_FORWARD))
    assert told.events == [(last, entries[3]), (first, entries[0])]


def test_a_marker_of_a_group_is_no_event_and_of_a_bad_entry_its_reason_is_told_once() -> None:
    told = Told()
    batch = told.batch()
    assert [batch.event(number) for number in (1, 1)] == [None, None]
    assert told.bad == []
    assert [batch.event(number) for number in (2, 2)] == [None, None]
    assert told.bad == ["expected [time, record]"]
    assert told.events == []


def test_batches_of_the_same_payload_are_two_keys() -> None:
    one, other = Told().batch(), Told().batch()
    assert len({one: 1, other: 2}) == 2


def passage() -> tuple[Passage, list[Event]]:
    frame = frame_of(encode_forward("tag", ENTRIES, {}))
    payload = frame.payload(Limits())
    entries = {
        Event("tag", entry.time, bytes(payload[entry.record_start : entry.record_end])): entry
        for entry in walk(payload, frame.mode)
        if entry.record_end
    }
    return Passage(frame, payload, 0, Receipt(lambda: None), entries, waiting=1), [*entries]


RECORDS = encode_value({"b": 1}), encode_value({"b": 2})


@pytest.mark.parametrize(
    ("verdict", "replacements"),
    [
        (KEEP, None),
        (DROP, ()),
        (Replace(RECORDS[:1]), (encode_entry(5 * SECOND, RECORDS[0]),)),
        (Replace(RECORDS), tuple(encode_entry(5 * SECOND, record) for record in RECORDS)),
        (Replace(RECORDS, 9 * SECOND), tuple(encode_entry(9 * SECOND, r) for r in RECORDS)),
    ],
)
def test_what_is_decided_of_an_event_is_an_edit_of_its_entry(
    verdict: Verdict, replacements: tuple[bytes, ...] | None
) -> None:
    made, (first, *_) = passage()
    made.decide(first, verdict)
    entry = made.entries[first]
    assert made.edits == ([] if replacements is None else [Edit(entry, replacements)])


def test_an_entry_whose_record_is_replaced_keeps_its_metadata() -> None:
    made, (*_, last) = passage()
    made.decide(last, Replace(RECORDS[:1]))
    [edit] = made.edits
    assert edit.replacements == (WITH_METADATA.removesuffix(b"\x81\xa1a\x03") + RECORDS[0],)


def test_nothing_can_be_decided_of_an_event_of_another_frame() -> None:
    made, _ = passage()
    with pytest.raises(KeyError):
        made.decide(Event("tag", 5 * SECOND, b"\x81\xa1a\x01"), DROP)
    assert made.edits == []
