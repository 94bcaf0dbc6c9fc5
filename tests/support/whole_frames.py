"""The EQL filter given whole frames, and how it takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fluent_eql import needle_patterns, running, screen, sieve, suspects
from fluent_eql.api import Batch
from fluent_eql.columns import Row
from fluent_eql.filed import FiledBatch
from fluent_eql.followers import Follower
from fluent_eql.frame_intake import FrameIntake
from fluent_eql.held import Held
from fluent_eql.needle_patterns import Pattern
from fluent_eql.screen import Screen
from support.events import Record
from support.sequences import happened


@dataclass(slots=True)
class Taken:
    """What has been taken, in numbers: frames as a whole, and of their records those looked at.

    Of these ``rows`` were read as rows, ``alone`` as single events. ``followers`` are the records
    that were found when the first event of a sequence came after them.
    """

    frames: int = 0
    rows: int = 0
    alone: int = 0
    followers: int = 0


@contextmanager
def whole_frames(
    *, first_look: int | None = None, fewest_rules: int | None = None
) -> Iterator[Taken]:
    """In here every screen asks for every record, so filters of many rules get whole frames.

    ``first_look`` is after how many records fields are chosen anew for the first time,
    ``fewest_rules`` how many rules are many; as they are in earnest where they are not given.
    """
    taken = Taken()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Screen, "offsets", lambda self, body: None)
        if first_look is not None:
            patched.setattr(sieve, "FIRST_LOOK", first_look)
        if fewest_rules is not None:
            patched.setattr(running, "WORTH_A_SCAN", fewest_rules)
        _count(patched, taken)
        yield taken


def _count(patched: pytest.MonkeyPatch, taken: Taken) -> None:
    file, take_row, follower = FrameIntake.file, FrameIntake.take_row, FrameIntake._earlier

    def filing(self: FrameIntake, batch: Batch, now: int) -> FiledBatch | None:
        filed = file(self, batch, now)
        taken.frames += filed is not None
        return filed

    def taking(
        self: FrameIntake, filed: FiledBatch, number: int, row: Row | None, found: int
    ) -> Held | None:
        taken.alone += row is None
        taken.rows += row is not None
        return take_row(self, filed, number, row, found)

    def following(self: FrameIntake, *given: Any) -> Iterator[Follower]:
        for one in follower(self, *given):
            taken.followers += 1
            yield one

    patched.setattr(FrameIntake, "file", filing)
    patched.setattr(FrameIntake, "take_row", taking)
    patched.setattr(FrameIntake, "_earlier", following)


@contextmanager
def databases_made_once() -> Iterator[None]:
    """In here filters of the same rules share what their bytes are scanned by.

    To make that takes most of the time of making a filter.
    """
    made: dict[Any, Any] = {}

    def database_of(patterns: Sequence[Pattern], *, once: bool = False) -> Any:
        key = once, tuple((pattern.expression, pattern.caseless) for pattern in patterns)
        if key not in made:
            made[key] = needle_patterns.database_of(patterns, once=once)
        return made[key]

    with pytest.MonkeyPatch.context() as patched:
        for module in (screen, suspects):
            patched.setattr(module, "database_of", database_of)
        yield


def nested(name: str, category: str, time: int, **fields: Any) -> Record:
    """As :func:`support.sequences.happened`, with objects in the place of dotted names."""
    record: Record = {}
    for key, value in happened(name, category, time, **fields).items():
        *parents, last = key.split(".")
        inner = record
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return record
