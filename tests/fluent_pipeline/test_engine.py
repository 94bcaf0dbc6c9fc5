from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.api import DROP, KEEP, Body, Emission, Evidence, Metric, Outcome, Problem, Replace
from fluent_eql.event import Event, encode_value
from fluent_pipeline.engine import Engine, Outgoing, Stage
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.ndjson import records_of
from fluent_pipeline.protocol.frames import Mode, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from fluent_pipeline.receipt import Receipt
from support.engines import Record, Run, deliver, marked, records, stage
from support.frames import forward_frame

HOLD = object()


class Scripted:
    """A filter whose verdict on each record is what ``judge`` gives; HOLD waits for ``release``."""

    def __init__(self, judge: Callable[[Record], object]) -> None:
        self._judge = judge
        self.held: list[Event] = []
        self.due: int | None = None
        self.screened = 0
        self.emits: list[Emission] = []

    def screen(self, body: Body) -> Sequence[int] | None:
        self.screened += 1
        return None

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        outcome = Outcome()
        for event in events:
            verdict = self._judge(event.record)
            if verdict is HOLD:
                outcome.held.append(event)
                self.held.append(event)
                self.due = now + 10
            elif verdict is not None:
                outcome.decided.append((event, verdict))  # type: ignore[arg-type]
        outcome.emitted, self.emits = self.emits, []
        return outcome

    def advance(self, now: int) -> Outcome:
        return self.release() if self.due is not None and now >= self.due else Outcome()

    def release(self) -> Outcome:
        held, self.held, self.due = self.held, [], None
        return Outcome(decided=[(event, marked(event.record)) for event in held])

    def next_deadline(self) -> int | None:
        return self.due

    def flush(self, now: int) -> Outcome:
        return self.release()

    def metrics(self) -> Iterable[Metric]:
        return ()


class Silent(Scripted):
    """A filter whose screen finds nothing."""

    def screen(self, body: Body) -> Sequence[int] | None:
        return []


def test_a_frame_in_which_the_screen_finds_nothing_leaves_as_the_same_bytes() -> None:
    frame = forward_frame([{"a": 1}])
    (sent,) = Run(stage(Silent(lambda record: DROP))).accept(frame)
    assert sent.frame is frame


def test_a_frame_in_which_every_record_is_kept_leaves_as_the_same_bytes() -> None:
    frame = forward_frame([{"a": 1}, {"a": 2}])
    (sent,) = Run(stage(Scripted(lambda record: KEEP))).accept(frame)
    assert sent.frame.raw is frame.raw


def test_a_dropped_record_is_gone_and_the_others_stay_in_order() -> None:
    judge = lambda record: DROP if record["a"] == 2 else None  # noqa: E731
    sent = Run(stage(Scripted(judge))).accept(forward_frame([{"a": 1}, {"a": 2}, {"a": 3}]))
    assert records(sent) == [{"a": 1}, {"a": 3}]


def test_a_frame_of_which_nothing_is_left_is_delivered_at_once() -> None:
    run = Run(stage(Scripted(lambda record: DROP)))
    assert run.accept(forward_frame([{"a": 1}])) == []
    assert run.delivered == ["a"]


def test_a_frame_waits_for_its_held_record_and_is_spliced_then() -> None:
    run = Run(stage(Scripted(lambda record: HOLD if record["a"] == 2 else None)))
    frame = forward_frame([{"a": 1}, {"a": 2}, {"a": 3}], chunk="c")
    assert run.accept(frame, now=5) == []
    assert (run.engine.held, run.engine.next_deadline()) == (1, 15)
    assert run.engine.advance(14) == []
    sent = run.engine.advance(15)
    assert records(sent) == [{"a": 1}, {"a": 2, "marked": True}, {"a": 3}]
    assert sent[0].frame.chunk == frame.chunk
    assert run.engine.held == 0


def test_other_frames_overtake_a_held_one() -> None:
    run = Run(stage(Scripted(lambda record: HOLD if record["a"] == 1 else None)))
    assert run.accept(forward_frame([{"a": 1}]), "first") == []
    assert records(run.accept(forward_frame([{"a": 2}]), "second")) == [{"a": 2}]


