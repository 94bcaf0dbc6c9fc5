"""A filter's notes on disk: what it has to know again after a restart.

Notes are appended to segments, each a record of :mod:`fluent_pipeline.buffer.records` with the
time of writing as its number. A segment goes once the last of its notes is too old to be of use.
An appended note is with the kernel and so survives the process, whatever ends it; of those of the
last seconds before a crash of the machine some may be missing.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fluent_pipeline.buffer.records import Damage, encode_record, scan, write_all

SEGMENT_SIZE = 8_000_000

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Segment:
    path: Path
    size: int
    newest: int


class Journal:
    """Notes in ``folder`` that are of use for ``lifetime`` nanoseconds; about ``limit`` bytes.

    Past the limit the oldest are let go, and that is logged. ``clock`` gives nanoseconds since
    the epoch. Every method may raise OSError; only its owner can read the files, for notes hold
    values of records.
    """

    def __init__(
        self,
        folder: Path,
        lifetime: int,
        limit: int,
        *,
        clock: Callable[[], int] = time.time_ns,
        segment_size: int = SEGMENT_SIZE,
    ) -> None:
        self._folder = folder
        self._lifetime = lifetime
        self._limit = limit
        self._clock = clock
        self._segment_size = segment_size
        self._segments: deque[_Segment] = deque()
        self._output: int | None = None
        self._lock: int | None = None

    def open(self) -> Iterator[tuple[int, bytes]]:
        """The notes of earlier processes, each with its age in nanoseconds, the oldest first.

        To be called once, before all else, and read to its end. What is damaged is passed over
        and logged. Raises BlockingIOError where another process has the folder.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in sorted(self._folder.glob("*.notes")):
            yield from self._read(path)
        self._let_go()

    def append(self, note: bytes) -> None:
        """Keep a note."""
        now = self._clock()
        if self._output is None or self._segments[-1].size >= self._segment_size:
            self._begin_segment(now)
            self._let_go()
        assert self._output is not None
        record = encode_record(now, note)
        write_all(self._output, record)
        self._segments[-1].size += len(record)
        self._segments[-1].newest = now

    def close(self) -> None:
        """Let go of the files; what was appended is on the disk then."""
        if self._output is not None:
            os.fsync(self._output)
        for descriptor in (self._output, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._output = self._lock = None

    def _read(self, path: Path) -> Iterator[tuple[int, bytes]]:
        content, now = path.read_bytes(), self._clock()
        segment = _Segment(path, len(content), 0)
        self._segments.append(segment)
        for part in scan(content):
            if isinstance(part, Damage):
                log.error(
                    "%s: %d bytes from %d on are damaged and not taken up",
                    path,
                    part.end - part.start,
                    part.start,
                )
                continue
            segment.newest = max(segment.newest, part.number)
            age = max(now - part.number, 0)
            if age <= self._lifetime:
                yield age, content[part.start : part.end]

    def _begin_segment(self, now: int) -> None:
        if self._output is not None:
            os.close(self._output)
            self._output = None
        number = max([now, *(int(segment.path.stem) + 1 for segment in self._segments)])
        path = self._folder / f"{number:020d}.notes"
        self._output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._segments.append(_Segment(path, 0, now))

    def _let_go(self) -> None:
        """Remove the segments that are too old, and the oldest while there is too much."""
        oldest_of_use = self._clock() - self._lifetime
        while self._segments and (self._output is None or len(self._segments) > 1):
            segment = self._segments[0]
            too_much = sum(segment.size for segment in self._segments) > self._limit
            if segment.newest >= oldest_of_use and not too_much:
                return
            if segment.newest >= oldest_of_use:
                log.warning("%s: let go before its time, for want of room", segment.path)
            segment.path.unlink(missing_ok=True)
            self._segments.popleft()
