"""The target of the relays: takes frames and acknowledges them, in a process of its own.

It does not follow msgpack, which would cost it more than a relay that only copies: it looks for
the options ``chunk`` and ``size``, whose names are nowhere in the records.
"""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import hyperscan
import msgpack

from fluent_pipeline.bench.batches import CHUNK, PASSING, SENT_AT
from fluent_pipeline.protocol.acks import encode_ack

ROOM = 1 << 20
LONGEST_OPTION = 300
CHUNK_NAME, SIZE_NAME = NAMES = (b"\xa5chunk", b"\xa4size")
FIRST_OF_PASSING = PASSING.encode()


@dataclass(slots=True)
class Seen:
    """What has come since it was last asked for.

    ``records`` by the option ``size``; ``latencies`` in nanoseconds, of the chunks that tell
    when they were sent and were not expected to be held.
    """

    chunks: int = 0
    records: int = 0
    latencies: list[int] = field(default_factory=list)


class Sink:
    """The sink's process, from here."""

    def __init__(self) -> None:
        server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = server.getsockname()[1]
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(server, theirs), daemon=True)
        self._process.start()
        server.close()
        theirs.close()

    def take(self) -> Seen:
        """What has come since the last call."""
        self._pipe.send(True)
        seen = self._pipe.recv()
        assert isinstance(seen, Seen)
        return seen

    def close(self) -> None:
        """End the process."""
        self._pipe.send(False)
        self._process.join()


def _serve(server: socket.socket, pipe: Connection) -> None:
    counter = _Counter()
    threading.Thread(target=_accept, args=(server, counter), daemon=True).start()
    while pipe.recv():
        pipe.send(counter.take())


def _accept(server: socket.socket, counter: _Counter) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_read, args=(connection, counter), daemon=True).start()


def _read(connection: socket.socket, counter: _Counter) -> None:
    reader = OptionReader()
    with connection:
        while True:
            try:
                acks = reader.receive(connection)
            except OSError:
                return
            if acks is None:
                return
            counter.count(reader)
            if acks:
                connection.sendall(acks)


class _Counter:
    """Adds up what the connections have seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = Seen()

    def count(self, reader: OptionReader) -> None:
        found, reader.seen = reader.seen, Seen()
        with self._lock:
            self._seen.chunks += found.chunks
            self._seen.records += found.records
            self._seen.latencies += found.latencies

    def take(self) -> Seen:
        with self._lock:
            seen, self._seen = self._seen, Seen()
        return seen


class OptionReader:
    """Finds the options in the bytes of one connection."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._buffer = bytearray(ROOM)
        self._kept = 0
        self._database: Any = hyperscan.Database()
        self._database.compile(
            expressions=[b"".join(b"\\x%02x" % byte for byte in name) for name in NAMES],
            ids=list(range(len(NAMES))),
            elements=len(NAMES),
        )

    def receive(self, connection: socket.socket) -> bytes | None:
        """Read once: the acknowledgements to send, None at the end of the stream."""
        with memoryview(self._buffer) as view:
            count = connection.recv_into(view[self._kept :])
            if not count:
                return None
            return self.look(view[: self._kept + count])

    def look(self, data: memoryview) -> bytes:
        """The acknowledgements of the chunks in ``data``, which begins with what was kept."""
        found: list[tuple[int, int]] = []

        def on_match(name: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((end, name))

        self._database.scan(data, match_event_handler=on_match)
        acks = []
        done = max(0, len(data) - len(CHUNK_NAME))
        for end, name in sorted(found):
            value = _first_value(bytes(data[end : end + LONGEST_OPTION]))
            if value is None:
                done = end - len(NAMES[name])
                break
            done = max(done, end)
            if NAMES[name] == SIZE_NAME:
                self.seen.records += msgpack.unpackb(value)
            else:
                acks.append(encode_ack(value, json=False))
                self._count_chunk(value)
        rest = bytes(data[done:])
        data[: len(rest)] = rest
        self._kept = len(rest)
        return b"".join(acks)

    def _count_chunk(self, value: bytes) -> None:
        self.seen.chunks += 1
        chunk = value[-len(CHUNK) :]
        if chunk.startswith(FIRST_OF_PASSING):
            sent_at = int(chunk[SENT_AT], 16)
            self.seen.latencies.append(time.monotonic_ns() - sent_at)


def _first_value(data: bytes) -> bytes | None:
    """The str, bin or unsigned integer that begins ``data``; None while it is not whole."""
    if not data:
        return None
    first = data[0]
    if 0xA0 <= first <= 0xBF:
        length = 1 + first - 0xA0
    elif first in (0xD9, 0xC4):
        length = 2 + data[1] if len(data) > 1 else 2
    else:
        length = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9}.get(first, 1)
    return data[:length] if len(data) >= max(length, 2) or length == 1 else None
