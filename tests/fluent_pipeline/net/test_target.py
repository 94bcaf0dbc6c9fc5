"""Several targets of one output, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fluent_pipeline.app import Relay
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
    monkeypatch.setattr("fluent_pipeline.net.target.MOST_FRAMES_IN_FLIGHT", 8)
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
