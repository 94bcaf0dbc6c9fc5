"""A test of a rule, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Alerts = tuple[tuple[int, ...], ...]
"""For each alert its events, in the order of their stages, by their number in the stream."""


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event of a stream. ``time`` is in nanoseconds since the epoch."""

    id: str
    time: int
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A stream in the order of its arrival, and the alerts that it should give.

    ``line`` is where it stands in its file. ``variation`` says which of the variations of a test
    it is, empty for a test without any.
    """

    name: str
    variation: str
    line: int
    stream: tuple[SentEvent, ...]
    alerts: Alerts

    @property
    def title(self) -> str:
        """The name, and the variation in brackets."""
        return f"{self.name} ({self.variation})" if self.variation else self.name
