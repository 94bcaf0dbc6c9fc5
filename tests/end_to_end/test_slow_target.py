"""A target that hangs, is slow, or is away: memory stays bounded, health says so, nothing is lost.

``make faults`` keeps the target away for a minute.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from support.observed import HTTP, Chunks, observed_relay
from support.relays import configuration
from support.target import WAIT, Target, target

MEGABYTE = 1_000_000
LIMIT = 16 * MEGABYTE
BOUND = 4 * LIMIT
"""What the relay may grow by: frames and unfinished messages, and what the allocator keeps."""
AWAY = float(os.environ.get("FAULT_SECONDS", "2"))
HUNDREDTH = 0.05
"""Between reads of 64 kB: 1.3 MB a second, of 140 to 170 MB that go through otherwise."""
STORAGES = pytest.mark.parametrize("storage", ["memory", "filesystem"])


def relay_to(behind: Target, folder: Path, storage: str, **output: Any) -> str:
    keys = {"require_ack_response": True, "storage.type": storage, "retry_max_interval": "1s"}
    service = {**HTTP, "mem_buf_limit": LIMIT, "storage.path": str(folder / "storage")}
    return configuration(target_port=behind.port, service=service, forward_output=keys | output)


def ids_in(behind: Target) -> set[str]:
    return {event.record["id"] for event in behind.all_events()}


@STORAGES
async def test_a_target_that_hangs_takes_nothing_down_and_loses_nothing(
    storage: str, tmp_path: Path
) -> None:
    chunks = Chunks(400)
    async with target() as behind:
        behind.reading.clear()
        text = relay_to(behind, tmp_path, storage, **{"storage.total_limit_size": "40M"})
        async with observed_relay(tmp_path, text) as relay:
            before = relay.rss
            sending = asyncio.create_task(chunks.send(relay.port))
            await relay.trouble("mem_buf_limit" if storage == "memory" else "disk buffer is full")
            await asyncio.wait([sending], timeout=0.3)
            assert not sending.done()
            assert relay.rss - before < BOUND
            behind.reading.set()
            async with asyncio.timeout(3 * WAIT):
                await sending
                await behind.received(400)
            await relay.trouble("")
        assert ids_in(behind) == chunks.ids
    assert chunks.acknowledged == chunks.acks


@STORAGES
async def test_a_target_that_takes_a_hundredth_of_what_comes_holds_the_clients_back(
    storage: str, tmp_path: Path
) -> None:
    chunks = Chunks(400)
    async with target() as behind:
        behind.rest = HUNDREDTH
        text = relay_to(behind, tmp_path, storage, **{"storage.total_limit_size": "40M"})
        async with observed_relay(tmp_path, text) as relay:
            before, highest = relay.rss, 0
            sending = asyncio.create_task(chunks.send(relay.port))
            await behind.received(1)
            began = time.monotonic()
            while (watched := time.monotonic() - began) < 2:
                await asyncio.sleep(0.1)
                highest = max(highest, relay.rss)
            assert not sending.done()
            assert len(behind.frames) < 20 * watched
            assert highest - before < BOUND
            await relay.trouble("mem_buf_limit" if storage == "memory" else "disk buffer is full")
            behind.rest = 0
            async with asyncio.timeout(3 * WAIT):
                await sending
                await behind.received(400)
            assert relay.rss - before < BOUND
            await relay.trouble("")
        assert ids_in(behind) == chunks.ids
    assert chunks.acknowledged == chunks.acks


@STORAGES
async def test_what_comes_while_the_target_is_away_arrives_when_it_is_back(
    storage: str, tmp_path: Path
) -> None:
    chunks = Chunks(300)
    async with target() as behind:
        await behind.stop()
        async with observed_relay(tmp_path, relay_to(behind, tmp_path, storage)) as relay:
            before, highest = relay.rss, 0
            sending = asyncio.create_task(chunks.send(relay.port, wait=AWAY / 400))
            end = time.monotonic() + AWAY
            while time.monotonic() < end:
                await asyncio.sleep(0.1)
                highest = max(highest, relay.rss)
            assert highest - before < BOUND
            await relay.trouble(f"127.0.0.1:{behind.port}")
            if storage == "memory":
                await relay.trouble("mem_buf_limit")
                assert chunks.acknowledged == set()
                assert not sending.done()
            else:
                async with asyncio.timeout(3 * WAIT):
                    await sending
                assert chunks.acknowledged == chunks.acks
            await behind.start(behind.port)
            async with asyncio.timeout(6 * WAIT):
                await sending
                await behind.received(300)
            await relay.trouble("")
        assert ids_in(behind) == chunks.ids
    assert chunks.acknowledged == chunks.acks
