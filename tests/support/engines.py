"""Engines with filters of a test's own, and what becomes of the frames given to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fluent_eql.api import Filter, Replace
from fluent_eql.event import encode_value
from fluent_pipeline.engine import Engine, Outgoing, Stage
from fluent_pipeline.ndjson import records_of
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.receipt import Receipt

Record = dict[str, Any]


def marked(record: Record) -> Replace:
    """The record with a mark, in its place."""
    return Replace((encode_value({**record, "marked": True}),))


def stage(made: Filter, *, tags: str = "", prefix: str = "") -> Stage:
    """A stage for the tags that begin so."""
    return Stage("filter", made, lambda tag: tag.startswith(tags), prefix)


class Run:
    """An engine with the receipts of what was accepted.

    ``delivered`` has the name of a frame each time that its receipt tells of its delivery,
    ``notes`` the notes that are to be kept.
    """

    def __init__(self, *stages: Stage) -> None:
        self.problems: list[str] = []
        self.notes: list[bytes] = []
        self.engine = Engine(
            stages,
            Limits(),
            on_problem=self.problems.append,
            keep_note=lambda name, note: self.notes.append(note),
        )
        self.delivered: list[str] = []

    def accept(self, frame: Frame, name: str = "a", now: int = 0, **more: str) -> list[Outgoing]:
        receipt = Receipt(lambda: self.delivered.append(name))
        return self.engine.accept(frame, now, receipt, **more)


def received(raw: bytes, *, indexing: bool = False) -> Frame:
    """The frame of these bytes, read as a connection does."""
    framer = Framer(Limits())
    framer.indexing = indexing
    framer.receive_data(raw)
    message = framer.next_message()
    assert isinstance(message, Message)
    frame = parse_frame(message)
    assert isinstance(frame, Frame)
    return frame


def deliver(sent: Iterable[Outgoing]) -> None:
    """Tell of all these frames that they have been delivered."""
    for out in sent:
        out.receipt.release()


def records(sent: Iterable[Outgoing]) -> list[Record]:
    """The records of frames, one after another."""
    return [event.record for out in sent for event in records_of(out.frame, Limits())]
