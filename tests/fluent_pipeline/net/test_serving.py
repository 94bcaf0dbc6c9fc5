"""A connection to a server, with a transport that notes what is written."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import pytest

from fluent_pipeline.config import ForwardOutputConfig
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.net.durable import InMemory, Item
from fluent_pipeline.net.serving import COALESCED, ServerConnection
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import Accepted, ClientHandshake, ServerHandshake
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.receipt import Receipt
from support.frames import ack_of, forward_frame


class Transport(asyncio.Transport):
    """Notes what is written; while it is ``stuck``, its buffer fills with the first byte."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.stuck = False
        self.protocol: ServerConnection | None = None

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))
        if self.stuck and self.protocol is not None:
            self.protocol.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high

    def close(self) -> None:
        self.written.append(b"<closed>")


class Scene:
    """A connection, and what it tells."""

    def __init__(self, handshake: ClientHandshake | None = None, **options: Any) -> None:
        self.delivered: list[int] = []
        self.rooms = 0
        config = ForwardOutputConfig(**{"require_ack_response": True, **options})
        self.transport = Transport()
        self.connection = ServerConnection(
            config, handshake, on_delivered=self.delivered.append, on_room=self._room
        )
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)
        self.queue: deque[Item] = deque()

    def put(self, *frames: Frame) -> None:
        self.queue.extend(InMemory(Outgoing(frame, _receipt())) for frame in frames)

    def send(self, size: float = 1 << 30) -> int:
        return self.connection.send(self.queue, size)

    def _room(self) -> None:
        self.rooms += 1


def _receipt() -> Receipt:
    receipt = Receipt(lambda: None)
    receipt.hold()
    return receipt


def frames(count: int, size: int = 10) -> list[Frame]:
    return [forward_frame([{"text": "x" * size}], chunk=f"c{n}") for n in range(count)]


async def test_small_frames_are_written_together_and_large_ones_as_they_are() -> None:
    scene = Scene()
    small, large = frames(3), frames(1, COALESCED)[0]
    scene.put(small[0], small[1], large, small[2])
    scene.send()
    assert scene.transport.written == [small[0].raw + small[1].raw, large.raw, small[2].raw]


async def test_no_more_is_sent_than_was_asked_for_and_one_more_frame() -> None:
    scene = Scene()
    sent = frames(5)
    scene.put(*sent)
    size = len(sent[0].raw)
    assert scene.send(size + 1) == 2 * size
    assert len(scene.queue) == 3


async def test_a_frame_is_delivered_when_its_chunk_is_acknowledged() -> None:
    scene = Scene()
    sent = frames(2)
    scene.put(*sent)
    scene.send()
    assert (scene.delivered, scene.connection.in_flight) == ([], 2)
    scene.connection.data_received(ack_of("c1")[:3])
    scene.connection.data_received(ack_of("c1")[3:] + ack_of("other"))
    assert (scene.delivered, scene.connection.in_flight) == ([len(sent[1].raw)], 1)


async def test_a_frame_without_chunk_is_delivered_once_the_kernel_has_it() -> None:
    scene = Scene()
    bare = forward_frame([{"n": 1}])
    scene.transport.stuck = True
    scene.put(bare)
    scene.send()
    assert (scene.delivered, scene.connection.has_room) == ([], False)
    scene.connection.resume_writing()
    assert (scene.delivered, scene.connection.has_room, scene.rooms) == ([len(bare.raw)], True, 1)


async def test_who_waits_is_told_of_room_when_there_is_some_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fluent_pipeline.net.serving.MOST_FRAMES_IN_FLIGHT", 2)
    scene = Scene()
    scene.put(*frames(3))
    scene.send()
    assert (scene.connection.in_flight, scene.rooms) == (2, 0)
    scene.connection.data_received(ack_of("c0"))
    assert (scene.connection.has_room, scene.rooms) == (True, 1)


async def test_after_so_many_frames_it_is_closed_once_all_are_delivered() -> None:
    scene = Scene(keepalive_max_recycle=2)
    scene.put(*frames(3))
    scene.send()
    assert (len(scene.queue), scene.connection.has_room) == (1, False)
    scene.connection.data_received(ack_of("c0"))
    assert not scene.connection.closed.done()
    scene.connection.data_received(ack_of("c1"))
    await scene.connection.closed


async def test_what_is_not_delivered_is_given_back_in_its_order() -> None:
    scene = Scene()
    sent = frames(3)
    scene.put(*sent)
    items = list(scene.queue)
    scene.send()
    scene.connection.data_received(ack_of("c1"))
    scene.connection.connection_lost(None)
    with pytest.raises(ConnectionError, match="closed the connection"):
        await scene.connection.closed
    assert scene.connection.abandon() == [items[0], items[2]]
    assert scene.transport.written[-1] == b"<closed>"


async def test_what_is_no_acknowledgement_ends_the_connection() -> None:
    scene = Scene()
    scene.connection.data_received(b"\x93\x01\x02\x03")
    with pytest.raises(RemoteProtocolError, match="expected .*ack"):
        await scene.connection.closed
    assert not scene.connection.has_room


async def test_without_acks_nothing_that_comes_is_looked_at() -> None:
    scene = Scene(require_ack_response=False)
    scene.put(*frames(1))
    scene.send()
    scene.connection.data_received(b"\xc1nonsense")
    assert (len(scene.delivered), scene.connection.closed.done()) == (1, False)


async def test_a_damaged_frame_on_disk_is_passed_over_and_an_unreadable_disk_ends_it() -> None:
    class Damaged:
        done_with = 0

        def load(self) -> Frame | None:
            return None

        def done(self) -> None:
            self.done_with += 1

    class Unreadable(Damaged):
        def load(self) -> Frame | None:
            raise OSError("no disk")

    scene, damaged, whole = Scene(), Damaged(), frames(1)[0]
    scene.queue.append(cast(Item, damaged))
    scene.put(whole)
    scene.queue.append(cast(Item, Unreadable()))
    scene.send()
    assert damaged.done_with == 1
    assert len(scene.queue) == 1
    with pytest.raises(OSError, match="no disk"):
        await scene.connection.closed
    assert len(scene.connection.abandon()) == 1


async def test_frames_wait_for_the_handshake_and_acks_may_follow_it_at_once() -> None:
    server = ServerHandshake("server", "key", {}, nonce=b"n" * 16, auth_salt=b"")
    scene = Scene(ClientHandshake("client", "key", salt=b"s" * 16))
    hello = server.hello()
    scene.connection.data_received(hello[:5])
    assert not scene.connection.opened.done()
    scene.connection.data_received(hello[5:])
    [ping] = scene.transport.written
    answer = server.receive_ping(_message(ping))
    assert isinstance(answer, Accepted)
    scene.put(*frames(1))
    scene.connection.data_received(answer.pong)
    await scene.connection.opened
    scene.send()
    scene.connection.data_received(ack_of("c0"))
    assert len(scene.delivered) == 1


def _message(raw: bytes) -> Message:
    framer = Framer(Limits())
    framer.receive_data(raw)
    message = framer.next_message()
    assert isinstance(message, Message)
    return message


async def test_a_connection_that_ends_in_the_handshake_says_so() -> None:
    scene = Scene(ClientHandshake("client", "key", salt=b"s" * 16))
    scene.connection.connection_lost(None)
    with pytest.raises(ConnectionError, match="during the handshake"):
        await scene.connection.opened
    assert scene.connection.abandon() == []
