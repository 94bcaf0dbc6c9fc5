from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.load import Pace, offer, send
from fluent_pipeline.bench.sink import OptionReader
from fluent_pipeline.bench.workloads import Form, Workload
from support.frames import forward_frame

SMALL = Workload(name="small", batch=20)
WINDOW = Pace(1, 2)


@contextmanager
def acknowledging(seen: list[OptionReader]) -> Iterator[int]:
    """A port behind which everything is acknowledged; a reader for each connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket, reader: OptionReader) -> None:
        with connection:
            while (acks := reader.receive(connection)) is not None:
                connection.sendall(acks)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            seen.append(OptionReader())
            threading.Thread(target=serve, args=(connection, seen[-1]), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


@pytest.mark.parametrize("form", [Form.FORWARD, Form.MESSAGE])
def test_sending_ends_when_all_is_acknowledged(form: Form) -> None:
    seen: list[OptionReader] = []
    with acknowledging(seen) as port:
        batches = Batches(Workload(name="small", form=form, batch=20))
        assert offer(port, batches, range(10), WINDOW) > 0
    assert seen[0].seen.chunks == 10 * batches.acks


def test_batches_are_spread_over_the_connections() -> None:
    seen: list[OptionReader] = []
    with acknowledging(seen) as port:
        offer(port, Batches(SMALL), range(40), Pace(4, 1))
    assert len(seen) == 4
    assert sum(reader.seen.chunks for reader in seen) == 40
    assert all(reader.seen.chunks for reader in seen)


def test_a_pace_is_kept() -> None:
    seen: list[OptionReader] = []
    with acknowledging(seen) as port:
        started = time.monotonic()
        offer(port, Batches(SMALL), range(5), Pace(1, 100, 50_000_000))
        assert time.monotonic() - started >= 0.2


def test_a_relay_that_closes_the_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_one() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=close_one)
        thread.start()
        with pytest.raises(ConnectionError):
            offer(server.getsockname()[1], Batches(SMALL), range(10), WINDOW)
        thread.join(10)


def test_any_frames_can_be_sent_too() -> None:
    seen: list[OptionReader] = []
    with acknowledging(seen) as port:
        send(port, [forward_frame([{"a": 1}], chunk=name).raw for name in ("c", "d")])
    assert seen[0].seen.chunks == 2
