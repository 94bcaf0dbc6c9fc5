"""A well-behaved client beside hostile ones, at a relay that is a process of its own.

Its pace is compared with that of a client of a second relay, which nobody attacks. The two are
measured in turn, so that whatever else the machine does slows both.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
from math import inf
from pathlib import Path

import msgpack
import psutil
import pytest
import zstandard

from support.frames import ack_of, forward_frame
from support.programs import port_of, running_program
from support.relays import configuration
from support.target import WAIT, target

FRAME = forward_frame([{"n": n, "text": "x" * 500} for n in range(100)], chunk="c").raw
ROUNDS = 60
MOST_TRIES = 20
MEGABYTE = 1_000_000
IDLE, HALVES = 1_000, 200


async def keeps_its_pace(attacked: int, quiet: int) -> bool:
    """Whether a client at one port takes no more than twice as long as at the other."""
    alone = beside = inf
    for _ in range(MOST_TRIES):
        alone = min(alone, await seconds_for_the_rounds(quiet))
        beside = min(beside, await seconds_for_the_rounds(attacked))
        if beside < 2 * alone + 0.1:
            return True
    return False


async def seconds_for_the_rounds(port: int) -> float:
    """How long a client takes to have so many chunks acknowledged, one after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    for _ in range(ROUNDS):
        writer.write(FRAME)
        async with asyncio.timeout(WAIT):
            assert await reader.readexactly(len(ack_of("c"))) == ack_of("c")
    writer.close()
    return time.monotonic() - began


async def send(port: int, data: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return writer


def packed(body: bytes, algorithm: str) -> bytes:
    return bytes(msgpack.packb(["t", body, {"compressed": algorithm, "chunk": "bomb"}]))


def hostile() -> list[bytes]:
    """What closes a connection: bombs, depth, lengths that are declared and never come."""
    zeros = bytes(300 * MEGABYTE)
    return [
        packed(gzip.compress(zeros, 9), "gzip"),
        packed(zstandard.ZstdCompressor(level=3).compress(zeros), "zstd"),
        b"\x92\xa1t" + b"\x91" * 10_000,
        b"[" * 10_000,
        b"\x92\xa1t\xdb\x40\x00\x00\x00" + b"x" * 1000,
        b"\x92\xa1t\xdd\x40\x00\x00\x00" + b"\x92" * 1000,
        b"\xc1",
        b"GET / HTTP/1.1\r\n\r\n",
    ]


@pytest.fixture
def _enough_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 2 * (IDLE + HALVES):
        pytest.skip(f"needs more open files than {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.mark.usefixtures("_enough_files")
async def test_a_good_client_keeps_its_pace_and_memory_is_bounded_under_attack(
    tmp_path: Path,
) -> None:
    async with target() as behind:
        config = tmp_path / "relay.yaml"
        config.write_text(
            configuration(
                target_port=behind.port,
                service={"mem_buf_limit": "32M", "log_level": "info"},
                forward_input={"max_connections_per_address": 4096},
                forward_output={"require_ack_response": True},
            )
        )
        with (
            running_program("run", "--config", config) as relay,
            running_program("run", "--config", config) as spared,
        ):
            port = await asyncio.to_thread(port_of, relay)
            quiet = await asyncio.to_thread(port_of, spared)
            process = psutil.Process(relay.pid)
            await seconds_for_the_rounds(port)
            before = process.memory_info().rss
            attackers = [await send(port, b"") for _ in range(IDLE)]
            half = b"\x92\xa1t\xdb\x00\x10\x00\x00" + b"x" * 100_000
            attackers += [await send(port, half) for _ in range(HALVES)]
            attackers += [await send(port, data) for data in hostile()]
            await seconds_for_the_rounds(port)
            assert await keeps_its_pace(port, quiet)
            grown = process.memory_info().rss - before
            for writer in attackers:
                writer.close()
        assert grown < 300 * MEGABYTE + 3 * 32 * MEGABYTE
        assert {frame.tag for frame in behind.frames} == {"test"}
