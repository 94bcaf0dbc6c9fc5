"""The engine with filters that take frames as a whole."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.api import (
    DROP,
    Batch,
    Emission,
    Note,
    Outcome,
    Problem,
    WholeFrames,
)
from fluent_eql.event import Event, encode_value
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.protocol.frames import Mode, frame_of
from fluent_pipeline.protocol.index import LEAST_ENTRY
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from support.engines import Run, deliver, received, records, stage
from support.frames import forward_frame
from support.whole_filter import (
    SAID,
    Judging,
    Step,
    Whole,
    both,
    event_of,
    hold,
    holding,
    marking,
    nothing,
    release,
)

GROUP_START = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
GROUP_END = b"\x92\x92\xd7\x00\xff\xff\xff\xfe\x00\x00\x00\x00\x80\x80"
BAD = b"\x93\x01\x02\x03"


THREE = [{"a": 1}, {"a": 2}, {"a": 3}]
SECOND_MARKED = [{"a": 1}, {"a": 2, "marked": True}, {"a": 3}]


def test_a_frame_of_which_every_record_is_asked_for_is_given_as_a_whole() -> None:
    frame, made = forward_frame(THREE, tag="t"), Whole()
    assert isinstance(made, WholeFrames)
    (sent,) = Run(stage(made)).accept(frame)
    [batch] = made.batches
    assert (batch.tag, bytes(batch.body)) == ("t", frame.raw[frame.body_start :])
    assert [event_of(batch, number).record for number in range(len(batch.ends))] == THREE
    assert made.singles == []
    assert sent.frame.raw is frame.raw


def test_where_the_screen_names_offsets_the_events_are_given() -> None:
    made = Whole(offsets=[0])
    Run(stage(made)).accept(forward_frame(THREE))
    assert [event.record for event in made.singles] == [{"a": 1}]
    assert made.batches == []


def test_a_frame_that_is_taken_whole_is_hit() -> None:
    run = Run(stage(Whole()))
    run.accept(forward_frame(THREE))
    assert run.engine.counts.frames_hit == 1


def test_a_held_frame_leaves_when_it_is_released_as_the_same_bytes() -> None:
    run, frame = Run(stage(Whole(hold, nothing, release))), forward_frame(THREE)
    assert run.accept(frame) == []
    assert (run.engine.held, run.engine.counts.frames_held) == (1, 1)
    assert run.engine.advance(1) == []
    (sent,) = run.engine.advance(2)
    assert sent.frame.raw is frame.raw
    assert run.engine.held == 0
    assert run.delivered == []
    deliver([sent])
    assert run.delivered == ["a"]


def test_a_frame_that_is_not_held_leaves_with_what_was_decided_at_once() -> None:
    run = Run(stage(Whole(marking(1))))
    assert records(run.accept(forward_frame(THREE))) == SECOND_MARKED
    assert (run.engine.held, run.engine.counts.frames_changed) == (0, 1)


def test_an_event_of_a_frame_that_is_not_held_may_be_held() -> None:
    run = Run(stage(Whole(holding(1), marking(1))))
    assert run.accept(forward_frame(THREE)) == []
    assert run.engine.held == 1
    assert records(run.engine.advance(1)) == SECOND_MARKED
    assert run.engine.held == 0


@pytest.mark.parametrize(
    "steps",
    [
        (both(hold, marking(1)), nothing, release),
        (hold, marking(1), release),
        (hold, nothing, both(marking(1), release)),
        (both(hold, holding(1)), marking(1), release),
        (both(hold, holding(1)), release, marking(1)),
        (hold, holding(1), both(release, marking(1))),
        (hold, both(holding(1), release), marking(1)),
    ],
)
def test_an_event_of_a_held_frame_is_decided_at_any_time(steps: tuple[Step, Step, Step]) -> None:
    run = Run(stage(Whole(*steps)))
    sent = [*run.accept(forward_frame(THREE)), *run.engine.advance(1)]
    assert sent == []
    assert run.engine.held > 0
    sent = run.engine.advance(2)
    assert records(sent) == SECOND_MARKED
    assert run.engine.held == 0
    deliver(sent)
    assert run.delivered == ["a"]


def test_what_is_held_are_frames_and_events_that_are_to_be_decided_by_themselves() -> None:
    steps = (both(hold, holding(0)), holding(2), marking(0), release, marking(2))
    run = Run(stage(Whole(*steps)))
    run.accept(forward_frame(THREE))
    held = [run.engine.held]
    for now in range(1, len(steps)):
        run.engine.advance(now)
        held.append(run.engine.held)
    assert held == [2, 3, 2, 1, 0]


def test_an_event_that_is_held_twice_is_waited_for_once() -> None:
    run = Run(stage(Whole(both(hold, holding(1)), holding(1), both(marking(1), release))))
    run.accept(forward_frame(THREE))
    run.engine.advance(1)
    assert records(run.engine.advance(2)) == SECOND_MARKED


@pytest.mark.parametrize("steps", [(), (hold, release)])
def test_a_whole_frame_of_which_nothing_is_left_is_delivered_at_once(
    steps: tuple[Step, ...],
) -> None:
    def drop(batch: Batch) -> Outcome:
        return Outcome(decided=[(event_of(batch, number), DROP) for number in range(3)])

    first, *later = steps or (nothing,)
    run = Run(stage(Whole(both(drop, first), *later)))
    assert run.accept(forward_frame(THREE)) + run.engine.advance(1) == []
    assert run.delivered == ["a"]


def emitting(batch: Batch) -> Outcome:
    copy = Emission("copies", 7, encode_value({"copy": True}), cause=event_of(batch, 1))
    return Outcome(emitted=[copy])


@pytest.mark.parametrize(
    "steps",
    [(emitting,), (both(hold, emitting), release), (hold, both(release, emitting))],
)
def test_a_whole_frame_is_delivered_once_what_was_emitted_because_of_it_is(
    steps: tuple[Step, ...],
) -> None:
    run = Run(stage(Whole(*steps)))
    sent = run.accept(forward_frame(THREE)) + run.engine.advance(1)
    assert [out.frame.tag for out in sent] == ["copies", "test"]
    deliver(sent[1:])
    assert run.delivered == []
    deliver(sent[:1])
    assert run.delivered == ["a"]


def holders_of(event: Event) -> int:
    """How many dictionaries have it as a key: the batch has its own as values."""
    return sum(isinstance(one, dict) and event in one for one in gc.get_referrers(event))


def test_an_event_that_is_asked_for_after_its_frame_has_left_is_kept_nowhere() -> None:
    made = Whole(hold, release)
    run = Run(stage(made))
    run.accept(forward_frame(THREE))
    [batch] = made.batches
    early = event_of(batch, 0)
    assert holders_of(early) > 0
    deliver(run.engine.advance(1))
    late = event_of(batch, 1)
    assert late.record == {"a": 2}
    assert batch.event(0) is early
    assert holders_of(late) == 0
    assert run.engine.held == 0


def test_a_frame_that_has_left_is_forgotten_with_the_events_that_were_met() -> None:
    made = Whole(both(hold, marking(0), holding(1)), both(marking(1), release))
    run = Run(stage(made))
    run.accept(forward_frame([{"only": "here"}, {"only": "here"}]))
    event_of(made.batches[0], 0)
    deliver(run.engine.advance(1))
    made.batches.clear()
    gc.collect()
    raw = encode_value({"only": "here"})
    assert [one for one in gc.get_objects() if isinstance(one, Event) and one.raw == raw] == []


def test_each_of_two_filters_takes_the_frame_that_the_one_before_left() -> None:
    first = Whole(both(hold, marking(1)), release)
    second = Whole(both(hold, marking(0)), release)
    run = Run(stage(first), stage(second))
    assert run.accept(forward_frame(THREE)) == []
    assert second.batches == []
    sent = run.engine.advance(1)
    assert [event_of(second.batches[0], number).record for number in range(3)] == SECOND_MARKED
    assert records(sent) == [{"a": 1, "marked": True}, *SECOND_MARKED[1:]]
    assert run.engine.held == 0
    deliver(sent)
    assert run.delivered == ["a"]


def test_the_index_of_a_frame_holds_under_another_tag_and_not_after_a_change() -> None:
    rows = [{"a": number, "x": "." * LEAST_ENTRY} for number in range(3)]
    entries = [encode_entry(1, encode_value(row)) for row in rows]
    frame = received(encode_forward("test", entries, {}), indexing=True)
    assert frame.index is not None
    filters = [Whole(), Whole(marking(0)), Whole(marking(2))]
    run = Run(*(stage(made, prefix="long.") for made in filters))
    (sent,) = run.accept(frame, tag_prefix="edge.")
    assert sent.frame.tag == "long.long.long.edge.test"
    expected = [{**rows[0], "marked": True}, rows[1], {**rows[2], "marked": True}]
    assert records([sent]) == expected
    assert [made.batches[0].tag for made in filters] == [
        "edge.test",
        "long.edge.test",
        "long.long.edge.test",
    ]


def test_a_message_is_given_as_an_event() -> None:
    made = Whole()
    message = frame_of(b"\x93\xa1t\x05" + encode_value({"a": 1}))
    assert message.mode is Mode.MESSAGE
    Run(stage(made)).accept(message)
    assert [event.record for event in made.singles] == [{"a": 1}]
    assert made.batches == []


def test_entries_before_bytes_that_are_none_are_given_as_events() -> None:
    made = Whole()
    run = Run(stage(made))
    raw = b"\x92\xa1t" + encode_value(encode_entry(1, b"\x81\xa1a\x01") + b"\xc1")
    (sent,) = run.accept(frame_of(raw))
    assert sent.frame.raw == raw
    assert [event.record for event in made.singles] == [{"a": 1}]
    assert made.batches == []
    assert run.problems == ["t: bad entry passed on untouched: malformed msgpack"]


@pytest.mark.parametrize("is_late", [False, True])
def test_a_bad_entry_that_is_asked_for_is_no_event_and_told_once(is_late: bool) -> None:
    def ask_twice(batch: Batch) -> Outcome:
        assert batch.event(1) is batch.event(1) is None
        return Outcome()

    steps = (hold, ask_twice, release) if is_late else (both(hold, ask_twice), ask_twice, release)
    run = Run(stage(Whole(*steps)))
    entries = [encode_entry(1, b"\x80"), BAD, BAD]
    frame = frame_of(encode_forward("t", entries, {}))
    sent = run.accept(frame) + run.engine.advance(1) + run.engine.advance(2)
    assert [out.frame.raw for out in sent] == [frame.raw]
    assert run.engine.counts.bad_entries == 1
    assert run.problems == ["t: bad entry passed on untouched: expected [time, record]"]


def test_markers_of_groups_are_no_events_and_stay_in_their_order() -> None:
    entries = [GROUP_START, encode_entry(1, b"\x81\xa1a\x01"), GROUP_END]
    made = Whole(lambda batch: Outcome(decided=[(event_of(batch, 1), DROP)]))
    run = Run(stage(made))
    (sent,) = run.accept(frame_of(encode_forward("t", entries, {"size": 3})))
    assert [made.batches[0].event(number) for number in (0, 2)] == [None, None]
    assert sent.frame.raw == encode_forward("t", [GROUP_START, GROUP_END], {"size": 2})
    assert run.problems == []


def test_a_problem_with_an_event_of_a_whole_frame_is_told_with_its_tag() -> None:
    made = Whole(lambda batch: Outcome(problems=[Problem(event_of(batch, 0), "no time")]))
    run = Run(stage(made))
    run.accept(forward_frame(THREE))
    assert run.problems == ["filter: test: no time"]


def noting(batch: Batch) -> Outcome:
    return Outcome(notes=[Note(event_of(batch, 0), lambda: b"seen")])


@pytest.mark.parametrize("steps", [(noting,), (hold, noting, release)])
def test_a_note_of_an_event_of_a_whole_frame_is_kept_once_that_is_delivered(
    steps: tuple[Step, ...],
) -> None:
    run = Run(stage(Whole(*steps)))
    sent = run.accept(forward_frame(THREE)) + run.engine.advance(1) + run.engine.advance(2)
    assert len(sent) == 1
    assert run.notes == []
    deliver(sent)
    assert run.notes == [b"seen"]


def test_a_held_frame_is_released_by_a_reload_or_at_the_end_of_the_stream() -> None:
    made = Whole(hold, both(marking(1), release), hold, release)
    run = Run(stage(made))
    assert run.accept(forward_frame(THREE)) == []
    assert records(run.engine.reload({0: Whole()}, 1)) == SECOND_MARKED
    made.batches.clear()
    assert run.accept(forward_frame(THREE), "b") == []
    assert records(run.engine.flush(2)) == THREE
    assert run.engine.held == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["held", "free"]), st.lists(st.sampled_from(SAID), max_size=6)),
        max_size=5,
    ),
    st.booleans(),
)
def test_each_record_of_a_whole_frame_comes_out_once_in_its_order_as_is_said_of_it(
    frames: list[tuple[str, list[str]]], is_early: bool
) -> None:
    run = Run(stage(Judging(is_early)))
    sent: list[Outgoing] = []
    for number, (tag, said) in enumerate(frames):
        rows = [{"at": [number, row], "said": word} for row, word in enumerate(said)]
        sent += run.accept(forward_frame(rows, tag=tag, chunk=str(number)), str(number))
    for now in range(3):
        sent += run.engine.advance(now)
    assert run.engine.held == 0
    assert all(out.frame.mode is Mode.FORWARD for out in sent)
    deliver(sent)

    for number, (_, said) in enumerate(frames):
        expected = [
            [number, row]
            for row, word in enumerate(said)
            for _ in range({"drop": 0, "double": 2}.get(word, 1))
        ]
        assert [r["at"] for r in records(sent) if r["at"][0] == number] == expected
    for record in records(sent):
        tag, _ = frames[record["at"][0]]
        changed = ("mark", "hold", "hold later", "mark last")[: 4 if tag == "held" else 2]
        assert record.get("marked", False) == (record["said"] in changed)
    assert sorted(run.delivered) == sorted(str(number) for number in range(len(frames)))
