"""Lines appended to files, and files begun anew once they are large or old enough."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is begun anew, and how many before it are kept.

    ``size`` is the bytes that a file may reach, ``span`` the nanoseconds of the periods, counted
    from the epoch, of each of which the lines are in files of their own. ``keep`` is at least 1.
    """

    size: int | None = None
    span: int | None = None
    keep: int = 5

    def is_due(self, size: int, written: int, more: int, now: int) -> bool:
        """Whether a file of ``size`` bytes, last written at ``written``, is to take no more.

        ``more`` are the bytes that are to be written at ``now``; times are nanoseconds since the
        epoch.
        """
        if size == 0:
            return False
        if self.size is not None and size + more > self.size:
            return True
        return self.span is not None and now // self.span > written // self.span


NEVER = Rotation()
WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What a lock fails with where the file system has none."""


class AppendToFile:
    """Appends to ``folder/name``, or to a file named after the tag where ``name`` is None.

    The file is opened for each write, and so found under its name again after someone has renamed
    or removed it. What is written together stays together, also where several processes write:
    each has the file to itself meanwhile. What cannot be written whole is taken back.
    """

    def __init__(
        self,
        folder: Path,
        name: str | None,
        rotation: Rotation = NEVER,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folder = folder
        self._name = name
        self._rotation = rotation
        self._clock = clock

    def __call__(self, tag: str, lines: bytes) -> None:
        if not lines:
            return
        path = self._folder / (self._name or _file_name(tag))
        self._folder.mkdir(parents=True, exist_ok=True)
        is_written = False
        while not is_written:
            is_written = self._write_or_move(path, lines)

    def _write_or_move(self, path: Path, lines: bytes) -> bool:
        """Whether the lines are written; else the file was moved, and a new one is to be begun."""
        with _of_ones_own(path) as descriptor:
            found = os.fstat(descriptor)
            due = self._rotation.is_due(found.st_size, found.st_mtime_ns, len(lines), self._clock())
            if due:
                _move(path, self._rotation.keep)
            else:
                _append(descriptor, lines)
            return not due


def _move(path: Path, keep: int) -> None:
    """Give a file the number 1, and those before it the next ones; the last one goes."""
    for number in range(keep - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            os.replace(_numbered(path, number), _numbered(path, number + 1))
    os.replace(path, _numbered(path, 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


@contextlib.contextmanager
def _of_ones_own(path: Path) -> Iterator[int]:
    """The file of this name, open for appending and locked against others that do this."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor)
            if _is_at(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock a file; one on a file system without locks stays unlocked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether it is still the file of that name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _append(descriptor: int, lines: bytes) -> None:
    """Write all or nothing. Raises OSError where it cannot be written."""
    size = os.fstat(descriptor).st_size
    rest = memoryview(lines)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _file_name(tag: str) -> str:
    name = tag.replace("/", "_").replace("\0", "_")
    return "_" if name in ("", ".", "..") else name
