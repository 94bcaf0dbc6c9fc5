"""The stdout and file outputs: one JSON object a record, one record a line."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator

from fluent_eql.api import Metric
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.ndjson import records_of, to_line
from fluent_pipeline.net.backoff import Backoff
from fluent_pipeline.net.output import QueuedOutput
from fluent_pipeline.protocol.limits import Limits

log = logging.getLogger(__name__)

Write = Callable[[str, bytes], None]
"""Write the lines of one tag; called in a thread of its own. Raises OSError."""


def write_to_stdout(tag: str, lines: bytes) -> None:
    """Write to the standard output."""
    written = 0
    while written < len(lines):
        written += os.write(sys.stdout.fileno(), lines[written:])


class LineOutput(QueuedOutput[Outgoing]):
    """Writes the records of frames as lines, in a thread, so that a slow reader stops nobody.

    A frame is delivered when its lines have been written. Frames that are not logs have no
    lines. While writing fails the frames wait and the write is tried again.
    """

    def __init__(self, name: str, matches: Callable[[str], bool], write: Write) -> None:
        super().__init__(name, matches)
        self._write = write
        self._limits = Limits()
        self._backoff = Backoff(0.2, 10)
        self._records = 0

    def send(self, outgoing: Outgoing) -> None:
        self._put(outgoing)

    def metrics(self) -> Iterator[Metric]:
        labels = (("name", self.name),)
        yield Metric(
            "fluent_eql_output_records_total", "Records written", "counter", self._records, labels
        )
        yield from super().metrics()

    async def _run(self) -> None:
        while True:
            await self._filled()
            outgoing = self._queue[0]
            lines = self._lines(outgoing)
            try:
                await asyncio.to_thread(self._write, outgoing.frame.tag, b"".join(lines))
            except OSError as error:
                await self._wait(str(error))
                continue
            self._trouble = None
            self._backoff.reset()
            self._records += len(lines)
            self._queue.popleft()
            outgoing.receipt.release()
            self._settle()

    async def _wait(self, reason: str) -> None:
        wait = self._backoff.next()
        self._trouble = reason
        log.warning("%s: %s; trying again in %.1f s", self.name, reason, wait)
        await asyncio.sleep(wait)

    def _lines(self, outgoing: Outgoing) -> list[bytes]:
        lines = []
        for event in records_of(outgoing.frame, self._limits):
            try:
                lines.append(to_line(event.record))
            except ValueError as error:
                log.warning("%s: %s: a record is left out: %s", self.name, event.tag, error)
        return lines
