"""The bytes of a workload, made as they are asked for.

A few templates are encoded once. Each time that one is sent, its chunks get new ids, and its
candidates get their entity, their time and an id of their own: the stream goes on for as long as
one likes in little memory, and making it costs the client next to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fluent_eql.event import encode_value
from fluent_eql.event_time import iso_8601
from fluent_pipeline.bench.defend import MILLISECOND, OUTSIDE, file_event, host, network_event
from fluent_pipeline.bench.details import Server, detailed, everyday, run_of
from fluent_pipeline.bench.programs import Program
from fluent_pipeline.bench.server import REFRESH_SCRIPT, SERVICE
from fluent_pipeline.bench.workloads import Form, Workload
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.entries import encode_time
from fluent_pipeline.protocol.splice import array_header

TAG = "endpoint.events"
START = 1_764_000_000 * 10**9
HOSTS = 20
SESSION_DATA_EVERY = 10
"""Of so many hosts one has a policy that collects session data."""
TEMPLATES = 8
FILES_EVERY = 40
"""Of so many batches one has files for candidates, which complete a sequence; the others have
connections. A frame with files is held for the reorder window."""

CHUNK = "#" * 24
ENTITY = "$" * 20
TIME = "%" * 30
EVENT_ID = "&" * 20
PASSING, HELD = ".", "!"
"""The first character of a chunk's id: whether its frame is expected to be held. Not one that
agents begin the ids of their own with."""

SENT_AT = slice(1, 17)
"""Where in a chunk's id the time of sending is, in hexadecimal nanoseconds."""

WORKER = Program(
    "/tmp/.cache/worker",
    ("/tmp/.cache/worker", "--out", "/opt/out"),
    SERVICE,
    parent=REFRESH_SCRIPT,
    directory="/tmp/.cache",
)
"""What the candidates run."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where in a template the values of a candidate are that differ each time it is sent."""

    entity: int
    time: int
    event_id: int
    record: int
    """Its place among the records of the batch."""


@dataclass(frozen=True, slots=True)
class Template:
    """Encoded records with places to fill in; ``chunks`` are the offsets of the chunks' ids."""

    raw: bytes
    chunks: tuple[int, ...]
    candidates: tuple[Candidate, ...]


