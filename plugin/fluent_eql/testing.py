"""A driver for tests of a filter: records in, what became of them out, on a clock of your own.

The driver calls a filter in the way a pipeline does, see :mod:`fluent_eql.api`, and holds it to
the contract: it raises AssertionError where the filter breaks it.
"""

from __future__ import annotations

import bisect
import itertools
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from fluent_eql.api import (
    Batch,
    Drop,
    Filter,
    Keep,
    Outcome,
    Replace,
    Stateful,
    Verdict,
    WholeFrames,
)
from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.options import duration, options_of
from fluent_eql.registry import check_plugin, make_filter

Record = dict[str, Any]

NOT_GIVEN = "held: an event that process was not given"

TAG = "test"
SECOND = 10**9


def make_event(record: Mapping[str, Any], *, tag: str = TAG, time: int = 0) -> Event:
    """An event that holds ``record``; ``time`` is in nanoseconds since the epoch."""
    return Event(tag, time, encode_value(dict(record)))


def read_ndjson(text: str) -> list[Record]:
    """The records of a text with one JSON object a line; empty lines are left out.

    Raises ValueError, with the line's number, for a line that is no JSON object.
    """
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(f"line {number}: expected an object, found {line.strip()[:40]}")
        records.append(record)
    return records


def make_options(plugin: Any, settings: Mapping[str, str | Sequence[str]]) -> Any:
    """An instance of ``plugin.Options`` from texts, as a configuration file would give them.

    Raises ValueError for an unknown or missing key and for a value that its parser refuses.
    """
    specs = options_of(plugin.Options)
    unknown = sorted(set(settings) - set(specs))
    missing = sorted(
        key for key, (_, spec) in specs.items() if spec.required and key not in settings
    )
    if unknown or missing:
        raise ValueError(f"unknown keys {unknown}, missing keys {missing}")
    values = {}
    for key, value in settings.items():
        name, spec = specs[key]
        texts = [value] if isinstance(value, str) else value
        parsed = tuple(spec.parse(text) for text in texts)
        values[name] = parsed if spec.many else parsed[0]
    return plugin.Options(**values)


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that the filter emitted under a tag of its own."""

    tag: str
    time: int
    record: Record


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that the filter reported as a problem, and why."""

    record: Record
    reason: str


@dataclass(slots=True)
class Result:
    """What one step brought, all records decoded.

    ``out`` are the records that left, in the order of their frames: a frame leaves when all its
    events are decided. ``kept``, ``dropped`` and ``replaced`` say what was decided in this step,
    ``replaced`` as pairs of the record and what took its place; ``times`` has the new time of each
    such pair, None where it stays. ``held`` are the records that the filter waits with,
    ``skipped`` those that its screen did not ask for (they are in ``kept``, too). ``notes`` are
    what it wants to know again after a restart.
    """

    out: list[Record] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    dropped: list[Record] = field(default_factory=list)
    replaced: list[tuple[Record, list[Record]]] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    held: list[Record] = field(default_factory=list)
    skipped: list[Record] = field(default_factory=list)
    emitted: list[Sent] = field(default_factory=list)
    problems: list[Failure] = field(default_factory=list)
    alerts: list[Record] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)


