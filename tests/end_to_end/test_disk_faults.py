"""A disk buffer on a disk that is full, and one whose files have been damaged."""

from __future__ import annotations

import asyncio
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.frames import ack_of, forward_frame
from support.observed import HTTP, Chunks, Observed, observed_relay
from support.relays import configuration
from support.target import WAIT, Target, target

FULL = 3_000_000
COUNT = 30
CHUNKS = 160
"""39 MB of records."""
NO_SPACE = "cannot be written: [Errno 28]"


def relay_to(behind: Target, folder: Path) -> str:
    keys = {"require_ack_response": True, "storage.type": "filesystem", "storage.sync": "normal"}
    service = {**HTTP, "mem_buf_limit": "4M", "storage.path": str(folder / "storage")}
    return configuration(target_port=behind.port, service=service, filters=[], forward_output=keys)


def numbers(behind: Target) -> list[int]:
    return [event.record["n"] for event in behind.all_events()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder whose ``storage`` is a disk of 24 MB: one and a half segments."""
    storage = tmp_path / "storage"
    storage.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24M", "tmpfs", str(storage)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk of its own cannot be mounted here: {error}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", storage], check=True)


def chunks_in(behind: Target) -> set[bytes]:
    """The acks of the chunks that arrived."""
    numbers = {int(event.record["id"].partition("-")[0]) for event in behind.all_events()}
    return {ack_of(f"c{number:06d}") for number in numbers}


async def test_a_full_disk_has_room_again_once_the_target_has_taken_what_is_on_it(
    small_disk: Path,
) -> None:
    chunks = Chunks(CHUNKS)
    async with target() as behind:
        await behind.stop()
        async with observed_relay(small_disk, relay_to(behind, small_disk)) as relay:
            sending = asyncio.create_task(chunks.send(relay.port))
            await relay.trouble(NO_SPACE)
            await relay.trouble("mem_buf_limit")
            assert not sending.done()
            assert 0 < len(chunks.acknowledged) < CHUNKS
            await behind.start(behind.port)
            async with asyncio.timeout(3 * WAIT):
                await sending
                await behind.received(CHUNKS)
            await relay.trouble("")
        assert {event.record["id"] for event in behind.all_events()} == chunks.ids
    assert chunks.acknowledged == chunks.acks


async def test_a_relay_killed_on_a_full_disk_starts_there_and_sends_what_it_had_acknowledged(
    small_disk: Path,
) -> None:
    chunks = Chunks(CHUNKS)
    async with target() as behind:
        await behind.stop()
        async with observed_relay(small_disk, relay_to(behind, small_disk)) as relay:
            sending = asyncio.create_task(chunks.send(relay.port))
            await relay.trouble(NO_SPACE)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await sending
        assert chunks.acknowledged
        await behind.start(behind.port)
        async with observed_relay(small_disk, relay_to(behind, small_disk)) as relay:
            await behind.received(len(chunks.acknowledged))
            await relay.trouble("")
        assert chunks_in(behind) >= chunks.acknowledged


async def test_on_a_full_disk_clients_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    chunks = Chunks(40)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, resource.RLIM_INFINITY))

    async with target() as behind:
        await behind.stop()
        text = relay_to(behind, tmp_path)
        async with observed_relay(tmp_path, text, preexec_fn=limited) as relay:
            sending = asyncio.create_task(chunks.send(relay.port))
            await relay.trouble("cannot be written: ")
            assert not sending.done()
            assert 0 < len(chunks.acknowledged) < 40
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(relay.process.pid, resource.RLIMIT_FSIZE, unlimited)
            await behind.start(behind.port)
            async with asyncio.timeout(3 * WAIT):
                await sending
                await behind.received(40)
            await relay.trouble("")
        assert {event.record["id"] for event in behind.all_events()} == chunks.ids


async def left_on_disk(folder: Path, behind: Target) -> Path:
    """The one segment that a relay leaves which is killed with COUNT frames on disk."""
    await behind.stop()
    async with observed_relay(folder, relay_to(behind, folder)) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        for number in range(COUNT):
            writer.write(forward_frame([{"n": number}], chunk=f"c{number:02d}").raw)
        async with asyncio.timeout(WAIT):
            await reader.readexactly(COUNT * len(ack_of("c00")))
        writer.close()
    (segment,) = folder.glob("storage/frames/*/*.segment")
    return segment


async def sent_again(folder: Path, behind: Target, count: int) -> tuple[list[int], Observed]:
    """What a new relay sends of what was left."""
    await behind.start(behind.port)
    async with observed_relay(folder, relay_to(behind, folder)) as relay:
        await behind.received(count)
        await relay.trouble("")
    return numbers(behind), relay


@pytest.mark.parametrize("share", [0.0, 0.21, 0.55, 0.999])
async def test_a_flipped_bit_costs_at_most_its_frame_and_that_is_told(
    share: float, tmp_path: Path
) -> None:
    async with target() as behind:
        segment = await left_on_disk(tmp_path, behind)
        content = bytearray(segment.read_bytes())
        content[int(share * len(content))] ^= 0x10
        segment.write_bytes(content)
        found, relay = await sent_again(tmp_path, behind, COUNT - 1)
    assert len(found) == COUNT - 1
    assert found == sorted(found)
    assert "is not sent; kept in" in relay.log
    assert len(list(segment.parent.glob("damaged/*"))) == 1


@pytest.mark.parametrize("torn", [1, 25])
async def test_a_torn_end_costs_the_last_frame_and_that_is_told(torn: int, tmp_path: Path) -> None:
    async with target() as behind:
        segment = await left_on_disk(tmp_path, behind)
        content = segment.read_bytes()
        segment.write_bytes(content[:-torn])
        found, relay = await sent_again(tmp_path, behind, COUNT - 1)
    assert found == list(range(COUNT - 1))
    assert "its torn end" in relay.log
    (kept,) = segment.parent.glob("damaged/*")
    assert content.endswith(kept.read_bytes() + content[-torn:])
