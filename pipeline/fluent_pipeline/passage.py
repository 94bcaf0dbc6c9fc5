"""A frame on its way through a filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fluent_eql.api import Drop, Replace, Verdict
from fluent_eql.event import Event
from fluent_pipeline.protocol.entries import Entry, EntryKind, entry_between
from fluent_pipeline.protocol.frames import Frame, Mode
from fluent_pipeline.protocol.splice import Edit, entry_with
from fluent_pipeline.receipt import Receipt

Payload = bytes | memoryview


@dataclass(slots=True, eq=False)
class Passage:
    """A frame on its way through one stage, with what has been decided of its entries.

    ``waiting`` counts the events that are still undecided, and the batch, where the frame is held
    as one. ``on_leave`` is called when it leaves the stage.
    """

    frame: Frame
    payload: Payload
    stage: int
    receipt: Receipt
    entries: dict[Event, Entry]
    waiting: int
    edits: list[Edit] = field(default_factory=list)
    on_leave: Callable[[], None] = lambda: None

    def decide(self, event: Event, verdict: Verdict) -> None:
        """What becomes of an event."""
        entry = self.entries[event]
        if isinstance(verdict, Drop):
            self.edits.append(Edit(entry, ()))
        elif isinstance(verdict, Replace):
            entries = [
                entry_with(entry, self.payload, raw, verdict.time) for raw in verdict.records
            ]
            self.edits.append(Edit(entry, tuple(entries)))


class FrameBatch:
    """The entries of a frame, as a filter sees them that takes whole ones.

    ``ends`` are those of the entries in the payload. ``on_event`` is told of each event that is
    made, and of its entry; ``on_bad`` of what makes an entry bad that was asked for.
    """

    def __init__(
        self,
        tag: str,
        payload: Payload,
        mode: Mode,
        ends: list[int],
        on_event: Callable[[Event, Entry], None],
        on_bad: Callable[[str], None],
    ) -> None:
        self.tag = tag
        self.body = payload
        self.ends = ends
        self._mode = mode
        self._on_event: Callable[[Event, Entry], None] | None = on_event
        self._on_bad = on_bad
        self._events: dict[int, Event | None] = {}

    def event(self, number: int) -> Event | None:
        """See :class:`fluent_eql.api.Batch`."""
        if number in self._events:
            return self._events[number]
        start = self.ends[number - 1] if number else 0
        entry = entry_between(self.body, start, self.ends[number], self._mode)
        made = None
        if entry.kind is EntryKind.EVENT:
            made = Event(
                self.tag, entry.time, bytes(self.body[entry.record_start : entry.record_end])
            )
            if self._on_event is not None:
                self._on_event(made, entry)
        elif entry.kind is EntryKind.BAD:
            self._on_bad(entry.reason)
        self._events[number] = made
        return made

    def leave(self) -> None:
        """The frame has left: nobody is to be told of events any more."""
        self._on_event = None
