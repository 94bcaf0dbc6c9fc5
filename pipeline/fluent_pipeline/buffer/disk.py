"""A queue of frames on disk that survives the process.

Segments are files named after their first record's number. A segment goes once all its records
are delivered. Which are, is noted in a file beside it, so that a restart sends few twice.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fluent_pipeline.buffer.records import HEADER, Damage, Record, encode_record, scan, write_all

SEGMENT_SIZE = 16_000_000

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Segment:
    path: Path
    size: int = 0
    waiting: set[int] = field(default_factory=set)

    @property
    def notes(self) -> Path:
        """The numbers of this segment's delivered records."""
        return self.path.with_suffix(".done")


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A frame on disk."""

    number: int
    segment: _Segment
    start: int
    end: int


class DiskBuffer:
    """Frames in ``folder``, at most about ``limit`` bytes of them.

    :meth:`recover` opens it and reads what an earlier process left. A torn tail is cut off, what
    is damaged is moved into ``folder/damaged``, and both are logged. Every method may raise
    OSError.
    """

    def __init__(self, folder: Path, limit: int, segment_size: int = SEGMENT_SIZE) -> None:
        self._folder = folder
        self._limit = limit
        self._segment_size = segment_size
        self._segments: list[_Segment] = []
        self._next_number = 0
        self._output: int | None = None
        self._lock: int | None = None
        self.size = 0
        self.damaged = 0
        self._wants_room = False

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be appended for now."""
        return self.size >= self._limit

    def recover(self) -> Iterator[Stored]:
        """The frames that an earlier process left undelivered, in their order.

        To be called once, before all else. Raises BlockingIOError where another process has the
        folder.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in sorted(self._folder.glob("*.segment")):
            yield from self._read_segment(path)

    def append(self, data: bytes) -> Stored:
        """Put a frame at the end. It survives this process now, and a crash once synced.

        Where it cannot be written, nothing of it stays.
        """
        if self._output is not None and self._wants_room and not self._segments[-1].waiting:
            self._let_go_of_open()
        if self._output is None or self._segments[-1].size >= self._segment_size:
            self._begin_segment()
        segment, number = self._segments[-1], self._next_number
        record = encode_record(number, data)
        assert self._output is not None
        try:
            write_all(self._output, record)
        except OSError:
            os.ftruncate(self._output, segment.size)
            self._wants_room = True
            raise
        stored = Stored(number, segment, segment.size + HEADER.size, segment.size + len(record))
        self._next_number += 1
        segment.size += len(record)
        segment.waiting.add(number)
        self.size += len(record)
        return stored

    def sync(self) -> None:
        """Return when all that was appended is on the disk. May be called in another thread."""
        if self._output is not None:
            os.fsync(self._output)

    def read(self, stored: Stored) -> bytes | None:
        """A frame's data; None where it was damaged since, which is dealt with as at a start."""
        start = stored.start - HEADER.size
        with open(stored.segment.path, "rb") as file:
            file.seek(start)
            content = file.read(stored.end - start)
        data = content[HEADER.size :]
        if len(content) == stored.end - start and encode_record(stored.number, data) == content:
            return data
        self._set_aside(stored.segment.path, content, Damage(start, stored.end, is_tail=False))
        return None

    def delivered(self, stored: Stored) -> None:
        """A frame is not needed any more."""
        segment = stored.segment
        segment.waiting.discard(stored.number)
        is_open = self._output is not None and segment is self._segments[-1]
        if not segment.waiting and is_open and (self.is_full or self._wants_room):
            self._let_go_of_open()
            return
        if not segment.waiting and not is_open:
            self._remove(segment)
            return
        with open(segment.notes, "ab") as notes:
            notes.write(encode_record(stored.number, b""))

    def close(self) -> None:
        """Let go of the files; segments without a waiting frame go."""
        for segment in list(self._segments):
            if not segment.waiting:
                self._remove(segment)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the files and leave them as they are."""
        for descriptor in (self._output, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._output = self._lock = None

    def _begin_segment(self) -> None:
        if self._output is not None:
            os.fsync(self._output)
            os.close(self._output)
            self._output = None
            last = self._segments[-1]
            if not last.waiting:
                self._remove(last)
        path = self._folder / f"{self._next_number:020d}.segment"
        self._output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._segments.append(_Segment(path))
        _sync_folder(self._folder)

    def _let_go_of_open(self) -> None:
        """Remove the open segment, of which nothing waits, for the room that it takes."""
        assert self._output is not None
        os.close(self._output)
        self._output = None
        self._wants_room = False
        self._remove(self._segments[-1])

    def _remove(self, segment: _Segment) -> None:
        if segment not in self._segments:
            return
        self._segments.remove(segment)
        self.size -= segment.size
        segment.path.unlink(missing_ok=True)
        segment.notes.unlink(missing_ok=True)

    def _read_segment(self, path: Path) -> Iterator[Stored]:
        content = path.read_bytes()
        segment = _Segment(path, len(content))
        done = _numbers(segment.notes)
        found: list[Record] = []
        for part in scan(content):
            if isinstance(part, Damage):
                self._set_aside(path, content[part.start : part.end], part)
            else:
                found.append(part)
        self._next_number = max([self._next_number, *(part.number + 1 for part in found)])
        waiting = [part for part in found if part.number not in done]
        segment.waiting = {part.number for part in waiting}
        self._segments.append(segment)
        self.size += segment.size
        if not waiting:
            self._remove(segment)
        for part in waiting:
            yield Stored(part.number, segment, part.start, part.end)

    def _set_aside(self, path: Path, data: bytes, damage: Damage) -> None:
        self.damaged += 1
        place = self._folder / "damaged" / f"{path.stem}-{damage.start}"
        kept = str(place)
        try:
            place.parent.mkdir(exist_ok=True, mode=0o700)
            place.write_bytes(data)
        except OSError as error:
            kept = f"nothing, for {error}"
        what = "its torn end" if damage.is_tail else "a damaged record"
        log.error(
            "%s: %s, %d bytes from %d on, is not sent; kept in %s",
            path,
            what,
            damage.end - damage.start,
            damage.start,
            kept,
        )


def _numbers(path: Path) -> set[int]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return set()
    return {part.number for part in scan(content) if isinstance(part, Record)}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
