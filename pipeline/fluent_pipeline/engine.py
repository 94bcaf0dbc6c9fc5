"""Frames in, frames out: runs the filters on the frames of a relay, and holds what they hold.

The engine is synchronous and does no I/O: a driver gives it parsed frames and the time, and sends
what it gives back. A frame in which no filter changes anything leaves as the bytes that came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fluent_eql.api import (
    Drop,
    Emission,
    Evidence,
    Filter,
    Outcome,
    Reloadable,
    Replace,
    Verdict,
)
from fluent_eql.event import Event
from fluent_pipeline.protocol.entries import Entry, EntryKind, entries_at, walk
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import (
    Edit,
    encode_entry,
    encode_forward,
    entry_with,
    rebuild,
    retag,
)


class Receipt:
    """Counts what is still on its way of one client's frame.

    ``on_delivered`` is called once, when everything made from the frame has been delivered.
    """

    __slots__ = ("_open", "_on_delivered", "_before")

    def __init__(self, on_delivered: Callable[[], None]) -> None:
        self._open = 0
        self._on_delivered = on_delivered
        self._before: list[Callable[[], None]] = []

    def before_delivery_is_told(self, action: Callable[[], None]) -> None:
        """Have something done when everything has been delivered, before that is told."""
        self._before.append(action)

    def hold(self) -> None:
        """One more part is on its way."""
        self._open += 1

    def release(self) -> None:
        """One part has been delivered, or will never be sent."""
        self._open -= 1
        if self._open == 0:
            for action in self._before:
                action()
            self._on_delivered()


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


Payload = bytes | memoryview


@dataclass(frozen=True, slots=True)
class _Passing:
    """A frame between two stages, with its entries inflated."""

    frame: Frame
    payload: Payload


@dataclass(slots=True, eq=False)
class _Passage:
    """A frame on its way through one stage, with what has been decided of its entries.

    ``waiting`` counts the events that are still undecided.
    """

    frame: Frame
    payload: Payload
    stage: int
    receipt: Receipt
    entries: dict[Event, Entry]
    waiting: int
    edits: list[Edit] = field(default_factory=list)

    def decide(self, event: Event, verdict: Verdict) -> None:
        self.waiting -= 1
        entry = self.entries[event]
        if isinstance(verdict, Drop):
            self.edits.append(Edit(entry, ()))
        elif isinstance(verdict, Replace):
            entries = [
                entry_with(entry, self.payload, raw, verdict.time) for raw in verdict.records
            ]
            self.edits.append(Edit(entry, tuple(entries)))


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
        self._passages: dict[Event, _Passage] = {}

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
        """How many events wait for a filter's verdict."""
        return len(self._passages)

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
        events = {} if passing.frame.signal else self._events(passing, stage.filter)
        if not events:
            return self._prefixed(passing, stage.tag_prefix)
        passage = _Passage(
            passing.frame, passing.payload, number, receipt, events, waiting=len(events) + 1
        )
        self._passages.update(dict.fromkeys(events, passage))
        outcome = stage.filter.process(list(events), now)
        self._apply(number, outcome, now, sent)
        self._keep_undecided(passage, outcome)
        passage.waiting -= 1
        if passage.waiting:
            self.counts.frames_held += 1
            receipt.hold()
            return None
        return self._leave(passage)

    def _events(self, passing: _Passing, screen: Filter) -> dict[Event, Entry]:
        """The entries that a filter asks to see, as events."""
        frame, payload = passing.frame, passing.payload
        offsets = screen.screen(payload)
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
                self.counts.bad_entries += 1
                self._on_problem(f"{frame.tag}: bad entry passed on untouched: {entry.reason}")
        return events

    def _keep_undecided(self, passage: _Passage, outcome: Outcome) -> None:
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
            self._note(number, note.write, self._passages[note.event].receipt)
        for emission in outcome.emitted:
            self._emit(number, emission, now, sent)
        for event, verdict in outcome.decided:
            passage = self._passages.pop(event)
            passage.decide(event, verdict)
            if not passage.waiting:
                self._resume(passage, now, sent)

    def _emit(self, number: int, emission: Emission, now: int, sent: list[Outgoing]) -> None:
        passing = self._open(_frame_of_own(emission))
        cause = self._passages.get(emission.cause) if emission.cause else None
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

    def _resume(self, passage: _Passage, now: int, sent: list[Outgoing]) -> None:
        self._run(self._leave(passage), passage.stage + 1, passage.receipt, now, sent)
        passage.receipt.release()

    def _leave(self, passage: _Passage) -> _Passing | None:
        """The frame as it leaves its stage; None where nothing is left of it."""
        passing = _Passing(passage.frame, passage.payload)
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
