"""The forward output: frames in the targets' format, shared out among them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from fluent_eql.api import Metric
from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.config import ForwardOutputConfig, TargetNode
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.net.durable import DurableQueue, InMemory, Item
from fluent_pipeline.net.feed import Feed, Share
from fluent_pipeline.net.output import QueuedOutput
from fluent_pipeline.net.serving import UNLIMITED
from fluent_pipeline.net.target import Target
from fluent_pipeline.net.tls import Renewing
from fluent_pipeline.protocol.adapt import TargetFormat, adapt

log = logging.getLogger(__name__)


class ForwardOutput(QueuedOutput[Item]):
    """One or more targets of the forward protocol, over one connection each that is kept open.

    A frame is delivered when a target has acknowledged its chunk; without
    ``require_ack_response``, or where the frame has no chunk, when it has been handed to the
    kernel. What a broken connection leaves undelivered is sent again, to whichever target is up,
    so it may arrive twice. With a disk ``buffer`` senders are acknowledged once a frame is
    durable there.
    """

    def __init__(
        self,
        config: ForwardOutputConfig,
        nodes: Iterable[TargetNode],
        name: str,
        matches: Callable[[str], bool],
        buffer: DiskBuffer | None = None,
    ) -> None:
        super().__init__(name, matches)
        self._targets = [
            Target(
                node.options,
                f"{name}/{node.name}" if node.name else name,
                Share(node.weight, node.standby),
                self._delivered,
            )
            for node in nodes
        ]
        self._feed = Feed(self._queue)
        for target in self._targets:
            self._feed.join(target)
        self._format = TargetFormat(
            entry_format="keep" if config.entry_format == "auto" else config.entry_format,
            compress=config.compress,
            limit=config.chunk_limit_size,
        )
        self._durable = (
            DurableQueue(buffer, self._put, sync=config.storage_sync == "full") if buffer else None
        )
        self._frames = 0
        self._bytes = 0

    @property
    def certificates(self) -> list[Renewing]:
        """What can be renewed."""
        return [target.tls for target in self._targets if target.tls is not None]

    @property
    def pending(self) -> int:
        on_its_way = self._durable.pending if self._durable else 0
        return on_its_way + len(self._queue) + sum(target.in_flight for target in self._targets)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be delivered: no target is up, the disk cannot take more."""
        troubles = [target.trouble for target in self._targets]
        if None in troubles:
            troubles.clear()
        if self._durable is not None:
            troubles.append(self._durable.trouble)
        return "; ".join(trouble for trouble in troubles if trouble is not None) or None

    def start(self) -> None:
        """Raises OSError where what an earlier process left on disk cannot be read."""
        if self._durable is not None and (left := self._durable.start()):
            log.info("%s: %d frames of an earlier run are sent first", self.name, left)
        super().start()

    async def stop(self, grace: float) -> None:
        await super().stop(grace)
        if self._durable is not None:
            await self._durable.stop()

    def send(self, outgoing: Outgoing) -> None:
        """Take a frame, in as many parts as the targets' format makes of it."""
        for part in adapt(outgoing.frame, outgoing.payload_size, self._format, UNLIMITED):
            outgoing.receipt.hold()
            made = Outgoing(part, outgoing.receipt)
            if self._durable is None:
                self._put(InMemory(made))
            else:
                self._durable.put(made)
        outgoing.receipt.release()

    def metrics(self) -> Iterator[Metric]:
        labels = (("name", self.name),)
        retries = sum(target.retries for target in self._targets)
        for name, help, value in (
            ("fluent_eql_output_frames_total", "Frames delivered", self._frames),
            ("fluent_eql_output_bytes_total", "Bytes of the frames delivered", self._bytes),
            ("fluent_eql_output_retries_total", "Frames sent again", retries),
        ):
            yield Metric(name, help, "counter", value, labels)
        for target in self._targets:
            yield Metric(
                "fluent_eql_target_up",
                "Whether one of the output's targets is reachable",
                "gauge",
                target.trouble is None,
                (*labels, ("target", target.address)),
            )
        yield from super().metrics()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as targets:
            for target in self._targets:
                targets.create_task(target.run(self._feed))

    def _put(self, entry: Item) -> None:
        super()._put(entry)
        self._feed.wake()

    def _delivered(self, size: int) -> None:
        self._frames += 1
        self._bytes += size
        self._settle()

    def _tell_what_is_left(self, count: int) -> None:
        if self._durable is None or self._durable.pending:
            super()._tell_what_is_left(count)
        else:
            log.info("%s: %d frames stay on disk for the next start", self.name, count)
