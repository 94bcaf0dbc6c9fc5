"""What a filter reads of events."""

from __future__ import annotations

import pytest

from fluent_eql.detection import Observation, Observer
from fluent_eql.event import Event


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """The events that are read from now on, but for those of which only the time is."""
    reads: list[Event] = []
    observe = Observer.observe

    def observed(observer: Observer, event: Event) -> Observation:
        reads.append(event)
        return observe(observer, event)

    monkeypatch.setattr(Observer, "observe", observed)
    return reads
