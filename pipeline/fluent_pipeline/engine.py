"""Frames in, frames out: runs the filters on the frames of a relay, and holds what they hold.

The engine is synchronous and does no I/O: a driver gives it parsed frames and the time, and sends
what it gives back. A frame in which no filter changes anything leaves as the bytes that came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fluent_eql.api import Batch, Emission, Evidence, Filter, Outcome, Reloadable, WholeFrames
from fluent_eql.event import Event
from fluent_pipeline.passage import FrameBatch, Passage, Payload
from fluent_pipeline.protocol.entries import Entry, EntryKind, ends_of, entries_at, walk
from fluent_pipeline.protocol.frames import Frame, Mode, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import (
    encode_entry,
    encode_forward,
    rebuild,
    retag,
)
from fluent_pipeline.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to send. Whoever takes it calls ``receipt.release()`` once it is delivered.

    ``payload_size`` is that of the frame's entries, inflated; 0 for telemetry that is not logs.
    """

    frame: Frame
    receipt: Receipt
    payload_size: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """A filter in the pipeline: for which tags, and what its frames' tags are prefixed with."""

    name: str
    filter: Filter
    matches: Callable[[str], bool]
    tag_prefix: str = ""


@dataclass(slots=True)
class EngineCounts:
    """What has gone through, for metrics and the log."""

    frames: int = 0
    frames_hit: int = 0
    bytes: int = 0
    frames_held: int = 0
    frames_changed: int = 0
    records_dropped: int = 0
    bad_entries: int = 0
    problems: int = 0


@dataclass(frozen=True, slots=True)
class _Passing:
    """A frame between two stages, with its entries inflated."""

    frame: Frame
    payload: Payload