class _Batch:
    """A frame as a pipeline shows it to a filter that takes whole ones."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        entries = [_entry(event) for event in events]
        self.tag = events[0].tag if events else TAG
        self.body = b"".join(entries)
        self.ends = list(itertools.accumulate(map(len, entries)))

    def event(self, number: int) -> Event | None:
        return self._events[number]


@dataclass(slots=True, eq=False)
class _Frame:
    """Events that came together and leave together, and what has been decided of them.

    ``held`` are those that wait. ``batch`` is what the frame is held as, if it is.
    """

    events: list[Event]
    verdicts: dict[Event, Verdict] = field(default_factory=dict)
    held: set[Event] = field(default_factory=set)
    batch: Batch | None = None

    def is_decided(self) -> bool:
        return self.batch is None and len(self.verdicts) == len(self.events)

    def records(self) -> list[Record]:
        verdicts = [(event, self.verdicts[event]) for event in self.events]
        return [record for event, verdict in verdicts for record in _left(event, verdict)]


class FilterDriver:
    """Runs one filter. ``now`` is the clock, in nanoseconds; only :meth:`advance` moves it.

    Without ``keeps_notes`` it is run as where nothing is to survive a restart.
    """

    def __init__(self, filter: Filter, *, now: int = 0, keeps_notes: bool = True) -> None:
        self.filter = filter
        self.now = now
        self._frames: list[_Frame] = []
        if keeps_notes and isinstance(filter, Stateful):
            filter.recall([], now)

    @classmethod
    def of(cls, plugin: Any, **settings: str | Sequence[str]) -> FilterDriver:
        """A driver for a plugin's filter with these settings, each as its text.

        ``__`` in a name stands for the dot of a key: ``state__ttl="5m"``. Raises FilterError if
        the plugin does not honour the contract, ValueError for a wrong setting.
        """
        culprit = f"filter {getattr(plugin, '__name__', plugin)}"
        check_plugin(plugin, culprit=culprit)
        texts = {name.replace("__", "."): value for name, value in settings.items()}
        return cls(make_filter(plugin, make_options(plugin, texts), culprit=culprit))

    def send(
        self, records: Iterable[Mapping[str, Any] | Event], *, tag: str = TAG, time: int = 0
    ) -> Result:
        """One frame: the filter screens it and processes what its screen asks for.

        Records that are no events yet become events with this tag and time.
        """
        events = [
            record if isinstance(record, Event) else make_event(record, tag=tag, time=time)
            for record in records
        ]
        frame = _Frame(events)
        self._frames.append(frame)
        wanted, batch = self._screened(events), _Batch(events)
        if wanted is None and isinstance(self.filter, WholeFrames):
            outcome = self.filter.process_batch(batch, self.now)
            wanted = events
        else:
            wanted = events if wanted is None else wanted
            outcome = self.filter.process(wanted, self.now) if wanted else Outcome()
        result = Result(skipped=[_readable(event) for event in events if event not in wanted])
        if batch in outcome.held_batches:
            frame.batch = batch
        self._take(outcome, result)
        if frame.batch is None:
            self._keep_others(frame, result)
        return self._leave(result)

    def advance(self, span: int | str) -> Result:
        """Move the clock by a span, nanoseconds or a text such as ``2s``.

        The filter is called at each of its deadlines up to the new time.
        """
        end = self.now + (duration(span) if isinstance(span, str) else span)
        result = Result()
        while (deadline := self.filter.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self._take(self.filter.advance(self.now), result)
            following = self.filter.next_deadline()
            assert following is None or following > self.now, (
                f"after advance({self.now}) the next deadline is {following}, not later than that"
            )
        self.now = end
        return self._leave(result)

    def flush(self) -> Result:
        """The end of the stream: the filter decides all that it holds."""
        result = Result()
        self._take(self.filter.flush(self.now), result)
        self._leave(result)
        left = [record for frame in self._frames for record in _undecided(frame)]
        assert not left, f"after flush these records are still held: {left}"
        return result

    def metric(self, name: str, **labels: str) -> float:
        """The value of one of the filter's metrics. Raises KeyError if it has none such."""
        for metric in self.filter.metrics():
            if metric.name == name and dict(metric.labels) == labels:
                return metric.value
        raise KeyError(f"{name}{labels or ''}")

    def _screened(self, events: list[Event]) -> list[Event] | None:
        entries = [_entry(event) for event in events]
        body = b"".join(entries)
        offsets = self.filter.screen(body)
        if offsets is None:
            return None
        assert list(offsets) == sorted(offsets), f"screen: {list(offsets)} are not ascending"
        assert all(0 <= offset < len(body) for offset in offsets), "screen: outside of the body"
        ends = [0]
        for entry in entries:
            ends.append(ends[-1] + len(entry))
        hit = {bisect.bisect_right(ends, offset) - 1 for offset in offsets}
        return [event for index, event in enumerate(events) if index in hit]

    def _take(self, outcome: Outcome, result: Result) -> None:
        held = set(outcome.held)
        for event in outcome.held:
            frame = self._frame_of(event)
            assert frame is not None, NOT_GIVEN
            assert frame is self._frames[-1] or frame.batch is not None, NOT_GIVEN
            assert event not in frame.verdicts, f"held once decided: {_readable(event)}"
            frame.held.add(event)
            result.held.append(_readable(event))
        for event, verdict in outcome.decided:
            assert event not in held, f"both held and decided: {event.record}"
            self._decide(event, verdict, result)
        for batch in outcome.held_batches:
            is_given = any(batch is frame.batch for frame in self._frames)
            assert is_given, "held: a batch that process_batch was not given"
        for batch in outcome.released_batches:
            released = next((frame for frame in self._frames if batch is frame.batch), None)
            assert released is not None, "released: a batch that is not held"
            released.batch = None
            self._keep_others(released, result)
        for emission in outcome.emitted:
            record = decode_record(emission.raw)
            result.emitted.append(Sent(emission.tag, emission.time, record))
        for problem in outcome.problems:
            result.problems.append(Failure(_readable(problem.event), problem.reason))
        result.alerts += outcome.alerts
        written = [note.write for note in outcome.notes]
        written += [emission.note for emission in outcome.emitted if emission.note]
        result.notes += [write() for write in written]

    def _frame_of(self, event: Event) -> _Frame | None:
        return next((frame for frame in self._frames if event in frame.events), None)

    def _keep_others(self, frame: _Frame, result: Result) -> None:
        """Those that the filter says nothing of stay as they are."""
        for event in frame.events:
            if event not in frame.verdicts and event not in frame.held:
                self._decide(event, Keep(), result)

    def _decide(self, event: Event, verdict: Verdict, result: Result) -> None:
        frame = self._frame_of(event)
        assert frame is not None, "decided: an event that was not sent, or that has left"
        assert event not in frame.verdicts, f"decided twice: {_readable(event)}"
        frame.verdicts[event] = verdict
        if isinstance(verdict, Keep):
            result.kept.append(_readable(event))
        elif isinstance(verdict, Drop):
            result.dropped.append(_readable(event))
        else:
            assert verdict.records, f"replaced by nothing: {_readable(event)}"
            result.replaced.append((_readable(event), _left(event, verdict)))
            result.times.append(verdict.time)

    def _leave(self, result: Result) -> Result:
        decided = [frame for frame in self._frames if frame.is_decided()]
        self._frames = [frame for frame in self._frames if not frame.is_decided()]
        result.out += [record for frame in decided for record in frame.records()]
        return result


def _left(event: Event, verdict: Verdict) -> list[Record]:
    if isinstance(verdict, Replace):
        return [decode_record(raw) for raw in verdict.records]
    return [] if isinstance(verdict, Drop) else [_readable(event)]


def _undecided(frame: _Frame) -> list[Record]:
    return [_readable(event) for event in frame.events if event not in frame.verdicts]


def _readable(event: Event) -> Record:
    """The record, or its bytes where they are no record, as a filter may be sent them."""
    try:
        return event.record
    except ValueError:
        return {"raw": event.raw}


def _entry(event: Event) -> bytes:
    time = struct.pack(">II", event.time // SECOND, event.time % SECOND)
    head: bytes = msgpack.packb(msgpack.ExtType(0, time))
    return b"\x92" + head + event.raw
