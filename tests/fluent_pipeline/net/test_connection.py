"""Limits of a client's connection, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.frames import ack_of, forward_frame
from support.relays import client_of, configuration, running_relay
from support.target import WAIT, target

FRAME = forward_frame([{"a": 1}], chunk="c").raw


def config_for(port: int, **keys: Any) -> str:
    return configuration(target_port=port, filters=[], forward_input=keys)


async def test_a_client_past_the_number_is_closed_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with target() as behind:
        async with running_relay(config_for(behind.port, max_connections=1)) as relay:
            async with client_of(relay) as first:
                await first.send(FRAME)
                await first.read_until(ack_of("c"))
                async with client_of(relay) as second:
                    assert await second.read_to_end() == b""
                await first.send(FRAME)
                await first.read_until(ack_of("c") * 2)
            async with asyncio.timeout(WAIT):
                while relay.listeners[0].connections:
                    await asyncio.sleep(0.01)
            async with client_of(relay) as third:
                await third.send(FRAME)
                await third.read_until(ack_of("c"))
    assert "refused: too many connections" in caplog.text


async def test_a_client_of_a_network_that_is_not_allowed_is_closed() -> None:
    async with target() as behind:
        async with running_relay(config_for(behind.port, allow=["10.0.0.0/8"])) as relay:
            async with client_of(relay) as client:
                assert await client.read_to_end() == b""
            (refused,) = [
                m for m in relay.listeners[0].metrics() if m.name.endswith("refused_total")
            ]
    assert (refused.value, dict(refused.labels)["reason"]) == (1, "network not allowed")


@pytest.mark.parametrize(
    ("keys", "sent", "reason"),
    [
        ({"shared_key": "k", "handshake_timeout": "1ms"}, b"", "no handshake in time"),
        ({"partial_frame_timeout": "1ms"}, FRAME[:-1], "a message was left unfinished"),
    ],
)
async def test_a_client_that_takes_too_long_is_closed(
    keys: dict[str, Any], sent: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with target() as behind:
        async with running_relay(config_for(behind.port, **keys)) as relay:
            async with client_of(relay) as client:
                await client.send(sent)
                await client.read_to_end()
    assert f"refused: {reason}" in caplog.text


async def test_a_client_between_messages_may_be_silent() -> None:
    async with target() as behind:
        text = config_for(behind.port, partial_frame_timeout="1ms")
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(FRAME)
            await client.read_until(ack_of("c"))
            (connection,) = relay.listeners[0].connections
            connection.check_time(asyncio.get_running_loop().time() + 1e6)
            await client.send(FRAME)
            await client.read_until(ack_of("c") * 2)


async def test_half_messages_cannot_take_more_memory_than_the_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    half = b"\x92\xa1t\xdb\x00\xff\xff\xff" + b"x" * 60_000
    async with target() as behind:
        text = configuration(target_port=behind.port, filters=[], service={"mem_buf_limit": "100k"})
        async with running_relay(text) as relay, client_of(relay) as good:
            async with client_of(relay) as first, client_of(relay) as second:
                await first.send(half)
                await second.send(half)
                await asyncio.wait(
                    [asyncio.create_task(c.read_to_end()) for c in (first, second)],
                    return_when=asyncio.FIRST_COMPLETED,
                    timeout=WAIT,
                )
                await good.send(FRAME)
                await good.read_until(ack_of("c"))
    assert "unfinished messages hold too much memory" in caplog.text
    assert caplog.text.count("refused") == 1


async def test_a_client_that_reads_no_acks_is_not_read_from() -> None:
    count, chunk = 2_000, "c" * 20_000
    bare = forward_frame([], chunk=chunk).raw
    async with target() as behind:
        async with running_relay(config_for(behind.port)) as relay, client_of(relay) as client:
            sending = asyncio.create_task(client.send(bare * count))
            await asyncio.wait([sending], timeout=0.3)
            assert not sending.done()
            received = await client.read_exactly(count * len(ack_of(chunk)))
            await sending
            assert received == ack_of(chunk) * count
