"""Several targets of one output, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgpack
import pytest

from fluent_pipeline.app import Relay
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import Accepted, ServerHandshake
from fluent_pipeline.protocol.limits import Limits
from support.forward import decoded
from support.frames import ack_of, forward_frame
from support.relays import Client, client_of, configuration, running_relay
from support.target import WAIT, Target, target

FRAMES = [forward_frame([{"n": n, "text": "x" * 20_000}], chunk=f"c{n}") for n in range(40)]
SENT = b"".join(frame.raw for frame in FRAMES)


@asynccontextmanager
async def two_targets(
    folder: Path, second: str = "", **keys: Any
) -> AsyncIterator[tuple[Client, Target, Target, Relay]]:
    """A client of a relay with two targets; ``second`` are more lines of the second's node."""
    async with target() as first_target, target() as second_target:
        upstream = folder / "upstream.conf"
        upstream.write_text(
            f"[NODE]\n name first\n host 127.0.0.1\n port {first_target.port}\n"
            f"[NODE]\n name second\n host 127.0.0.1\n port {second_target.port}\n{second}"
        )
        text = configuration(
            filters=[],
            service={"http_server": "on", "http_port": 0},
            outputs=[
                {
                    "name": "forward",
                    "upstream": str(upstream),
                    "require_ack_response": True,
                    "retry_wait": "50ms",
                    **keys,
                }
            ],
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            await up(relay, 2)
            yield client, first_target, second_target, relay


async def up(relay: Relay, count: int) -> None:
    """Wait until so many targets are up."""
    assert relay.monitor is not None
    async with asyncio.timeout(WAIT), aiohttp.ClientSession() as http:
        while True:
            async with http.get(relay.monitor.address + "/metrics") as answer:
                page = await answer.text()
            lines = [line for line in page.splitlines() if line.startswith("fluent_eql_target_up")]
            if sum(line.endswith(" 1.0") for line in lines) == count:
                return
            await asyncio.sleep(0.01)


async def all_acks(client: Client) -> None:
    """Wait for the acks of all frames, in whatever order they come."""
    acks = await client.read_exactly(sum(len(ack_of(f"c{n}")) for n in range(len(FRAMES))))
    for number in range(len(FRAMES)):
        assert ack_of(f"c{number}") in acks


def numbers(*targets: Target) -> list[int]:
    return sorted(event.record["n"] for target in targets for event in target.all_events())


async def test_frames_are_shared_out_among_the_targets(tmp_path: Path) -> None:
    async with two_targets(tmp_path) as (client, first, second, _):
        await client.send(SENT)
        await all_acks(client)
        assert numbers(first, second) == list(range(len(FRAMES)))
        assert first.frames
        assert second.frames


async def test_what_a_target_has_not_acknowledged_goes_to_the_other_when_it_breaks(
    tmp_path: Path,
) -> None:
    async with two_targets(tmp_path) as (client, first, second, relay):
        first.acks = False
        await client.send(SENT)
        await first.received(1)
        await first.stop()
        await all_acks(client)
        assert set(numbers(second)) | set(numbers(first)) == set(range(len(FRAMES)))
        assert set(numbers(first)) <= set(numbers(second))
        assert list(relay.troubles()) == []


async def test_a_target_that_hangs_loses_its_frames_to_the_other_after_the_timeout(
    tmp_path: Path,
) -> None:
    async with two_targets(tmp_path, ack_response_timeout="100ms") as (client, first, second, _):
        first.acks = False
        await client.send(SENT)
        await first.received(1)
        first.frames.clear()
        async with asyncio.timeout(WAIT):
            while set(numbers(second)) != set(range(len(FRAMES))):
                first.frames.clear()
                await asyncio.sleep(0.05)
        await all_acks(client)


async def test_a_standby_steps_in_and_steps_back(tmp_path: Path) -> None:
    async with two_targets(tmp_path, " standby on\n") as (client, first, spare, relay):
        await client.send(SENT)
        await all_acks(client)
        assert spare.frames == []
        await first.stop()
        await up(relay, 1)
        await client.send(SENT)
        await all_acks(client)
        assert numbers(spare) == list(range(len(FRAMES)))
        await first.start(first.port)
        await up(relay, 2)
        first.frames.clear()
        spare.frames.clear()
        await client.send(SENT)
        await all_acks(client)
        assert spare.frames == []


async def test_health_is_lost_only_when_no_target_is_up(tmp_path: Path) -> None:
    async with two_targets(tmp_path) as (_, first, second, relay):
        await first.stop()
        await up(relay, 1)
        assert list(relay.troubles()) == []
        await second.stop()
        await up(relay, 0)
        (trouble,) = relay.troubles()
        assert f"127.0.0.1:{first.port}" in trouble
        assert f"127.0.0.1:{second.port}" in trouble


async def test_a_target_gets_no_more_while_too_much_is_unacknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fluent_pipeline.net.serving.MOST_FRAMES_IN_FLIGHT", 8)
    async with target() as behind:
        behind.acks = False
        text = configuration(
            target_port=behind.port, filters=[], forward_output={"require_ack_response": True}
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await behind.received(8)
            await client.expect_silence()
            assert len(behind.frames) < 8 + 5
            behind.acknowledge()
            await all_acks(client)


async def test_a_connection_that_has_served_enough_is_replaced_and_nothing_is_sent_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            filters=[],
            forward_output={"require_ack_response": True, "net.keepalive_max_recycle": 10},
        )
        with caplog.at_level("INFO", logger="fluent_pipeline.net.target"):
            async with running_relay(text) as relay, client_of(relay) as client:
                await client.send(SENT)
                await all_acks(client)
        assert caplog.text.count("connected to") in (4, 5)
        assert "trying again" not in caplog.text
        assert behind.raw == SENT


async def test_a_connection_is_not_replaced_before_all_on_it_is_acknowledged() -> None:
    async with target() as behind:
        behind.acks = False
        text = configuration(
            target_port=behind.port,
            filters=[],
            forward_output={"require_ack_response": True, "net.keepalive_max_recycle": 10},
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await behind.received(10)
            await client.expect_silence()
            assert len(behind.frames) == 10
            behind.acknowledge()
            await all_acks(client)
        assert behind.raw == SENT


WITH_METADATA = msgpack.packb(["app", [[[1, {"m": 1}], {"n": 1}]], {"size": 1, "chunk": "c0"}])


async def entries_sent_to(hello_of: Callable[[bytes], bytes], **output: Any) -> Any:
    """What a server that greets so gets, with entry_format auto, of an entry with metadata."""
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handshake = ServerHandshake("server", "key", {}, nonce=b"n" * 16, auth_salt=b"")
        writer.write(hello_of(handshake.hello()))
        framer = Framer(Limits())
        while data := await reader.read(1000):
            framer.receive_data(data)
            while isinstance(message := framer.next_message(), Message):
                if not got.done() and b"PING" in bytes(message.raw):
                    answer = handshake.receive_ping(message)
                    assert isinstance(answer, Accepted)
                    writer.write(answer.pong)
                else:
                    got.set_result(bytes(message.raw))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        keys = {"entry_format": "auto", "retry_wait": "50ms", **output}
        text = configuration(target_port=port, filters=[], forward_output=keys)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(WITH_METADATA)
            async with asyncio.timeout(WAIT):
                return decoded(await got)[1]


def fluentds_hello(ours: bytes) -> bytes:
    """Fluentd writes its nonce as bin."""
    return msgpack.packb(["HELO", {"nonce": b"n" * 16, "auth": b"", "keepalive": True}])


def fluent_bits_hello(ours: bytes) -> bytes:
    return msgpack.packb([b"HELO", {b"nonce": b"n" * 16, b"auth": b""}], use_bin_type=False)


async def test_entry_format_auto_strips_metadata_for_fluentd() -> None:
    assert await entries_sent_to(fluentds_hello, shared_key="key") == [[1, {"n": 1}]]


@pytest.mark.parametrize("hello", [fluent_bits_hello, bytes], ids=["Fluent Bit", "fluent-eql"])
async def test_entry_format_auto_keeps_metadata_for_who_takes_it(
    hello: Callable[[bytes], bytes],
) -> None:
    assert await entries_sent_to(hello, shared_key="key") == [[[1, {"m": 1}], {"n": 1}]]


async def test_entry_format_auto_strips_metadata_where_the_peer_cannot_be_known() -> None:
    assert await entries_sent_to(lambda ours: b"") == [[1, {"n": 1}]]
