"""What filters remember over a restart: a journal for each filter that writes notes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from fluent_eql.api import Stateful
from fluent_pipeline.buffer.journal import Journal
from fluent_pipeline.engine import Stage
from fluent_pipeline.place import ALONE, Place

log = logging.getLogger(__name__)


class Journals:
    """The journals of the stages whose filters are stateful, each in a folder of its name.

    ``limit`` is that of a journal, in bytes. ``trouble`` says why notes cannot be kept now. The
    first worker also reads what more workers than there are now have left.
    """

    def __init__(
        self, stages: Iterable[Stage], folder: Path, limit: int, place: Place = ALONE
    ) -> None:
        self.trouble: str | None = None
        self._filters = {
            stage.name: stage.filter
            for stage in stages
            if isinstance(stage.filter, Stateful) and stage.filter.memory
        }
        self._journals = {
            name: Journal(folder / place.named(name), filter.memory, limit)
            for name, filter in self._filters.items()
        }
        self._left = {
            name: [Journal(path, filter.memory, limit) for path in place.others(folder / name)]
            for name, filter in self._filters.items()
        }

    def open(self) -> None:
        """Let the filters recall what was noted. Raises OSError where a folder cannot be used."""
        for name, journal in self._journals.items():
            try:
                notes = list(journal.open())
                for left in self._left[name]:
                    notes += left.open()
                    left.close()
            except BlockingIOError as error:
                raise BlockingIOError(f"{name}: another process keeps its notes there") from error
            notes.sort(key=lambda note: -note[0])
            for line in self._filters[name].recall(notes, time.monotonic_ns()):
                log.warning("%s: %s", name, line)
            if notes:
                log.info("%s: %d noted events are known again", name, len(notes))

    def append(self, name: str, note: bytes) -> None:
        """Keep a note of a stage's filter; where that fails, it is told and the stream goes on."""
        journal = self._journals.get(name)
        if journal is None:
            return
        try:
            journal.append(note)
        except OSError as error:
            if self.trouble is None:
                log.error("%s: what it remembers cannot be kept: %s", name, error)
            self.trouble = f"{name}: what it remembers cannot be kept: {error}"
        else:
            self.trouble = None

    def close(self) -> None:
        """What was kept is on the disk then."""
        for name, journal in self._journals.items():
            try:
                journal.close()
            except OSError as error:
                log.error("%s: its journal may be incomplete: %s", name, error)
