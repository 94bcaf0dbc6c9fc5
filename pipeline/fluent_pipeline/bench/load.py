"""The client of the relays: sends batches and counts what is acknowledged, and decodes nothing."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass

import msgpack

from fluent_pipeline.bench.batches import CHUNK, HELD, Batches
from fluent_pipeline.protocol.acks import encode_ack

READ_SIZE = 1 << 18
TIMEOUT = 60
NANOSECONDS = 10**9

ACK_SIZE = len(encode_ack(b"\xb8" + CHUNK.encode(), json=False))
KIND_AT = ACK_SIZE - len(CHUNK)


@dataclass(frozen=True, slots=True)
class Pace:
    """How batches are sent: at most ``window`` unacknowledged on each connection, not counting
    held ones; with ``interval``, in nanoseconds, one at a time each interval."""

    connections: int
    window: int
    interval: int | None = None


def offer(port: int, batches: Batches, numbers: range, pace: Pace) -> float:
    """Send batches, return once all of them are acknowledged.

    Gives the seconds from the first byte until all that is not held is acknowledged.
    Raises OSError where the relay closes a connection or is silent for a minute.
    """
    run = _Run(batches, numbers, pace.interval)
    with selectors.DefaultSelector() as selector:
        clients = [_Client(port, run, pace.window, selector) for _ in range(pace.connections)]
        try:
            while run.unacknowledged:
                for client in clients:
                    client.send_more()
                ready = selector.select(run.patience())
                for key, events in ready:
                    key.data.serve(events)
                run.check_time(bool(ready))
        finally:
            for client in clients:
                client.close()
    return (run.last_passing_ack - run.started) / NANOSECONDS


class _Run:
    """What is left to send, and to be acknowledged."""

    def __init__(self, batches: Batches, numbers: range, interval: int | None) -> None:
        self._batches = batches
        self._numbers = deque(numbers)
        self._interval = interval
        self.acks_a_batch = batches.acks
        self.unacknowledged = len(numbers) * batches.acks
        self.started = self.last_passing_ack = self._last_event = time.monotonic_ns()
        self._due = self.started

    def next(self) -> tuple[bytearray, bool] | None:
        """The next batch to send now and whether it will be held; None where there is none."""
        now = time.monotonic_ns()
        if not self._numbers or (self._interval is not None and now < self._due):
            return None
        sent_at = now if self._interval is None else self._due
        self._due += self._interval or 0
        number = self._numbers.popleft()
        return self._batches.batch(number, sent_at), self._batches.is_held(number)

    def acknowledge(self, passing: int, held: int) -> None:
        self.unacknowledged -= passing + held
        if passing:
            self.last_passing_ack = time.monotonic_ns()

    def patience(self) -> float:
        """How long to wait for a socket, in seconds."""
        if self._interval is None or not self._numbers:
            return 1.0
        return max(0, self._due - time.monotonic_ns()) / NANOSECONDS

    def check_time(self, something_happened: bool) -> None:
        now = time.monotonic_ns()
        if something_happened:
            self._last_event = now
        elif now - self._last_event > TIMEOUT * NANOSECONDS:
            raise TimeoutError(f"{self.unacknowledged} acknowledgements are missing")


class _Client:
    """One connection."""

    def __init__(self, port: int, run: _Run, window: int, selector: selectors.BaseSelector) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._run = run
        self._room = window * run.acks_a_batch
        self._selector = selector
        self._outgoing: memoryview | None = None
        self._answers = b""
        selector.register(self._socket, selectors.EVENT_READ, self)

    def send_more(self) -> None:
        """Begin with batches for as long as the window and the socket take them."""
        while self._outgoing is None and self._room > 0:
            found = self._run.next()
            if found is None:
                return
            batch, is_held = found
            self._room -= 0 if is_held else self._run.acks_a_batch
            self._outgoing = memoryview(batch)
            self._write()
            if self._outgoing is not None:
                self._watch(selectors.EVENT_READ | selectors.EVENT_WRITE)

    def serve(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._read()
        if events & selectors.EVENT_WRITE:
            self._write()
            if self._outgoing is None:
                self._watch(selectors.EVENT_READ)

    def close(self) -> None:
        self._socket.close()

    def _watch(self, events: int) -> None:
        self._selector.modify(self._socket, events, self)

    def _write(self) -> None:
        while self._outgoing is not None:
            try:
                count = self._socket.send(self._outgoing)
            except BlockingIOError:
                return
            self._outgoing = self._outgoing[count:] if count < len(self._outgoing) else None

    def _read(self) -> None:
        data = self._answers + self._socket.recv(READ_SIZE)
        if len(data) == len(self._answers):
            raise ConnectionError("the relay closed the connection")
        whole = len(data) - len(data) % ACK_SIZE
        self._answers = data[whole:]
        kinds = data[KIND_AT:whole:ACK_SIZE]
        held = kinds.count(HELD.encode())
        self._room += len(kinds) - held
        self._run.acknowledge(len(kinds) - held, held)


def send(port: int, frames: list[bytes]) -> None:
    """Send frames with chunks over one connection, return once all are acknowledged.

    Raises OSError where the relay closes the connection or is silent for a minute.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        acks = msgpack.Unpacker()
        for frame in frames:
            connection.sendall(frame)
        acknowledged = 0
        while acknowledged < len(frames):
            data = connection.recv(READ_SIZE)
            if not data:
                raise ConnectionError("the relay closed the connection")
            acks.feed(data)
            acknowledged += sum(1 for _ in acks)
