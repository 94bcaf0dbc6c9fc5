"""Where the alerts of a webhook wait: in memory, or on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from fluent_pipeline.buffer.disk import DiskBuffer, Stored
from fluent_pipeline.receipt import Receipt

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Something that waits to be posted.

    ``name`` is what the log calls it. ``load`` gives its bytes, None where they are damaged, and
    raises OSError where they cannot be read now. ``done`` is called once it need not wait longer.
    """

    name: str
    load: Callable[[], bytes | None]
    done: Callable[[], None]


class HookQueue(Protocol):
    """Takes what is to wait, and gives it on once it waits safely."""

    survives: bool
    """Whether it is there again after a restart."""

    @property
    def pending(self) -> int:
        """How many have been taken and not been given on yet."""

    def start(self) -> int:
        """Begin, and give on what an earlier process left; how many that were."""

    def put(self, data: bytes, name: str, receipt: Receipt) -> str | None:
        """Take something; why it is not taken, None where it is.

        A receipt that has to wait for this is held, and released once it does not any more.
        """

    async def stop(self) -> None:
        """Let go of what is held open."""


class MemoryQueue:
    """Waits in memory, ``limit`` bytes at most. Receipts do not wait for it."""

    survives = False
    pending = 0

    def __init__(self, limit: int, give_on: Callable[[Waiting], None]) -> None:
        self._limit = limit
        self._give_on = give_on
        self._used = 0

    def start(self) -> int:
        return 0

    def put(self, data: bytes, name: str, receipt: Receipt) -> str | None:
        if self._used + len(data) > self._limit:
            return f"{self._used} bytes wait, and storage.total_limit_size is {self._limit}"
        self._used += len(data)
        self._give_on(Waiting(name, lambda: data, partial(self._release, len(data))))
        return None

    async def stop(self) -> None:
        """Nothing is held open."""

    def _release(self, size: int) -> None:
        self._used -= size


class DiskQueue:
    """Waits in a disk buffer; receipts wait until the disk has what is made of their frame.

    What the disk does not take is refused, so that no receipt waits for a full or broken one.
    """

    survives = True

    def __init__(self, buffer: DiskBuffer, give_on: Callable[[Waiting], None]) -> None:
        self._buffer = buffer
        self._give_on = give_on
        self._written: list[tuple[Waiting, Receipt]] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        return len(self._written)

    def start(self) -> int:
        """Raises OSError where what an earlier process left cannot be read."""
        left = list(self._buffer.recover())
        for stored in left:
            self._give_on(self._made(f"number {stored.number} on disk", stored))
        self._task = asyncio.get_running_loop().create_task(self._run())
        return len(left)

    def put(self, data: bytes, name: str, receipt: Receipt) -> str | None:
        if self._buffer.is_full:
            return f"{self._buffer.size} bytes wait on disk, which is storage.total_limit_size"
        try:
            stored = self._buffer.append(data)
        except OSError as error:
            return f"the disk buffer cannot be written: {error}"
        receipt.hold()
        self._written.append((self._made(name, stored), receipt))
        self._changed.set()
        return None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._written:
            self._sync()
            self._give_on_synced(len(self._written))
        self._buffer.close()

    def _made(self, name: str, stored: Stored) -> Waiting:
        return Waiting(name, partial(self._buffer.read, stored), partial(self._forget, stored))

    def _forget(self, stored: Stored) -> None:
        """What cannot be noted as posted is posted again after a restart."""
        with contextlib.suppress(OSError):
            self._buffer.delivered(stored)

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            count = len(self._written)
            await asyncio.to_thread(self._sync)
            self._give_on_synced(count)

    def _sync(self) -> None:
        try:
            self._buffer.sync()
        except OSError as error:
            log.error("alerts on disk may not survive a crash of the machine: %s", error)

    def _give_on_synced(self, count: int) -> None:
        synced, self._written = self._written[:count], self._written[count:]
        for waiting, receipt in synced:
            self._give_on(waiting)
            receipt.release()
