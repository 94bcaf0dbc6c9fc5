"""A forward output with a disk buffer, between real sockets."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from fluent_pipeline.app import Relay
from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.config import parse_config
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.errors import ConfigError
from fluent_pipeline.net.durable import DurableQueue, Item
from fluent_pipeline.receipt import Receipt
from support.frames import ack_of, forward_frame
from support.relays import client_of, configuration, running_relay
from support.target import WAIT, target

FRAMES = [forward_frame([{"n": number}], chunk=f"c{number}") for number in range(5)]
SENT = b"".join(frame.raw for frame in FRAMES)
ACKS = b"".join(ack_of(f"c{number}") for number in range(5))


def config_for(port: int, folder: Path, **output: Any) -> str:
    return configuration(
        target_port=port,
        filters=[],
        service={"storage.path": str(folder), "grace": "10ms"},
        forward_output={
            "storage.type": "filesystem", "require_ack_response": True, **output
        },
    )  # fmt: skip


@pytest.mark.parametrize("sync", ["full", "normal"])
async def test_clients_are_acknowledged_once_a_frame_is_on_disk_though_the_target_is_away(
    sync: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with target() as behind:
        await behind.stop()
        text = config_for(behind.port, tmp_path, **{"storage.sync": sync})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await client.read_until(ACKS)
        assert "5 frames stay on disk for the next start" in caplog.text
        await behind.start(behind.port)
        async with running_relay(text) as relay:
            await behind.received(5)
            async with asyncio.timeout(WAIT):
                while relay.pending:
                    await asyncio.sleep(0.01)
        assert "5 frames of an earlier run are sent first" in caplog.text
        assert behind.raw == SENT
        async with running_relay(text):
            await asyncio.sleep(0.1)
        assert behind.raw == SENT
    assert list(tmp_path.glob("frames/*/*.segment")) == []


async def test_what_the_target_has_not_acknowledged_is_sent_again_after_a_restart(
    tmp_path: Path,
) -> None:
    async with target() as behind:
        behind.acks = False
        text = config_for(behind.port, tmp_path)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await behind.received(5)
            await client.read_until(ACKS)
        behind.acks = True
        async with running_relay(text):
            await behind.received(10)
        assert behind.raw == SENT * 2


async def test_a_full_disk_buffer_stops_the_reading_and_drops_nothing(tmp_path: Path) -> None:
    large = [forward_frame([{"text": "x" * 1000}], chunk=f"c{n}") for n in range(20)]
    async with target() as behind:
        behind.acks = False
        text = config_for(behind.port, tmp_path, **{"storage.total_limit_size": "5k"})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(b"".join(frame.raw for frame in large))
            await client.read_until(b"".join(ack_of(f"c{n}") for n in range(5)))
            await client.expect_silence()
            assert any("disk buffer is full" in line for line in relay.troubles())


async def test_while_the_disk_cannot_be_written_frames_wait_unacknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fluent_pipeline.net.durable.RETRY_WAIT", 0.01)
    written: list[Item] = []
    released = asyncio.Event()
    buffer = DiskBuffer(tmp_path, 10**9)
    queue = DurableQueue(buffer, written.append, sync=True)
    queue.start()
    append = buffer.append

    def fail(data: bytes) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(buffer, "append", fail)
    receipt = Receipt(released.set)
    receipt.hold()
    queue.put(Outgoing(FRAMES[0], receipt))
    async with asyncio.timeout(WAIT):
        while queue.trouble is None:
            await asyncio.sleep(0.001)
    assert "No space left on device" in queue.trouble
    assert (queue.pending, written, released.is_set()) == (1, [], False)
    monkeypatch.setattr(buffer, "append", append)
    async with asyncio.timeout(WAIT):
        await released.wait()
    assert (queue.pending, queue.trouble) == (0, None)
    assert written[0].load() == FRAMES[0]
    await queue.stop()


def test_a_disk_buffer_needs_a_folder() -> None:
    text = configuration(target_port=1, filters=[], forward_output={"storage.type": "filesystem"})
    with pytest.raises(ConfigError, match=r"needs storage\.path"):
        Relay(parse_config(text))
