"""A client and a target around the relay under measurement, in one process on threads."""

from __future__ import annotations

import hashlib
import itertools
import socket
import threading
from collections.abc import Iterator

import msgpack

from fluent_eql.event import encode_value
from fluent_eql.event_time import nanoseconds_of
from fluent_pipeline.bench.defend import stream
from fluent_pipeline.protocol.acks import encode_ack
from fluent_pipeline.protocol.entries import encode_time
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_forward

READ_SIZE = 1 << 18
TIMEOUT = 60


def frames_of(records: int, *, seed: int, candidates: float, a_frame: int) -> list[bytes]:
    """Forward messages with chunks, each of ``a_frame`` entries ``[[time, metadata], record]``.

    ``candidates`` is the share of the records that match a stage of the shipped rule.
    """
    source = stream(seed, candidates=candidates, start=1_764_000_000 * 10**9)
    encoded = (_entry(record) for record in itertools.islice(source, records))
    return [_message(list(part)) for part in _batched(encoded, a_frame)]


def _entry(record: dict[str, object]) -> bytes:
    time = nanoseconds_of(record["@timestamp"]) or 0
    return b"\x92\x92" + encode_time(time) + b"\x80" + encode_value(record)


def _message(entries: list[bytes]) -> bytes:
    chunk = hashlib.sha256(b"".join(entries)).hexdigest()[:32]
    return encode_forward("endpoint", entries, {"chunk": chunk, "size": len(entries)})


def _batched(entries: Iterator[bytes], size: int) -> Iterator[tuple[bytes, ...]]:
    while part := tuple(itertools.islice(entries, size)):
        yield part


class Target(threading.Thread):
    """Acknowledges every chunk and counts the records."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.records = 0

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self, connection: socket.socket) -> None:
        framer = Framer(Limits())
        with connection:
            while data := connection.recv(READ_SIZE):
                framer.receive_data(data)
                while isinstance(message := framer.next_message(), Message):
                    self._acknowledge(message, connection)

    def _acknowledge(self, message: Message, connection: socket.socket) -> None:
        frame = parse_frame(message)
        if isinstance(frame, Frame):
            self.records += frame.count or 0
            if frame.chunk is not None:
                connection.sendall(encode_ack(frame.chunk, json=False))


def send(port: int, frames: list[bytes]) -> None:
    """Send all frames without waiting, then return once all of them are acknowledged.

    Raises OSError where the relay closes the connection or is silent for a minute.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        writing = threading.Thread(target=_write, args=(connection, frames), daemon=True)
        writing.start()
        acks = msgpack.Unpacker()
        acknowledged = 0
        while acknowledged < len(frames):
            data = connection.recv(READ_SIZE)
            if not data:
                raise ConnectionError("the relay closed the connection")
            acks.feed(data)
            acknowledged += sum(1 for _ in acks)
        writing.join()


def _write(connection: socket.socket, frames: list[bytes]) -> None:
    for frame in frames:
        connection.sendall(frame)
