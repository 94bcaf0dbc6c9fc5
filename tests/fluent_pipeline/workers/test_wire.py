from __future__ import annotations

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.api import DROP, KEEP, Emission, Metric, Note, Outcome, Problem, Replace
from fluent_eql.event import Event
from fluent_pipeline.workers import wire

times = st.integers(-(10**22), 10**22)


@given(st.text(), times, st.binary(), st.integers(0, 2**60))
def test_an_event_says_itself_again(tag: str, time: int, raw: bytes, number: int) -> None:
    plain = msgpack.unpackb(wire.encode(*wire.plain_event(number, Event(tag, time, raw))))
    found, event = wire.event_of(plain)
    assert (found, event.tag, event.time, event.raw) == (number, tag, time, raw)


@given(times)
def test_an_outcome_says_itself_again(time: int) -> None:
    kept, dropped, replaced = (Event("t", number, b"\x80") for number in range(3))
    outcome = Outcome(
        decided=[(kept, KEEP), (dropped, DROP), (replaced, Replace((b"\x80", b"\x81"), time))],
        emitted=[
            Emission("a", time, b"\x80", replaced),
            Emission("b", 1, b"\x80", note=lambda: b"note"),
        ],
        problems=[Problem(kept, "odd")],
        notes=[Note(replaced, lambda: b"data")],
    )
    numbers = {kept: 4, dropped: 5, replaced: 6}
    (plain,) = msgpack.unpackb(wire.encode(wire.plain_outcome(outcome, numbers)))
    again = Outcome()
    wire.add_outcome(plain, {number: event for event, number in numbers.items()}.__getitem__, again)
    assert again.decided == outcome.decided
    assert [(e.tag, e.time, e.raw, e.cause) for e in again.emitted] == [
        ("a", time, b"\x80", replaced),
        ("b", 1, b"\x80", None),
    ]
    assert [e.note() if e.note else None for e in again.emitted] == [None, b"note"]
    assert again.problems == outcome.problems
    assert [(note.event, note.write()) for note in again.notes] == [(replaced, b"data")]


def test_messages_may_be_split_anywhere() -> None:
    data = wire.encode(wire.READY) + wire.encode(wire.EVENTS, 0, [])
    for place in range(len(data)):
        decoder = wire.Decoder()
        found = [*decoder.messages(data[:place]), *decoder.messages(data[place:])]
        assert found == [["ready"], ["events", 0, []]]


def test_a_metric_says_itself_again() -> None:
    metric = Metric("fluent_eql_x", "X", "gauge", 1.5, (("name", "a"), ("b", "c")))
    assert wire.metric_of(msgpack.unpackb(wire.encode(*wire.plain_metric(metric)))) == metric
