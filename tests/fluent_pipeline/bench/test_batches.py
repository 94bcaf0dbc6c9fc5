from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest

from fluent_pipeline.bench.batches import (
    FILES_EVERY,
    HELD,
    PASSING,
    SENT_AT,
    TEMPLATES,
    Batches,
)
from fluent_pipeline.bench.workloads import MAIN, Form, Workload
from fluent_pipeline.protocol.entries import EntryKind, walk
from fluent_pipeline.protocol.frames import Frame, Mode, frame_of, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits
from support.rules import driver

SMALL = replace(MAIN, records=400, batch=100, entities=50)
FIRST_WITH_FILES = FILES_EVERY - 1


def of_form(form: Form) -> Workload:
    return replace(SMALL, form=form)


def frames_in(raw: bytes) -> list[Frame]:
    framer = Framer(Limits())
    framer.receive_data(raw)
    frames = []
    while isinstance(message := framer.next_message(), Message):
        frame = parse_frame(message)
        assert isinstance(frame, Frame)
        frames.append(frame)
    assert not framer.buffered
    return frames


def records_of(batches: Batches, number: int) -> list[dict[str, object]]:
    found = []
    for frame in frames_in(bytes(batches.batch(number, 0))):
        payload = frame.payload(Limits())
        for entry in walk(payload, frame.mode):
            assert entry.kind is EntryKind.EVENT
            found.append(msgpack.unpackb(payload[entry.record_start : entry.record_end]))
    return found


@pytest.mark.parametrize("form", Form)
def test_a_batch_is_whole_frames_with_all_its_records(form: Form) -> None:
    batches = Batches(of_form(form))
    assert len(records_of(batches, 0)) == SMALL.batch
    frames = frames_in(bytes(batches.batch(0, 0)))
    assert len(frames) == batches.acks == (SMALL.batch if form is Form.MESSAGE else 1)
    assert frames[0].compressed == (form.value if form.is_compressed else None)


def test_main_is_what_fluent_bit_sends_by_default() -> None:
    raw = bytes(Batches(MAIN).batch(0, 0))
    assert frame_of(raw).mode is Mode.FORWARD
    assert frame_of(raw).count == 500


def test_an_entry_of_main_has_about_1_4_kilobytes() -> None:
    batches = Batches(MAIN)
    sizes = [len(batches.batch(number, 0)) / MAIN.batch for number in range(TEMPLATES)]
    assert 1_370 < sum(sizes) / len(sizes) < 1_460


def test_the_entity_of_a_candidate_is_that_of_its_process_alone() -> None:
    batches = Batches(replace(SMALL, candidates=1.0))
    for record in records_of(batches, 0):
        process = record["process"]
        assert isinstance(process, dict)
        assert str(process).count(process["entity_id"]) == 1


def test_a_chunk_tells_when_it_was_sent_and_no_two_are_the_same() -> None:
    batches = Batches(SMALL)
    chunks = [frame_of(bytes(batches.batch(0, time))).chunk for time in (5, 5)]
    assert len(set(chunks)) == 2
    text = msgpack.unpackb(chunks[0])
    assert text.startswith(PASSING)
    assert int(text[SENT_AT], 16) == 5


def test_the_share_of_candidates_is_what_was_asked_for() -> None:
    batches = Batches(replace(SMALL, candidates=0.2))
    records = records_of(batches, 0)
    executables = [record["process"]["executable"] for record in records]  # type: ignore[index]
    assert sum(text.startswith("/tmp/") for text in executables) == 20


def test_entities_take_turns() -> None:
    batches = Batches(replace(SMALL, candidates=1.0, entities=150))
    found = {
        record["process"]["entity_id"]  # type: ignore[index]
        for number in range(3)
        for record in records_of(batches, number)
    }
    assert len(found) == 150


@pytest.mark.parametrize("form", [Form.FORWARD, Form.GZIP])
def test_only_batches_with_files_are_held_and_each_gives_one_alert(form: Form) -> None:
    batches = Batches(of_form(form))
    assert [number for number in range(80) if batches.is_held(number)] == [39, 79]
    run = driver()
    run.send(records_of(batches, FIRST_WITH_FILES - 1))
    assert run.flush().alerts == []
    run.send(records_of(batches, FIRST_WITH_FILES))
    assert len(run.flush().alerts) == 1
    chunk = frame_of(bytes(batches.batch(FIRST_WITH_FILES, 0))).chunk
    assert msgpack.unpackb(chunk).startswith(HELD)


def test_the_body_of_a_compressed_batch_is_what_the_frame_carries() -> None:
    batches = Batches(of_form(Form.GZIP))
    frame = frame_of(bytes(batches.batch(0, 0)))
    assert bytes(batches.body(0)) == frame.raw[frame.body_start : frame.body_end]
