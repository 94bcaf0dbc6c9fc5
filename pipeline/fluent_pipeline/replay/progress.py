"""How far the reading of recordings is, for a person who watches."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TextIO, cast

from tqdm import tqdm

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.recordings import Readable
from fluent_pipeline.replay.places import STDIN
from fluent_pipeline.replay.unpacking import unpacked


class Progress:
    """A bar over all ``files``, where the standard error is a terminal.

    It shows the bytes that are read, packed as they are in the files, their rate, the time that is
    left, and how many ``records`` a second that is. Where the size of a file is not known, as that
    of the standard input, it shows no share and no time left.
    """

    def __init__(self, files: Sequence[str], records: Callable[[], int]) -> None:
        self._numbers = {file: number for number, file in enumerate(files, start=1)}
        self._records = records
        self._began = time.monotonic()
        self._bar: tqdm[NoReturn] = tqdm(
            total=_size_of(files), unit="B", unit_scale=True, leave=False, disable=None
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    @contextmanager
    def opened(self, name: str) -> Iterator[Readable]:
        """One of the files as a stream of bytes, unpacked.

        Raises FluentPipelineError where it cannot be opened or unpacked, as its reading does
        where that fails.
        """
        with ExitStack() as stack:
            with _told_of(name):
                opened = (
                    sys.stdin.buffer if name == STDIN else stack.enter_context(open(name, "rb"))
                )
            count = f" ({self._numbers[name]} of {len(self._numbers)})"
            shown = Path(name).name + (count if len(self._numbers) > 1 else "")
            self._bar.set_description_str(shown, refresh=False)
            yield unpacked(_Watched(name, cast(io.BufferedReader, opened), self._read), name)

    def _read(self, size: int) -> None:
        seconds = time.monotonic() - self._began
        if not self._bar.disable and seconds > 0:
            rate = self._records() / seconds
            self._bar.set_postfix_str(f"{rate:,.0f} records/s", refresh=False)
        self._bar.update(size)


def say(text: str, file: TextIO) -> None:
    """Print a line at once, with the progress bar out of its way."""
    with tqdm.external_write_mode(file):
        print(text, file=file, flush=True)


class _Watched:
    """Tells what is read; gives what there is, without waiting for more."""

    def __init__(self, name: str, file: io.BufferedReader, told: Callable[[int], None]) -> None:
        self._name = name
        self._file = file
        self._told = told

    def read(self, size: int, /) -> bytes:
        with _told_of(self._name):
            data = self._file.read1(size)
        self._told(len(data))
        return data


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Errors of the input as FluentPipelineError: the output has OSErrors of its own."""
    try:
        yield
    except OSError as error:
        raise FluentPipelineError(f"{name}: {error.strerror}") from error


def _size_of(files: Sequence[str]) -> int | None:
    """The bytes of all files; None where one is no regular file. Missing ones have none."""
    total = 0
    for file in files:
        if file == STDIN:
            return None
        try:
            found = os.stat(file)
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            return None
        total += found.st_size
    return total
