"""The recordings that arguments name: files, folders and patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STDIN = "-"
NUMBERS = re.compile(r"([0-9]+)")


@dataclass(slots=True)
class Recordings:
    """``files`` in the order to read them, and ``problems``: what is told of the others."""

    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    """Files that were named more than once; they are read once."""


def recordings_at(names: Iterable[str]) -> Recordings:
    """What the arguments name, in their order.

    ``-`` is the standard input. A folder stands for all files in it and below, hidden ones aside;
    what is no file but a pattern of the shell's, ``**`` included, for those that fit it. Both are
    in the order of their names, numbers in them by their values. A file that is not there is
    among the files: opening it tells why.
    """
    found = Recordings()
    seen: set[str] = set()
    for name in names:
        files = list(_files_of(name))
        if not files:
            what = "holds no file" if Path(name).is_dir() else "fits no file"
            found.problems.append(f"{name}: {what}")
        for file in files:
            real = file if file == STDIN else os.path.realpath(file)
            if real not in seen:
                found.files.append(file)
            elif file not in found.repeated:
                found.repeated.append(file)
            seen.add(real)
    return found


def _files_of(name: str) -> Iterator[str]:
    path = Path(name)
    if name != STDIN and path.is_dir():
        yield from _files_below(path)
    elif name != STDIN and not os.path.lexists(name) and glob.has_magic(name):
        for fitting in sorted(glob.glob(name, recursive=True), key=_in_order):
            if not os.path.isdir(fitting):
                yield fitting
    else:
        yield name


def _files_below(folder: Path) -> Iterator[str]:
    found: list[str] = []
    for where, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        found += [os.path.join(where, file) for file in files if not file.startswith(".")]
    yield from sorted(found, key=_in_order)


def _in_order(name: str) -> list[str | int]:
    """The parts of a name that are compared: text, number, text and so on."""
    return [int(part) if number % 2 else part for number, part in enumerate(NUMBERS.split(name))]