class Engine:
    """A chain of filters. Every call that takes ``now`` takes nanoseconds of one steady clock.

    ``on_problem`` gets a text for each record that a filter or the protocol could not read, and
    for each warning of a filter;
    ``on_alert`` gets each alert as plain values, and what it rests on where the filter says so;
    ``keep_note`` gets a stage's name and what its filter has to know again after a restart, once
    the frame that it is about has been delivered. Without it no notes are made.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        limits: Limits,
        *,
        on_problem: Callable[[str], None] = lambda text: None,
        on_alert: Callable[[dict[str, Any], Evidence | None], None] = lambda alert, evidence: None,
        keep_note: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self.stages = tuple(stages)
        self.counts = EngineCounts()
        self._limits = limits
        self._on_problem = on_problem
        self._on_alert = on_alert
        self._keep_note = keep_note
        self._takes_whole = [isinstance(stage.filter, WholeFrames) for stage in self.stages]
        self._passages: dict[Event, Passage] = {}
        self._met: dict[Event, Passage] = {}
        self._batches: dict[Batch, Passage] = {}

    def accept(
        self, frame: Frame, now: int, receipt: Receipt, *, tag_prefix: str = ""
    ) -> list[Outgoing]:
        """Take a client's frame; the frames that can be sent now.

        A frame without entries is delivered at once: there is nothing to send, and Fluent Bit
        closes the connection on which an empty PackedForward comes.
        Raises RemoteProtocolError where a compressed body cannot be inflated, before anything of
        the frame is taken: such a body must not be acknowledged, whoever is to read it.
        """
        passing = self._prefixed(self._open(frame), tag_prefix)
        self.counts.frames += 1
        self.counts.bytes += len(frame.raw)
        sent: list[Outgoing] = []
        receipt.hold()
        if frame.signal or len(passing.payload):
            self._run(passing, 0, receipt, now, sent)
        receipt.release()
        return sent

    def advance(self, now: int) -> list[Outgoing]:
        """Decide what is due; the frames that can be sent now."""
        sent: list[Outgoing] = []
        for number, stage in enumerate(self.stages):
            self._apply(number, stage.filter.advance(now), now, sent)
        return sent

    def next_deadline(self) -> int | None:
        """When :meth:`advance` has work to do next; None while nothing is held."""
        deadlines = [stage.filter.next_deadline() for stage in self.stages]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def flush(self, now: int) -> list[Outgoing]:
        """Decide everything that is held, as at the end of the stream."""
        sent: list[Outgoing] = []
        for number, stage in enumerate(self.stages):
            self._apply(number, stage.filter.flush(now), now, sent)
        return sent

    def reload(self, successors: Mapping[int, Filter], now: int) -> list[Outgoing]:
        """Have filters, by the numbers of their stages, go on as others; what can be sent now.

        See :class:`fluent_eql.api.Reloadable`, which they have to be, without an objection.
        """
        sent: list[Outgoing] = []
        for number, successor in successors.items():
            current = self.stages[number].filter
            if isinstance(current, Reloadable):
                self._apply(number, current.go_on_as(successor, now), now, sent)
        return sent

    @property
    def held(self) -> int:
        """How many events wait for a filter's verdict, and how many whole frames."""
        return len(self._passages) + len(self._batches)

    def _open(self, frame: Frame) -> _Passing:
        """Raises RemoteProtocolError where the frame's body is corrupt."""
        return _Passing(frame, b"" if frame.signal else frame.payload(self._limits))

    def _run(
        self, passing: _Passing | None, first: int, receipt: Receipt, now: int, sent: list[Outgoing]
    ) -> None:
        """Take a frame through the stages from ``first`` on, until it is sent, held or gone."""
        for number in range(first, len(self.stages)):
            if passing is not None and self.stages[number].matches(passing.frame.tag):
                passing = self._filter(passing, number, receipt, now, sent)
        if passing is not None:
            receipt.hold()
            sent.append(Outgoing(passing.frame, receipt, len(passing.payload)))

    def _filter(
        self, passing: _Passing, number: int, receipt: Receipt, now: int, sent: list[Outgoing]
    ) -> _Passing | None:
        """One stage for one frame: the frame that leaves it, None where it is held or gone."""
        stage = self.stages[number]
        offsets = () if passing.frame.signal else stage.filter.screen(passing.payload)
        if offsets is None and self._takes_whole[number] and passing.frame.mode is not Mode.MESSAGE:
            ends = ends_of(passing.payload, passing.frame.mode, passing.frame.index)
            if ends is not None:
                self.counts.frames_hit += 1
                return self._filter_whole(passing, number, ends, receipt, now, sent)
        events = self._events(passing, offsets)
        if not events:
            return self._prefixed(passing, stage.tag_prefix)
        passage = Passage(
            passing.frame, passing.payload, number, receipt, events, waiting=len(events) + 1
        )
        self._passages.update(dict.fromkeys(events, passage))
        outcome = stage.filter.process(list(events), now)
        self._apply(number, outcome, now, sent)
        self._keep_undecided(passage, outcome)
        return self._conclude(passage)

    def _filter_whole(
        self,
        passing: _Passing,
        number: int,
        ends: list[int],
        receipt: Receipt,
        now: int,
        sent: list[Outgoing],
    ) -> _Passing | None:
        """One stage for one frame, which its filter takes as a whole."""
        stage, frame = self.stages[number].filter, passing.frame
        assert isinstance(stage, WholeFrames)
        passage = Passage(frame, passing.payload, number, receipt, {}, waiting=1)

        def on_event(event: Event, entry: Entry) -> None:
            passage.entries[event] = entry
            self._met[event] = passage

        on_bad = partial(self._tell_bad, frame.tag)
        batch = FrameBatch(frame.tag, passing.payload, frame.mode, ends, on_event, on_bad)
        passage.on_leave = batch.leave
        self._batches[batch] = passage
        outcome = stage.process_batch(batch, now)
        if batch not in outcome.held_batches:
            del self._batches[batch]
        self._apply(number, outcome, now, sent)
        return self._conclude(passage)

    def _conclude(self, passage: Passage) -> _Passing | None:
        """A filter has seen what it asked for: what leaves; None for nothing."""
        passage.waiting -= 1
        if passage.waiting:
            self.counts.frames_held += 1
            passage.receipt.hold()
            return None
        return self._leave(passage)

    def _events(self, passing: _Passing, offsets: Sequence[int] | None) -> dict[Event, Entry]:
        """The entries that a filter asks to see, as events."""
        frame, payload = passing.frame, passing.payload
        if offsets is None:
            entries = walk(payload, frame.mode)
        elif offsets:
            self.counts.frames_hit += 1
            entries = entries_at(payload, frame.mode, offsets, frame.index)
        else:
            return {}
        events = {}
        for entry in entries:
            if entry.kind is EntryKind.EVENT:
                raw = bytes(payload[entry.record_start : entry.record_end])
                events[Event(frame.tag, entry.time, raw)] = entry
            elif entry.kind is EntryKind.BAD:
                self._tell_bad(frame.tag, entry.reason)
        return events

    def _tell_bad(self, tag: str, reason: str) -> None:
        self.counts.bad_entries += 1
        self._on_problem(f"{tag}: bad entry passed on untouched: {reason}")

    def _keep_undecided(self, passage: Passage, outcome: Outcome) -> None:
        held = set(outcome.held)
        for event in passage.entries:
            if event not in held and self._passages.pop(event, None) is not None:
                passage.waiting -= 1

    def _apply(self, number: int, outcome: Outcome, now: int, sent: list[Outgoing]) -> None:
        """Carry out what a stage's filter decided, for whichever frames."""
        for problem in outcome.problems:
            self.counts.problems += 1
            self._on_problem(f"{self.stages[number].name}: {problem.event.tag}: {problem.reason}")
        for alert in outcome.alerts:
            self._on_alert(alert, outcome.evidence.get(str(alert.get("id"))))
        for warning in outcome.warnings:
            self._on_problem(f"{self.stages[number].name}: {warning}")
        for note in outcome.notes:
            self._note(number, note.write, self._passage_of(note.event).receipt)
        for event in outcome.held:
            if event not in self._passages:
                passage = self._passages[event] = self._met[event]
                passage.waiting += 1
        for batch in outcome.held_batches:
            self._batches[batch].waiting += 1
        for emission in outcome.emitted:
            self._emit(number, emission, now, sent)
        for event, verdict in outcome.decided:
            waiting = self._passages.pop(event, None)
            passage = self._met[event] if waiting is None else waiting
            passage.decide(event, verdict)
            passage.waiting -= waiting is not None
            if not passage.waiting:
                self._resume(passage, now, sent)
        for batch in outcome.released_batches:
            passage = self._batches.pop(batch)
            passage.waiting -= 1
            if not passage.waiting:
                self._resume(passage, now, sent)

    def _passage_of(self, event: Event) -> Passage:
        """The frame of an event that is held, or that its filter has met in a frame still here."""
        return self._passages.get(event) or self._met[event]

    def _emit(self, number: int, emission: Emission, now: int, sent: list[Outgoing]) -> None:
        passing = self._open(_frame_of_own(emission))
        event = emission.cause
        cause = (self._passages.get(event) or self._met.get(event)) if event else None
        receipt = cause.receipt if cause else Receipt(_nobody_waits)
        receipt.hold()
        if emission.note is not None:
            self._note(number, emission.note, receipt)
        self._run(passing, number + 1, receipt, now, sent)
        receipt.release()

    def _note(self, number: int, write: Callable[[], bytes], receipt: Receipt) -> None:
        if self._keep_note is not None:
            keep = partial(self._keep_note, self.stages[number].name, write())
            receipt.before_delivery_is_told(keep)

    def _resume(self, passage: Passage, now: int, sent: list[Outgoing]) -> None:
        self._run(self._leave(passage), passage.stage + 1, passage.receipt, now, sent)
        passage.receipt.release()

    def _leave(self, passage: Passage) -> _Passing | None:
        """The frame as it leaves its stage; None where nothing is left of it."""
        passing = _Passing(passage.frame, passage.payload)
        passage.on_leave()
        for event in passage.entries:
            self._met.pop(event, None)
        if passage.edits:
            self.counts.frames_changed += 1
            edits = sorted(passage.edits, key=lambda edit: edit.entry.start)
            rebuilt = rebuild(passage.frame, passage.payload, edits)
            if rebuilt is None:
                return None
            passing = self._open(rebuilt)
        return self._prefixed(passing, self.stages[passage.stage].tag_prefix)

    def _prefixed(self, passing: _Passing, prefix: str) -> _Passing:
        if not prefix:
            return passing
        frame = passing.frame
        return _Passing(retag(frame, prefix + frame.tag), passing.payload)


def _frame_of_own(emission: Emission) -> Frame:
    entry = encode_entry(emission.time, emission.raw)
    chunk = hashlib.sha256(emission.tag.encode("utf-8", "surrogateescape") + entry).hexdigest()[:32]
    return frame_of(encode_forward(emission.tag, [entry], {"size": 1, "chunk": chunk}))


def _nobody_waits() -> None:
    """Nobody waits for the delivery of a record whose cause has been acknowledged."""
