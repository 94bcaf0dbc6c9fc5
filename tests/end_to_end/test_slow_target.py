"""A target that hangs: memory stays bounded, health says so, and everything arrives afterwards."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import psutil
import pytest

from support.frames import ack_of, forward_frame
from support.programs import running_program
from support.relays import configuration
from support.target import WAIT, target

MEGABYTE = 1_000_000
LIMIT = 16 * MEGABYTE
CHUNKS = 400
RECORDS = 400


def chunk(number: int) -> bytes:
    """About a quarter of a megabyte."""
    records = [{"id": f"{number}-{n}", "text": "x" * 600} for n in range(RECORDS)]
    return forward_frame(records, chunk=f"c{number:03d}").raw


async def send_all(port: int, acknowledged: list[bytes]) -> None:
    """Send all chunks as fast as the relay takes them, and collect their acks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def collect() -> None:
        for _ in range(CHUNKS):
            acknowledged.append(await reader.readexactly(len(ack_of("c000"))))

    collecting = asyncio.create_task(collect())
    for number in range(CHUNKS):
        writer.write(chunk(number))
        await writer.drain()
    await collecting
    writer.close()


@pytest.mark.parametrize("storage", ["memory", "filesystem"])
async def test_a_target_that_hangs_takes_nothing_down_and_loses_nothing(
    storage: str, tmp_path: Path
) -> None:
    async with target() as behind, aiohttp.ClientSession() as http:
        behind.reading.clear()
        config = tmp_path / "relay.yaml"
        config.write_text(
            configuration(
                target_port=behind.port,
                service={
                    "mem_buf_limit": LIMIT,
                    "storage.path": str(tmp_path / "storage"),
                    "http_server": "on",
                    "http_port": 0,
                    "log_level": "info",
                },
                forward_output={
                    "require_ack_response": True,
                    "storage.type": storage,
                    "storage.total_limit_size": "40M",
                },
            )
        )
        with running_program("run", "--config", config) as relay:
            assert relay.stderr is not None
            log = b""
            while b"monitor: serving" not in log:
                log += await asyncio.to_thread(relay.stderr.readline)
            (port,) = re.findall(rb"listening on 127\.0\.0\.1:(\d+)", log)
            (health,) = re.findall(rb"serving on (http\S+)", log)
            process = psutil.Process(relay.pid)
            before = process.memory_info().rss
            acknowledged: list[bytes] = []
            sending = asyncio.create_task(send_all(int(port), acknowledged))
            async with asyncio.timeout(WAIT):
                while True:
                    async with http.get(health.decode() + "/api/v1/health") as answer:
                        if answer.status == 503:
                            troubles = (await answer.json())["troubles"]
                            break
                    await asyncio.sleep(0.05)
            assert any(
                "mem_buf_limit" in line or "disk buffer is full" in line for line in troubles
            )
            await asyncio.wait([sending], timeout=0.3)
            assert not sending.done()
            grown = process.memory_info().rss - before
            assert grown < 4 * LIMIT
            behind.reading.set()
            async with asyncio.timeout(3 * WAIT):
                await sending
                await behind.received(CHUNKS)
            async with http.get(health.decode() + "/api/v1/health") as answer:
                assert answer.status == 200
        ids = {event.record["id"] for event in behind.all_events()}
    assert len(ids) == CHUNKS * RECORDS
    assert set(acknowledged) == {ack_of(f"c{number:03d}") for number in range(CHUNKS)}
