from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.net.hook_queue import DiskQueue, MemoryQueue, Waiting
from fluent_pipeline.receipt import Receipt


class Held:
    """A receipt that is held once, as an output has it."""

    def __init__(self) -> None:
        self.delivered = asyncio.Event()
        self.receipt = Receipt(self.delivered.set)
        self.receipt.hold()


async def test_in_memory_what_is_taken_waits_at_once_and_no_receipt_is_held() -> None:
    given: list[Waiting] = []
    queue, held = MemoryQueue(10, given.append), Held()
    assert queue.put(b"12345", "a1", held.receipt) is None
    held.receipt.release()
    assert held.delivered.is_set()
    assert [(waiting.name, waiting.load()) for waiting in given] == [("a1", b"12345")]
    assert not queue.survives


async def test_in_memory_there_is_room_again_for_what_need_not_wait_longer() -> None:
    given: list[Waiting] = []
    queue, held = MemoryQueue(10, given.append), Held()
    assert queue.put(b"12345", "a1", held.receipt) is None
    reason = queue.put(b"123456", "a2", held.receipt)
    assert reason == "5 bytes wait, and storage.total_limit_size is 10"
    given[0].done()
    assert queue.put(b"123456", "a2", held.receipt) is None
    await queue.stop()


async def test_a_receipt_waits_until_the_disk_has_what_is_put(tmp_path: Path) -> None:
    given: list[Waiting] = []
    queue, held = DiskQueue(DiskBuffer(tmp_path, 1000), given.append), Held()
    assert queue.start() == 0
    assert queue.put(b"12345", "a1", held.receipt) is None
    held.receipt.release()
    assert (held.delivered.is_set(), queue.pending, given) == (False, 1, [])
    async with asyncio.timeout(30):
        await held.delivered.wait()
    assert [(waiting.name, waiting.load()) for waiting in given] == [("a1", b"12345")]
    assert (queue.pending, queue.survives) == (0, True)
    await queue.stop()


async def test_a_stop_makes_durable_what_is_not_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Waiting] = []
    synced: list[bool] = []
    buffer = DiskBuffer(tmp_path, 1000)
    monkeypatch.setattr(buffer, "sync", lambda: synced.append(True))
    queue, held = DiskQueue(buffer, given.append), Held()
    queue.start()
    queue.put(b"12345", "a1", held.receipt)
    held.receipt.release()
    await queue.stop()
    assert (held.delivered.is_set(), synced) == (True, [True])
    again = DiskQueue(DiskBuffer(tmp_path, 1000), given.append)
    assert again.start() == 1
    assert given[-1].load() == b"12345"
    given[-1].done()
    await again.stop()
    assert list(tmp_path.glob("*.segment")) == []


async def test_a_disk_that_cannot_sync_holds_no_receipt_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    buffer = DiskBuffer(tmp_path, 1000)
    monkeypatch.setattr(buffer, "sync", fail)
    given: list[Waiting] = []
    queue, held = DiskQueue(buffer, given.append), Held()
    queue.start()
    queue.put(b"12345", "a1", held.receipt)
    held.receipt.release()
    async with asyncio.timeout(30):
        await held.delivered.wait()
    assert "may not survive a crash of the machine: [Errno 5]" in caplog.text
    assert len(given) == 1
    await queue.stop()


async def test_a_full_or_failing_disk_refuses_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Waiting] = []
    buffer, held = DiskBuffer(tmp_path, 10), Held()
    queue = DiskQueue(buffer, given.append)
    queue.start()
    assert queue.put(b"12345", "a1", held.receipt) is None
    reason = queue.put(b"12345", "a2", held.receipt)
    assert reason is not None
    assert "storage.total_limit_size" in reason
    monkeypatch.setattr(DiskBuffer, "is_full", False)

    def fail(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(buffer, "append", fail)
    reason = queue.put(b"12345", "a3", held.receipt)
    assert reason == "the disk buffer cannot be written: [Errno 28] No space left on device"
    await queue.stop()
    assert len(given) == 1


async def test_what_cannot_be_noted_as_posted_is_there_again_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stored: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    given: list[Waiting] = []
    buffer, held = DiskBuffer(tmp_path, 1000), Held()
    queue = DiskQueue(buffer, given.append)
    queue.start()
    queue.put(b"12345", "a1", held.receipt)
    held.receipt.release()
    async with asyncio.timeout(30):
        await held.delivered.wait()
    monkeypatch.setattr(buffer, "delivered", fail)
    given[0].done()
    await queue.stop()
    again = DiskQueue(DiskBuffer(tmp_path, 1000), given.append)
    assert again.start() == 1
    await again.stop()
