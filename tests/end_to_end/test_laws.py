"""Four laws of hostile order and hostile framing, from bytes to bytes.

They run the whole way of a record, framing, screen, rules, splicing, without sockets and on a
clock of the test's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_pipeline.bench.defend import background, host
from fluent_pipeline.engine import Engine, Stage
from fluent_pipeline.ndjson import records_of
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import encode_time
from fluent_pipeline.protocol.frames import Frame, frame_of, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.receipt import Receipt
from support.events import MILLISECOND, SECOND, SPELLINGS, START, Scene

Record = dict[str, Any]
WINDOW = 2 * SECOND
CAPTURES = Path(__file__).parent.parent / "captures"


class Screenless(EqlFilter):
    """Asks for every record."""

    def screen(self, body: object) -> None:
        return None


def engine_of(kind: type[EqlFilter] = EqlFilter, window: int = WINDOW) -> Engine:
    rules = EqlFilter.create(EqlOptions()).rules
    made = kind(rules, EqlOptions(reorder_window=window))
    return Engine([Stage("eql", made, lambda tag: True)], Limits())


def cut(stream: bytes, places: Iterable[int]) -> Iterator[bytes]:
    edges = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    for start, end in zip(edges, edges[1:], strict=False):
        yield stream[start:end]


def frames_of(pieces: Iterable[bytes]) -> Iterator[Frame]:
    framer = Framer(Limits())
    for piece in pieces:
        framer.receive_data(piece)
        while isinstance(message := framer.next_message(), Message):
            frame = parse_frame(message)
            if isinstance(frame, Frame):
                yield frame
    assert framer.buffered == 0


def relayed(engine: Engine, arrivals: Iterable[tuple[int, Frame]]) -> list[Frame]:
    """Frames that arrive at given times, in the order in which they leave."""
    sent: list[Frame] = []
    now = 0
    for now, frame in arrivals:
        sent += [out.frame for out in engine.advance(now)]
        sent += [out.frame for out in engine.accept(frame, now, Receipt(lambda: None))]
    return sent + [out.frame for out in engine.flush(now)]


def alerts_of(frames: Iterable[Frame]) -> Iterator[Record]:
    """All alerts in the records, whether their keys are nested or flat."""
    for frame in frames:
        for event in records_of(frame, Limits()):
            record = event.record
            yield from record.get("eql.alerts", record.get("eql", {}).get("alerts", []))


def alerts_in_place(frames: Iterable[Frame]) -> set[str]:
    passing = [frame for frame in frames if not frame.tag.startswith("eql.alert.")]
    return {alert["id"] for alert in alerts_of(passing)}


def encoded(record: Record, form: str, number: int) -> bytes:
    """One record as a whole message in one of the forms that clients send."""
    time, body = encode_time(START + number), encode_value(record)
    entry = b"\x92" + time + body
    deep = b"\x92\x92" + time + b"\x80" + body
    chunk = encode_value({"chunk": f"c{number}", "size": 1})
    compressed = encode_value({"chunk": f"c{number}", "compressed": form})
    tag = b"\xa1t"
    return {
        "message": b"\x93" + tag + time + body,
        "message with nil options": b"\x94" + tag + time + body + b"\xc0",
        "forward": b"\x92" + tag + b"\x91" + entry,
        "forward with metadata": b"\x93" + tag + b"\xdd\x00\x00\x00\x01" + deep + chunk,
        "packed str": b"\x93" + tag + b"\xdb" + len(entry).to_bytes(4, "big") + entry + chunk,
        "packed bin": b"\x93\xc4\x01t" + b"\xc6" + len(deep).to_bytes(4, "big") + deep + chunk,
        "gzip": b"\x93" + tag + encode_value(deflate(entry, "gzip")) + compressed,
        "zstd": b"\x93" + tag + encode_value(deflate(entry, "zstd")) + compressed,
    }[form]


FORMS = (
    "message",
    "message with nil options",
    "forward",
    "forward with metadata",
    "packed str",
    "packed bin",
    "gzip",
    "zstd",
)


def quiet(seed: int) -> Record:
    source = random.Random(seed)
    return background(source, [host(seed)], START + seed)


quiet_messages = st.builds(
    encoded, st.integers(0, 50).map(quiet), st.sampled_from(FORMS), st.integers(0, 1000)
)


@given(st.lists(quiet_messages, max_size=6), st.lists(st.integers(0), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_frames(
    messages: list[bytes], places: list[int]
) -> None:
    assert list(frames_of(cut(b"".join(messages), places))) == list(map(frame_of, messages))


@pytest.mark.parametrize("name", ["fb_metrics", "fd_zstd", "fluent_logger_python"])
@given(places=st.lists(st.integers(0), max_size=12))
def test_any_split_of_a_real_clients_bytes_gives_the_same_frames(
    name: str, places: list[int]
) -> None:
    stream = (CAPTURES / f"{name}.bin").read_bytes()
    assert list(frames_of(cut(stream, places))) == list(frames_of([stream]))


@given(st.lists(quiet_messages, max_size=6), st.lists(st.integers(0), max_size=12))
def test_what_completes_no_rule_passes_through_byte_for_byte(
    messages: list[bytes], places: list[int]
) -> None:
    stream = b"".join(messages)
    arrivals = ((0, frame) for frame in frames_of(cut(stream, places)))
    assert sorted(frame.raw for frame in relayed(engine_of(), arrivals)) == sorted(messages)


def mostly(usual: str, *others: str) -> st.SearchStrategy[str]:
    return st.sampled_from([usual] * (3 * len(others)) + list(others))


executables = mostly(
    "/tmp/a", "/dev/shm/.x", "/TMP/a", "/tmpfoo", "/tmp/TOKEN_Handler", "/run/user/1/b", "/bin/sh"
)
addresses = mostly("8.8.8.8", "10.1.2.3", "::", "fe80::1", "::ffff:10.0.0.1", "not an address")
paths = mostly("/opt/x", "/home/tmpx", "/loki/wal/1", "/var/cache/yum/a", "/a.lockfile")
times = st.integers(0, 8 * SECOND)


@st.composite
def scenes(draw: st.DrawFn) -> list[Record]:
    """A few processes' events, some of which complete the shipped rule, in event order."""
    scene = Scene()
    told: list[tuple[int, Record]] = []
    for pid in range(draw(st.integers(1, 3))):
        executable = draw(executables)
        for time in draw(st.lists(times, min_size=1, max_size=4)):
            ip = draw(addresses)
            told.append((time, scene.network(time, ip=ip, executable=executable, pid=pid)))
        for time in draw(st.lists(times, min_size=1, max_size=4)):
            path = draw(paths)
            told.append((time, scene.file(time, path=path, executable=executable, pid=pid)))
    told.sort(key=lambda pair: (pair[0], pair[1]["event"]["sequence"]))
    spelling = SPELLINGS[draw(st.sampled_from(sorted(SPELLINGS)))]
    return [spelling(record) for _, record in told]


