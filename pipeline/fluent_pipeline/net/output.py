"""What all outputs share: a queue of frames, a task that empties it, a stop that waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from fluent_eql.api import Metric
from fluent_pipeline.engine import Outgoing

log = logging.getLogger(__name__)


Entry = TypeVar("Entry")


class QueuedOutput(ABC, Generic[Entry]):
    """An output with a queue; see :class:`fluent_pipeline.net.router.Output` for the contract.

    A subclass puts an entry for each frame that it is sent into the queue with :meth:`_put`, takes
    them from ``_queue`` in :meth:`_run`, waits for :meth:`_filled` while there are none, releases
    the receipt of each frame that is delivered, and then calls :meth:`_settle`.
    """

    def __init__(
        self, name: str, matches: Callable[[str], bool], *, trouble: str | None = None
    ) -> None:
        self.name = name
        self.matches = matches
        self._queue: deque[Entry] = deque()
        self._trouble = trouble
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        return len(self._queue)

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    @abstractmethod
    def send(self, outgoing: Outgoing) -> None:
        """Take a frame."""

    async def stop(self, grace: float) -> None:
        self._stopping = True
        self._settle()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), grace)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.pending:
            self._tell_what_is_left(self.pending)

    def _tell_what_is_left(self, count: int) -> None:
        log.warning(
            "%s: stopped with %d frames undelivered; their senders were not acknowledged",
            self.name,
            count,
        )

    def metrics(self) -> Iterator[Metric]:
        labels = (("name", self.name),)
        up = self.trouble is None
        yield Metric("fluent_eql_output_up", "Whether the target is reachable", "gauge", up, labels)
        yield Metric(
            "fluent_eql_output_pending_frames", "Undelivered frames", "gauge", self.pending, labels
        )

    @abstractmethod
    async def _run(self) -> None:
        """Deliver for ever."""

    def _put(self, entry: Entry) -> None:
        self._queue.append(entry)
        self._queued.set()

    async def _filled(self) -> None:
        """Wait until the queue holds a frame."""
        while not self._queue:
            self._queued.clear()
            await self._queued.wait()

    def _settle(self) -> None:
        """Let a stop go on where nothing is pending any more."""
        if self._stopping and not self.pending:
            self._idle.set()