def test_a_frame_is_delivered_once_all_that_was_made_of_it_is() -> None:
    made = Scripted(lambda record: None)
    run = Run(stage(made))

    class Emitting(Scripted):
        def process(self, events: Sequence[Event], now: int) -> Outcome:
            raw = encode_value({"copy": True})
            return Outcome(emitted=[Emission("copies", 7, raw, cause=events[0])])

    run = Run(stage(Emitting(lambda record: None)))
    sent = run.accept(forward_frame([{"a": 1}]))
    assert [out.frame.tag for out in sent] == ["copies", "test"]
    sent[1].receipt.release()
    assert run.delivered == []
    sent[0].receipt.release()
    assert run.delivered == ["a"]


def test_an_emission_without_a_cause_delays_no_acknowledgement() -> None:
    made = Scripted(lambda record: None)
    made.emits = [Emission("late", 7, encode_value({"late": True}))]
    run = Run(stage(made))
    sent = run.accept(forward_frame([{"a": 1}]))
    assert [out.frame.tag for out in sent] == ["late", "test"]
    sent[1].receipt.release()
    assert run.delivered == ["a"]
    sent[0].receipt.release()


def test_an_emission_has_a_chunk_that_is_the_same_each_time() -> None:
    chunks = []
    for _ in range(2):
        made = Scripted(lambda record: None)
        made.emits = [Emission("late", 7, encode_value({"late": True}))]
        chunks.append(Run(stage(made)).accept(forward_frame([{"a": 1}]))[0].frame.chunk)
    assert chunks[0] == chunks[1] is not None


def test_a_flush_decides_all_that_is_held() -> None:
    run = Run(stage(Scripted(lambda record: HOLD)))
    run.accept(forward_frame([{"a": 1}, {"a": 2}]))
    assert len(records(run.engine.flush(0))) == 2
    assert run.engine.held == 0


def test_filters_run_one_after_another_on_what_the_one_before_left() -> None:
    first = Scripted(lambda record: Replace((encode_value({"a": record["a"] + 1}),)))
    second = Scripted(lambda record: Replace((encode_value({"a": record["a"] * 10}),)))
    assert records(Run(stage(first), stage(second)).accept(forward_frame([{"a": 1}]))) == [
        {"a": 20}
    ]


def test_what_a_first_filter_held_goes_on_through_the_second() -> None:
    run = Run(stage(Scripted(lambda record: HOLD)), stage(Scripted(lambda record: DROP)))
    run.accept(forward_frame([{"a": 1}]))
    assert run.engine.advance(10) == []
    assert run.delivered == ["a"]


def test_a_filter_sees_only_the_tags_that_it_matches() -> None:
    made = Scripted(lambda record: DROP)
    (sent,) = Run(stage(made, tags="app.")).accept(forward_frame([{"a": 1}], tag="sys.x"))
    assert (sent.frame.tag, made.screened) == ("sys.x", 0)


@pytest.mark.parametrize("verdict", [None, HOLD, KEEP])
def test_a_tag_prefix_marks_whatever_leaves_the_filter(verdict: object) -> None:
    run = Run(stage(Scripted(lambda record: verdict), prefix="eql."))
    sent = run.accept(forward_frame([{"a": 1}], chunk="c")) + run.engine.advance(10)
    assert [out.frame.tag for out in sent] == ["eql.test"]
    assert sent[0].frame == frame_of(sent[0].frame.raw)


def test_the_tag_prefix_of_an_input_is_there_before_the_filters() -> None:
    made = Scripted(lambda record: DROP)
    run = Run(stage(made, tags="edge."))
    assert run.accept(forward_frame([{"a": 1}]), tag_prefix="edge.") == []
    assert made.screened == 1


def test_telemetry_passes_by_the_filters() -> None:
    raw = encode_forward("m", [encode_entry(1, b"\x80")], {"fluent_signal": 1})
    made = Scripted(lambda record: DROP)
    (sent,) = Run(stage(made)).accept(frame_of(raw))
    assert (sent.frame.raw, made.screened) == (raw, 0)


def test_a_bad_entry_stays_where_it_was_and_is_counted_and_told() -> None:
    bad = b"\x93\x01\x02\x03"
    entries = [encode_entry(1, encode_value({"a": 1})), bad, encode_entry(2, b"\x81\xa1a\x02")]
    run = Run(stage(Scripted(lambda record: marked(record))))
    (sent,) = run.accept(frame_of(encode_forward("t", entries, {})))
    assert bad in sent.frame.raw
    assert [record["marked"] for record in records([sent])] == [True, True]
    assert run.engine.counts.bad_entries == 1
    assert "expected [time, record]" in run.problems[0]