def in_frames(records: Iterable[Record], forms: list[str]) -> list[Frame]:
    """Each record as a frame of its own."""
    return [
        frame_of(encoded(record, forms[number % len(forms)], number))
        for number, record in enumerate(records)
    ]


some_forms = st.lists(st.sampled_from(FORMS), min_size=1, max_size=4)


@given(scenes(), some_forms)
def test_the_screen_never_drops_a_record_that_a_rule_would_match(
    records: list[Record], forms: list[str]
) -> None:
    arrivals = [(0, frame) for frame in in_frames(records, forms)]
    screened, unscreened = engine_of(), engine_of(Screenless)
    assert relayed(screened, arrivals) == relayed(unscreened, arrivals)


@given(scenes(), some_forms, st.data())
def test_any_order_of_arrival_within_the_reorder_window_gives_the_same_alerts_in_place(
    records: list[Record], forms: list[str], data: st.DataObject
) -> None:
    frames = in_frames(records, forms)
    ordered = relayed(engine_of(), [(number, f) for number, f in enumerate(frames)])
    delays = data.draw(
        st.lists(st.integers(0, WINDOW - 1), min_size=len(frames), max_size=len(frames))
    )
    hostile = sorted(zip(delays, frames, strict=True), key=lambda pair: pair[0])
    assert alerts_in_place(relayed(engine_of(), hostile)) == alerts_in_place(ordered)


def completing_events(alerts: Iterable[Record]) -> set[str]:
    return {alert["sequence"]["events"][-1]["event.id"] for alert in alerts}


@given(scenes(), st.integers(0, 30 * SECOND // MILLISECOND), st.data())
def test_in_any_order_of_arrival_each_completing_event_is_told_in_place_or_late(
    records: list[Record], spread: int, data: st.DataObject
) -> None:
    frames = in_frames(records, ["forward"])
    ordered = relayed(engine_of(), [(number, f) for number, f in enumerate(frames)])
    delays = data.draw(st.lists(st.integers(0, spread), min_size=len(frames), max_size=len(frames)))
    hostile = sorted(zip(delays, frames, strict=True), key=lambda pair: pair[0])
    sent = relayed(engine_of(), [(delay * MILLISECOND, frame) for delay, frame in hostile])
    assert completing_events(alerts_of(ordered)) <= completing_events(alerts_of(sent))
