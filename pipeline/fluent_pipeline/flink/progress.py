"""How far a job is, for a person who watches."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink.rest import records_read
from fluent_pipeline.replay.unpacking import unpacked

INTERVAL = 0.5
READ_SIZE = 1 << 20


@contextmanager
def watch_job(files: Iterable[Path], address: str, job: str, resumed: bool) -> Iterator[None]:
    """A bar while a job runs, where the standard error is a terminal.

    It shows the records that have been read, their rate and the time that is left. ``address`` is
    that of the REST API. The records of the ``files`` are counted meanwhile, but not for a job
    that has ``resumed``: it does not tell how many it had read before.
    """
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    bar: tqdm[NoReturn] = tqdm(unit=" records", unit_scale=True, leave=False)
    with bar:
        threads = [threading.Thread(target=_follow, args=(bar, address, job, done))]
        if not resumed:
            threads.append(threading.Thread(target=_count, args=(bar, files, done)))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join()


def _follow(bar: tqdm[NoReturn], address: str, job: str, done: threading.Event) -> None:
    while not done.wait(INTERVAL):
        read = records_read(address, job)
        if read is not None:
            bar.update(read - bar.n)


def _count(bar: tqdm[NoReturn], files: Iterable[Path], done: threading.Event) -> None:
    total = 0
    for file in files:
        for number in _lines_in(file):
            if done.is_set():
                return
            total += number
    bar.total = total


def _lines_in(path: Path) -> Iterator[int]:
    """How many lines end in each part of a file, packed or not; none more where it is corrupt."""
    try:
        with path.open("rb") as file:
            lines = unpacked(file, str(path))
            while data := lines.read(READ_SIZE):
                yield data.count(b"\n")
    except (OSError, FluentPipelineError):
        return
