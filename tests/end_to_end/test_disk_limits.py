"""A disk buffer that is small, full, damaged beside its segments, or short of descriptors."""

from __future__ import annotations

import asyncio
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.frames import ack_of, forward_frame
from support.observed import HTTP, Chunks, Observed, observed_relay
from support.relays import configuration
from support.target import WAIT, Target, target


def relay_to(behind: Target, folder: Path, **output: Any) -> str:
    keys = {"require_ack_response": True, "storage.type": "filesystem", "storage.sync": "normal"}
    service = {**HTTP, "mem_buf_limit": "4M", "storage.path": str(folder / "storage")}
    return configuration(
        target_port=behind.port, service=service, filters=[], forward_output={**keys, **output}
    )


@pytest.fixture
def disk_of_4_mb(tmp_path: Path) -> Iterator[Path]:
    storage = tmp_path / "storage"
    storage.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", str(storage)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk of its own cannot be mounted here: {error}")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(storage)], check=True)


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with pytest.raises(OSError, match="No space"), open(file, "wb", 0) as filler:
        while True:
            filler.write(b"x" * 4096)


async def all_arrives(
    chunks: Chunks, sending: asyncio.Task[None], behind: Target, relay: Observed
) -> None:
    async with asyncio.timeout(3 * WAIT):
        await sending
        await behind.received(len(chunks.acks))
    await relay.trouble("")
    assert {event.record["id"] for event in behind.all_events()} == chunks.ids


async def sent(relay: Observed, count: int, text: str = "") -> None:
    """Send small frames in one write, and wait for their acks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    for number in range(count):
        writer.write(forward_frame([{"n": number, "text": text}], chunk=f"c{number:02d}").raw)
    async with asyncio.timeout(WAIT):
        await reader.readexactly(count * len(ack_of("c00")))
    writer.close()


async def test_a_buffer_limited_below_a_segment_has_room_again_once_all_is_delivered(
    tmp_path: Path,
) -> None:
    chunks = Chunks(60)
    async with target() as behind:
        await behind.stop()
        text = relay_to(behind, tmp_path, **{"storage.total_limit_size": "4M"})
        async with observed_relay(tmp_path, text) as relay:
            sending = asyncio.create_task(chunks.send(relay.port))
            await relay.trouble("the disk buffer is full")
            await behind.start(behind.port)
            await all_arrives(chunks, sending, behind, relay)


async def test_a_disk_smaller_than_a_segment_has_room_again_once_all_is_delivered(
    disk_of_4_mb: Path,
) -> None:
    chunks = Chunks(60)
    async with target() as behind:
        await behind.stop()
        async with observed_relay(disk_of_4_mb, relay_to(behind, disk_of_4_mb)) as relay:
            sending = asyncio.create_task(chunks.send(relay.port))
            await relay.trouble("cannot be written: ")
            await behind.start(behind.port)
            await all_arrives(chunks, sending, behind, relay)


async def test_frames_written_before_the_disk_was_full_are_acknowledged_and_delivered(
    tmp_path: Path,
) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))

    async with target() as behind:
        async with observed_relay(
            tmp_path, relay_to(behind, tmp_path), preexec_fn=limited
        ) as relay:
            await relay.trouble("")
            _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            frames = [
                forward_frame([{"n": n, "text": "x" * 250}], chunk=f"{n}") for n in range(200)
            ]
            writer.write(b"".join(frame.raw for frame in frames))
            await relay.trouble("cannot be written: ")
            await behind.received(100)
            writer.close()


async def test_the_next_segment_can_be_opened_once_there_are_descriptors_again(
    tmp_path: Path,
) -> None:
    chunks = Chunks(160)
    async with target() as behind:
        await behind.stop()
        async with observed_relay(tmp_path, relay_to(behind, tmp_path)) as relay:
            pid = relay.process.pid
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            sending = asyncio.create_task(chunks.send(relay.port))
            async with asyncio.timeout(WAIT):
                while len(chunks.acknowledged) < 8:
                    await asyncio.sleep(0.005)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (5, before[1]))
            async with asyncio.timeout(WAIT):
                while "Too many open files" not in relay.log:
                    await asyncio.sleep(0.05)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            await behind.start(behind.port)
            await all_arrives(chunks, sending, behind, relay)


async def test_a_relay_starts_on_a_full_disk_though_the_end_of_a_segment_is_torn(
    disk_of_4_mb: Path,
) -> None:
    storage = disk_of_4_mb / "storage"
    async with target() as behind:
        await behind.stop()
        async with observed_relay(disk_of_4_mb, relay_to(behind, disk_of_4_mb)) as relay:
            await sent(relay, 10, "x" * 20_000)
        (segment,) = storage.glob("frames/*/*.segment")
        segment.write_bytes(segment.read_bytes()[:-5])
        fill(storage / "filler")
        await behind.start(behind.port)
        async with observed_relay(disk_of_4_mb, relay_to(behind, disk_of_4_mb)):
            await behind.received(9)


async def test_a_flipped_bit_in_the_notes_of_what_was_delivered_loses_no_other_frame(
    tmp_path: Path,
) -> None:
    async with target() as behind:
        behind.acks = False
        async with observed_relay(tmp_path, relay_to(behind, tmp_path)) as relay:
            await sent(relay, 12)
            for frame in (await behind.received(12))[:4]:
                behind._ack(frame, behind._writers[-1])
            (segment,) = tmp_path.glob("storage/frames/*/*.segment")
            notes = segment.with_suffix(".done")
            async with asyncio.timeout(WAIT):
                while not notes.exists() or notes.stat().st_size < 4 * 20:
                    await asyncio.sleep(0.01)
        behind.disconnect()
        behind.frames.clear()
        behind.acks = True
        content = bytearray(notes.read_bytes())
        content[3 * 20 + 15] ^= 0x08  # of 3, which was delivered, 11, which was not
        notes.write_bytes(content)
        async with observed_relay(tmp_path, relay_to(behind, tmp_path)) as relay:
            async with asyncio.timeout(WAIT):
                while not {event.record["n"] for event in behind.all_events()} >= set(range(4, 12)):
                    await asyncio.sleep(0.01)
            await relay.trouble("")


async def test_a_frame_that_is_damaged_while_it_waits_is_not_sent_as_if_it_were_whole(
    tmp_path: Path,
) -> None:
    async with target() as behind:
        await behind.stop()
        async with observed_relay(tmp_path, relay_to(behind, tmp_path)) as relay:
            await sent(relay, 5, "hello")
            (segment,) = tmp_path.glob("storage/frames/*/*.segment")
            content = bytearray(segment.read_bytes())
            content[content.index(b"hello", len(content) // 2)] ^= 0x02
            segment.write_bytes(content)
            await behind.start(behind.port)
            await behind.received(4)
            await relay.trouble("")
        assert {event.record["text"] for event in behind.all_events()} == {"hello"}