class Batches:
    """The batches of a workload. What a number gives differs in its chunks' ids at most."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._passing = [_template(workload, seed, files=False) for seed in range(TEMPLATES)]
        self._files = _template(workload, TEMPLATES, files=True)
        self._compressed: dict[int, bytes] = {}
        self._chunks = 0

    @property
    def acks(self) -> int:
        """How many acknowledgements a batch asks for."""
        return self._workload.batch if self._workload.form is Form.MESSAGE else 1

    def is_held(self, number: int) -> bool:
        """Whether the shipped rule has to wait before it can let this batch go."""
        return self._workload.candidates > 0 and number % FILES_EVERY == FILES_EVERY - 1

    def prepare(self, numbers: range) -> None:
        """Compress what is going to be sent, so that sending it costs nothing."""
        if self._workload.form.is_compressed:
            for number in numbers:
                self._compressed.setdefault(number, self._compress(number))

    def body(self, number: int) -> memoryview:
        """The compressed entries of a batch alone."""
        raw = self._compressed[number]
        head = len(_packed_head(self._workload.form, len(raw)))
        return memoryview(raw)[head : -len(_options(self._workload))]

    def batch(self, number: int, sent_at: int) -> bytearray:
        """A batch to send at ``sent_at``, nanoseconds of CLOCK_MONOTONIC; its chunks tell it."""
        if self._workload.form.is_compressed:
            self.prepare(range(number, number + 1))
            raw = bytearray(self._compressed[number])
            chunks: tuple[int, ...] = (raw.rindex(CHUNK.encode()),)
        else:
            template = self._template_of(number)
            raw, chunks = self._filled(template, number), template.chunks
        kind = HELD if self.is_held(number) else PASSING
        for at in chunks:
            self._chunks += 1
            raw[at : at + len(CHUNK)] = b"%s%016x%07x" % (kind.encode(), sent_at, self._chunks)
        return raw

    def _template_of(self, number: int) -> Template:
        return self._files if self.is_held(number) else self._passing[number % TEMPLATES]

    def _compress(self, number: int) -> bytes:
        form = self._workload.form
        body = deflate(bytes(self._filled(self._template_of(number), number)), form.value)
        return _packed_head(form, len(body)) + body + _options(self._workload)

    def _filled(self, template: Template, number: int) -> bytearray:
        raw = bytearray(template.raw)
        start = START + number * self._workload.batch * MILLISECOND
        count = len(template.candidates)
        for nth, places in enumerate(template.candidates):
            told = number * count + nth
            completes = nth == 0 and self.is_held(number)
            entity = (told - count if completes else told) % self._workload.entities
            _put(raw, places.entity, b"%020d" % entity)
            _put(raw, places.time, iso_8601(start + places.record * MILLISECOND).encode())
            _put(raw, places.event_id, b"%020d" % told)
        return raw


def _put(raw: bytearray, at: int, value: bytes) -> None:
    raw[at : at + len(value)] = value


def _template(workload: Workload, seed: int, *, files: bool) -> Template:
    entries = [_entry(record, workload.form) for record in _records(workload, seed, files=files)]
    raw = _joined(entries, workload)
    candidates = [
        Candidate(at, raw.index(TIME.encode(), start), raw.index(EVENT_ID.encode(), start), number)
        for at, start, number in _found(raw, entries, workload)
    ]
    return Template(raw, tuple(_offsets(raw, CHUNK.encode())), tuple(candidates))


def _found(raw: bytes, entries: list[bytes], workload: Workload) -> Iterator[tuple[int, int, int]]:
    """Where the entity of each candidate is, where its record begins, and its number."""
    position = 0
    for number, entry in enumerate(entries):
        start = raw.index(entry, position)
        position = start + len(entry)
        if ENTITY.encode() in entry:
            yield raw.index(ENTITY.encode(), start), start, number


def _offsets(raw: bytes, marker: bytes) -> Iterator[int]:
    at = raw.find(marker)
    while at >= 0:
        yield at
        at = raw.find(marker, at + len(marker))


def _records(workload: Workload, seed: int, *, files: bool) -> Iterator[dict[str, Any]]:
    """The records of a batch, the candidates among them evenly spread."""
    source = random.Random(seed)
    servers = [
        Server(host(number), session_data=number % SESSION_DATA_EVERY == 0)
        for number in range(HOSTS)
    ]
    share = workload.candidates
    for number in range(workload.batch):
        if int((number + 1) * share) > int(number * share):
            yield _candidate(servers[0], files=files)
        else:
            yield everyday(source, servers, START + number * MILLISECOND)


def _candidate(server: Server, *, files: bool) -> dict[str, Any]:
    run = run_of(WORKER, 4711, START)
    process = server.host.process(WORKER.executable, run.pid) | {"entity_id": ENTITY}
    if files:
        record = file_event(server.host, process, START, "/opt/out/report.bin")
    else:
        record = network_event(server.host, process, START, OUTSIDE[0])
    record |= {"@timestamp": TIME, "event": record["event"] | {"id": EVENT_ID}}
    return detailed(record, server, run, START)


def _entry(record: dict[str, Any], form: Form) -> bytes:
    """An entry as the form's usual client writes it; Message mode without its array's header."""
    time, raw = encode_time(START), encode_value(record)
    if form is Form.PACKED:
        return b"\x92" + time + raw
    if form is Form.MESSAGE:
        return time + raw
    return b"\x92\x92" + time + _wide({}) + _wide(record)


def _wide(value: dict[str, Any]) -> bytes:
    """A map with the header that Fluent Bit writes: map32, the maps inside as small as can be."""
    return (
        b"\xdf"
        + len(value).to_bytes(4, "big")
        + b"".join(encode_value(key) + encode_value(item) for key, item in value.items())
    )


def _joined(entries: list[bytes], workload: Workload) -> bytes:
    """The batch of the entries; of a compressed form the body before compression."""
    body = b"".join(entries)
    if workload.form.is_compressed:
        return body
    options = _options(workload)
    if workload.form is Form.MESSAGE:
        return b"".join(b"\x94" + encode_value(TAG) + entry + options for entry in entries)
    if workload.form is Form.PACKED:
        return _packed_head(workload.form, len(body)) + body + options
    return b"\x93" + encode_value(TAG) + array_header(0xDC, len(entries)) + body + options


def _packed_head(form: Form, size: int) -> bytes:
    """Fluentd writes the entries as str32, Fluent Bit as bin; here always the wide one."""
    header = b"\xdb" if form is Form.PACKED else b"\xc6"
    return b"\x93" + encode_value(TAG) + header + size.to_bytes(4, "big")


def _options(workload: Workload) -> bytes:
    """The options as the form's usual client writes them."""
    form, size = workload.form, {"size": workload.batch}
    if form is Form.PACKED:
        return encode_value(size | {"compressed": "text", "chunk": CHUNK})
    if form is Form.MESSAGE:
        return _wide({"chunk": CHUNK, "metadata": {}})
    if form.is_compressed:
        return _wide({"chunk": CHUNK, **size, "compressed": form.value, "fluent_signal": 0})
    return _wide({"chunk": CHUNK, **size, "fluent_signal": 0})
