"""Which of several workers a process is, and the names of what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """The worker ``number`` of ``count``, from 0 on.

    The first has the names that a relay without workers has.
    """

    number: int
    count: int

    def named(self, name: str) -> str:
        """The name of a folder of this worker's own."""
        return f"{name}.{self.number}" if self.number else name

    def others(self, first: Path) -> Iterator[Path]:
        """The folders beside the first worker's that belonged to more workers than there are now.

        Only the first worker looks.
        """
        if self.number:
            return
        for path in sorted(first.parent.glob(first.name + ".*")):
            number = path.name.removeprefix(first.name + ".")
            if number.isascii() and number.isdigit() and int(number) >= self.count:
                yield path


ALONE = Place(0, 1)