def test_group_markers_stay_in_their_order() -> None:
    start = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
    end = b"\x92\x92\xd7\x00\xff\xff\xff\xfe\x00\x00\x00\x00\x80\x80"
    entries = [start, encode_entry(1, b"\x81\xa1a\x01"), end]
    run = Run(stage(Scripted(lambda record: DROP)))
    (sent,) = run.accept(frame_of(encode_forward("t", entries, {"size": 3})))
    assert sent.frame.raw == encode_forward("t", [start, end], {"size": 2})


def test_a_problem_that_a_filter_reports_is_told_with_the_tag() -> None:
    class Troubled(Scripted):
        def process(self, events: Sequence[Event], now: int) -> Outcome:
            return Outcome(problems=[Problem(events[0], "no time")])

    run = Run(stage(Troubled(lambda record: None)))
    assert len(run.accept(forward_frame([{"a": 1}]))) == 1
    assert run.problems == ["filter: test: no time"]
    assert run.engine.counts.problems == 1


def test_a_corrupt_compressed_body_is_refused_even_where_no_filter_reads_it() -> None:
    raw = b"\x93\xa1t\xc4\x0fabcabcabcabcabc\x81\xaacompressed\xa4gzip"
    run = Run()
    with pytest.raises(RemoteProtocolError, match="corrupt gzip body"):
        run.accept(frame_of(raw))
    assert run.delivered == []
    assert run.engine.counts.frames == 0


@pytest.mark.parametrize("raw", [b"\x92\xa1t\x90", b"\x92\xa1t\xa0", b"\x92\xa1t\xc4\x00"])
def test_a_frame_without_entries_is_delivered_at_once(raw: bytes) -> None:
    run = Run(stage(Scripted(lambda record: KEEP)))
    assert run.accept(frame_of(raw)) == []
    assert run.delivered == ["a"]


def test_one_record_of_a_message_that_becomes_two_makes_a_forward_frame() -> None:
    two = Replace((encode_value({"b": 1}), encode_value({"b": 2})))
    message = frame_of(b"\x93\xa1t\x05" + encode_value({"a": 1}))
    (sent,) = Run(stage(Scripted(lambda record: two))).accept(message)
    assert sent.frame.mode is Mode.FORWARD
    assert [event.time for event in records_of(sent.frame, Limits())] == [5 * 10**9] * 2
    assert records([sent]) == [{"b": 1}, {"b": 2}]


verdicts = st.sampled_from(["keep", "say nothing", "drop", "mark", "hold", "double"])


@given(st.lists(st.lists(verdicts, max_size=6), max_size=5))
def test_each_record_comes_out_once_in_its_order_as_its_verdict_says(
    frames: list[list[str]],
) -> None:
    def judge(record: Record) -> object:
        return {
            "keep": KEEP,
            "say nothing": None,
            "drop": DROP,
            "mark": marked(record),
            "hold": HOLD,
            "double": Replace((encode_value(record), encode_value(record))),
        }[record["verdict"]]

    run = Run(stage(Scripted(judge)))
    sent: list[Outgoing] = []
    for number, frame in enumerate(frames):
        rows = [{"at": [number, row], "verdict": verdict} for row, verdict in enumerate(frame)]
        sent += run.accept(forward_frame(rows, chunk=str(number)), str(number))
    sent += run.engine.flush(0)
    deliver(sent)

    for number, frame in enumerate(frames):
        expected = [
            [number, row]
            for row, verdict in enumerate(frame)
            for _ in range({"drop": 0, "double": 2}.get(verdict, 1))
        ]
        assert [r["at"] for r in records(sent) if r["at"][0] == number] == expected
    for record in records(sent):
        assert record.get("marked", False) == (record["verdict"] in ("mark", "hold"))
    assert sorted(run.delivered) == sorted(str(number) for number in range(len(frames)))


class Alerting(Scripted):
    """A filter with two alerts for each frame, of which one has evidence."""

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        evidence = {"a": Evidence((), "web-01", {})}
        return Outcome(alerts=[{"id": "a"}, {"id": "b"}], evidence=evidence)


def test_an_alert_is_told_with_what_it_rests_on_where_the_filter_says_so() -> None:
    told: list[tuple[str, str | None]] = []
    engine = Engine(
        [Stage("alerting", Alerting(lambda record: None), lambda tag: True)],
        Limits(),
        on_alert=lambda alert, found: told.append((alert["id"], found.host if found else None)),
    )
    engine.accept(forward_frame([{"a": 1}]), 0, Receipt(lambda: None))
    assert told == [("a", "web-01"), ("b", None)]
