"""Frames through the disk on their way to an output: acknowledged once they are durable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fluent_pipeline.buffer.disk import DiskBuffer, Stored
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.receipt import Receipt

RETRY_WAIT = 1.0
"""How long, in seconds, after a write to the disk has failed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """A frame that waits in memory; delivering it completes its receipt."""

    outgoing: Outgoing

    def load(self) -> Frame | None:
        return self.outgoing.frame

    def done(self) -> None:
        self.outgoing.receipt.release()


@dataclass(frozen=True, slots=True, eq=False)
class OnDisk:
    """A frame that waits on disk; delivering it lets the disk forget it."""

    queue: DurableQueue
    stored: Stored

    def load(self) -> Frame | None:
        """None where it has been damaged. Raises OSError where the disk does not give it back."""
        data = self.queue.buffer.read(self.stored)
        return None if data is None else frame_of(data)

    def done(self) -> None:
        self.queue.delivered(self.stored)


Item = InMemory | OnDisk


class DurableQueue:
    """Writes frames to a disk buffer, and gives them on in their order once they are durable.

    With ``sync`` a frame is durable when the disk has it, which survives a crash of the machine;
    without, when the kernel has it, which survives one of this process. Frames that are written
    while the disk is busy are synced together. While the buffer is full, or cannot be written,
    frames wait in memory with their receipts open, so that in the end clients are not read from.
    """

    def __init__(self, buffer: DiskBuffer, enqueue: Callable[[Item], None], *, sync: bool) -> None:
        self.buffer = buffer
        self.trouble: str | None = None
        self._enqueue = enqueue
        self._sync = sync
        self._waiting: deque[Outgoing] = deque()
        self._written: list[tuple[Stored, Receipt]] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """How many frames are not durable yet."""
        return len(self._waiting) + len(self._written)

    def start(self) -> int:
        """Take up what an earlier process left, and begin; how many frames that were."""
        left = [OnDisk(self, stored) for stored in self.buffer.recover()]
        for item in left:
            self._enqueue(item)
        self._task = asyncio.get_running_loop().create_task(self._run())
        return len(left)

    def put(self, outgoing: Outgoing) -> None:
        """Take a frame; its receipt is released once it is durable."""
        self._waiting.append(outgoing)
        self._changed.set()

    def delivered(self, stored: Stored) -> None:
        """The target has a frame; there may be room again."""
        with contextlib.suppress(OSError):
            self.buffer.delivered(stored)
        if self._waiting:
            self._changed.set()

    async def stop(self) -> None:
        """Stop writing; what is not durable by now is left to its senders."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.buffer.close()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                try:
                    self._write()
                finally:
                    await self._make_durable()
            except OSError as error:
                self.trouble = f"the disk buffer cannot be written: {error}"
                log.error("%s", self.trouble)
                await asyncio.sleep(RETRY_WAIT)
                self._changed.set()

    async def _make_durable(self) -> None:
        """Sync what has been written, and give it on, also where not all could be written."""
        if self._written and self._sync:
            await asyncio.to_thread(self.buffer.sync)
        self._give_on()

    def _write(self) -> None:
        while self._waiting and not self.buffer.is_full:
            stored = self.buffer.append(self._waiting[0].frame.raw)
            self._written.append((stored, self._waiting.popleft().receipt))
        self.trouble = "the disk buffer is full" if self._waiting else None

    def _give_on(self) -> None:
        written, self._written = self._written, []
        for stored, receipt in written:
            self._enqueue(OnDisk(self, stored))
            receipt.release()
