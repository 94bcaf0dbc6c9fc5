"""Frames that a filter takes as a whole, from bytes to bytes.

Next to all records of these are hits of the screen. What leaves, and what is told, is what a filter
gives that takes the same records one by one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pytest

from fluent_eql import sieve
from fluent_eql.api import Batch, Body, Filter, Metric, Outcome, WholeFrames
from fluent_eql.event import Event, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.running import WORTH_A_SCAN
from fluent_eql.settings import EqlOptions
from fluent_pipeline.bench.defend import (
    OUTSIDE,
    Host,
    background,
    file_event,
    host,
    network_event,
    process_event,
)
from fluent_pipeline.engine import Engine, Outgoing, Stage
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import encode_time
from fluent_pipeline.protocol.frames import Frame, Mode
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_forward
from fluent_pipeline.receipt import Receipt
from support.engines import received
from support.events import MILLISECOND, SECOND, SPELLINGS, START
from support.rules import rule

Record = dict[str, Any]
Arrival = tuple[int, Frame]

WINDOW = 2 * SECOND
FORMS = ("forward", "forward with index", "packed", "gzip", "zstd")
GROUP = msgpack.ExtType(0, b"\xff" * 4 + bytes(4))

QUERIES = (
    'sequence by process.entity_id with maxspan=5s'
    ' [network where process.executable : ("/tmp/*", "/dev/shm/*")]'
    ' [file where event.action == "creation" and file.path : "/opt/*"]',
    'sequence by host.id, process.entity_id with maxspan=2s'
    ' [process where event.action == "exec" and process.name == "worker"]'
    ' [network where destination.port == 443]',
    'sequence by host.id'
    ' [file where file.extension == "key"]'
    ' [process where event.action == "end" and user.name == "svc"]',
    'sequence with maxspan=4s'
    ' [process where event.action == "fork" and process.name == "worker"]'
    '  by process.entity_id'
    ' [file where file.path : "/opt/*"] by process.entity_id'
    ' [network where network.direction == "egress"] by process.entity_id',
    'sequence by process.entity_id'
    ' [network where destination.ip == "151.101.1.69" and process.name == "worker"]'
    ' [file where file.extension : ("bin", "key")]'
    ' until [process where event.action == "end"]',
    'file where event.action == "creation" and file.path : "/opt/*7.bin"',
    'process where event.action in ("exec", "fork", "end") and host.os.type == "windows"',
    'network where destination.port == 22 and event.action == "connection_attempted"',
)  # fmt: skip


class OneByOne:
    """The filter as one that does not take whole frames."""

    def __init__(self, made: EqlFilter) -> None:
        self._made = made

    def screen(self, body: Body) -> Sequence[int] | None:
        return self._made.screen(body)

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        return self._made.process(events, now)

    def advance(self, now: int) -> Outcome:
        return self._made.advance(now)

    def next_deadline(self) -> int | None:
        return self._made.next_deadline()

    def flush(self, now: int) -> Outcome:
        return self._made.flush(now)

    def metrics(self) -> Iterable[Metric]:
        return self._made.metrics()


class Counting(EqlFilter):
    """Counts the frames and records that it takes as a whole, and the events made of them."""

    frames = records = events = 0

    def process_batch(self, batch: Batch, now: int) -> Outcome:
        outcome = super().process_batch(batch, now)
        self.frames += 1
        self.records += len(batch.ends)
        self.events += len(vars(batch)["_events"])
        return outcome


@dataclass
class Run:
    """What an engine makes of frames."""

    filter: Filter
    sent: list[Outgoing] = field(default_factory=list)
    alerts: list[Record] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)
    delivered: Counter[int] = field(default_factory=Counter)

    def of(self, arrivals: Iterable[Arrival]) -> Run:
        """Take frames that arrive at given times, and deliver all that leaves."""
        engine = Engine(
            [Stage("eql", self.filter, lambda tag: True, tag_prefix="seen.")],
            Limits(),
            on_problem=self.problems.append,
            on_alert=lambda alert, evidence: self.alerts.append(alert),
            keep_note=lambda name, note: self.notes.append(note),
        )
        now = 0
        for number, (now, frame) in enumerate(arrivals):
            while (due := engine.next_deadline()) is not None and due <= now:
                self.sent += engine.advance(due)
            self.sent += engine.accept(frame, now, self._receipt(number))
        self.sent += engine.advance(now + 10 * WINDOW) + engine.flush(now + 10 * WINDOW)
        assert engine.held == 0
        for out in self.sent:
            out.receipt.release()
        return self

    def _receipt(self, number: int) -> Receipt:
        return Receipt(lambda: self.delivered.update([number]))

    def left(self) -> list[bytes]:
        """The frames that left, whatever their order."""
        return sorted(out.frame.raw for out in self.sent)

    def told(self) -> list[tuple[str, str, bool]]:
        """The alerts: the rule, the id, whether it was late."""
        return sorted((a["rule"]["name"], a["id"], a.get("late", False)) for a in self.alerts)


def both(
    arrivals: Sequence[Arrival], kind: type[Counting] = Counting, *, noting: bool = False
) -> tuple[Run, Run, Counting]:
    """The same frames, taken as a whole where they can be, and their records one by one."""
    rules = [rule(query, name=str(number)) for number, query in enumerate(QUERIES)]
    options = EqlOptions(reorder_window=WINDOW, alert_copies=True)
    whole, single = kind(rules, options), kind(rules, options)
    if noting:
        whole.recall([], 0)
        single.recall([], 0)
    return Run(whole).of(arrivals), Run(OneByOne(single)).of(arrivals), whole


def attack(source: random.Random, on: Host, time: int) -> Record:
    """An event of a program that some rule has an eye on; a few share each process."""
    program = source.choice(("/tmp/worker", "/tmp/worker", "/usr/bin/bash"))
    process = on.process(program, 9000 + source.randrange(3))
    match source.randrange(5):
        case 0 | 1:
            return network_event(
                on, process, time, source.choice(OUTSIDE), source.choice((22, 443))
            )
        case 2 | 3:
            path = source.choice((f"/opt/out-{source.randrange(99)}.bin", "/root/a.key"))
            return file_event(on, process, time, path)
    return process_event(on, process, time, source.choice(("fork", "exec", "end")))


def stream(source: random.Random, count: int, attacks: float = 0.2) -> Iterator[tuple[int, Record]]:
    """Events and their times, in the order in which they happened."""
    machines = [host(number) for number in range(2)]
    for number in range(count):
        time = START + number * 20 * MILLISECOND
        if source.random() < attacks:
            yield time, attack(source, source.choice(machines), time)
        else:
            yield time, background(source, machines, time)


def entry(time: int, record: Record, *, deep: bool = False) -> bytes:
    head = b"\x92\x92" + encode_time(time) + b"\x80" if deep else b"\x92" + encode_time(time)
    return head + encode_value(record)


def framed(entries: Sequence[bytes], form: str, number: int) -> Frame:
    """Entries as one frame in one of the forms that clients send."""
    options: Record = {"size": len(entries), "chunk": f"c{number}"}
    body = b"".join(entries)
    if form.startswith("forward"):
        raw = encode_forward("edr", entries, options)
    elif form == "message":
        raw = b"\x93" + encode_value("edr") + body[1:]
    else:
        if form != "packed":
            body, options["compressed"] = deflate(body, form), form
        raw = msgpack.packb(["edr", body, options])
    return received(raw, indexing=form.endswith("index"))


@pytest.mark.parametrize("form", FORMS)
def test_a_crowded_stream_leaves_as_if_its_records_had_been_taken_one_by_one(form: str) -> None:
    source = random.Random(form)
    events = list(stream(source, 800))
    arrivals = [
        (n * SECOND // 2, framed([entry(*event) for event in events[n * 40 :][:40]], form, n))
        for n in range(len(events) // 40)
    ]
    assert len(QUERIES) >= WORTH_A_SCAN
    assert {bool(frame.index) for _, frame in arrivals} == {form == "forward with index"}
    whole, single, counted = both(arrivals)
    assert isinstance(counted, WholeFrames)
    assert not isinstance(single.filter, WholeFrames)
    assert whole.left() == single.left()
    assert whole.told() == single.told()
    assert whole.problems == single.problems == []
    assert whole.delivered == single.delivered == dict.fromkeys(range(len(arrivals)), 1)
    assert counted.frames == len(arrivals) - 1, "the first is scanned"
    assert counted.events < counted.records / 2
    assert len({name for name, _, _ in whole.told()}) >= 5


class Everything(Counting):
    """Asks for every record."""

    def screen(self, body: Body) -> None:
        return None


ODD: tuple[Any, ...] = (5, [], [1], [1, {}, {}], [1, 2], [None, {}], [[1], {}], [GROUP, {}])


def odd_entry(source: random.Random, time: int, record: Record) -> bytes:
    """The record in an unusual spelling, or an entry that is no event of it."""
    match source.randrange(4):
        case 0:
            return encode_value(source.choice(ODD))
        case 1:
            return entry(time, {**record, "process": [record["process"]]})
        case 2:
            record["event"]["category"] = record["event"]["category"][0].encode()
    return entry(time, SPELLINGS[source.choice(sorted(SPELLINGS))](record))


def in_disorder(source: random.Random, count: int, odd: float) -> list[Arrival]:
    """Frames of all sizes and forms, each up to the reorder window late."""
    left = list(stream(source, count, attacks=0.6))
    frames: list[Arrival] = []
    while left:
        form = source.choice((*FORMS, *FORMS, "message"))
        size = 1 if form == "message" else source.choice((1, 3, 10, 70))
        entries = [
            odd_entry(source, *event)
            if source.random() < odd and form != "message"
            else entry(*event, deep=form != "message" and source.random() < 0.3)
            for event in left[:size]
        ]
        arrival = left[0][0] - START + source.randrange(WINDOW)
        frames.append((arrival, framed(entries, form, len(frames))))
        left = left[size:]
    return sorted(frames, key=lambda arrived: arrived[0])


@pytest.mark.parametrize("odd", [0, 0.05, 0.5])
@pytest.mark.parametrize("seed", range(2))
def test_in_any_order_within_the_reorder_window_as_well(
    seed: int, odd: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "FIRST_LOOK", 40)
    arrivals = in_disorder(random.Random(f"{seed}/{odd}"), 300, odd)
    whole, single, counted = both(arrivals, Everything)
    assert whole.left() == single.left()
    assert whole.told() == single.told()
    assert len(whole.told()) > 20
    assert whole.delivered == single.delivered == dict.fromkeys(range(len(arrivals)), 1)
    assert counted.frames == sum(frame.mode is not Mode.MESSAGE for _, frame in arrivals)


def test_where_notes_are_written_a_whole_frame_leaves_the_same_ones() -> None:
    arrivals = in_disorder(random.Random("notes"), 300, 0.05)
    whole, single, counted = both(arrivals, Everything, noting=True)
    assert counted.frames > 0
    assert whole.left() == single.left()
    assert whole.told() == single.told()
    assert sorted(whole.notes) == sorted(single.notes) != []
