from __future__ import annotations

from typing import Any

import pytest

from fluent_eql.api import Outcome
from fluent_eql.event import Event, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_pipeline.replay.player import BATCH, Player
from support.events import SECOND, Scene


def spans(records: list[dict[str, Any]], *, window: int | None) -> list[int]:
    """The spans of the alerts that records give."""
    outcomes: list[Outcome] = []
    detector = EqlFilter.create(EqlOptions(reorder_window=window))
    player = Player(detector, outcomes.append, timed=window is not None)
    for record in records:
        player.play(Event("t", 0, encode_value(record)))
    player.finish()
    return [alert["sequence"]["span_ns"] for outcome in outcomes for alert in outcome.alerts]


@pytest.mark.parametrize("window", [None, 0, 2 * SECOND])
def test_alerts_are_found_with_and_without_a_window(window: int | None) -> None:
    scene = Scene()
    assert spans([scene.network(0), {"n": 1}, scene.file(SECOND)], window=window) == [SECOND]


def test_without_a_window_any_order_gives_the_same() -> None:
    scene = Scene()
    far = [scene.network(1000 * SECOND, pid=9)]
    assert spans([scene.file(SECOND), *far, scene.network(0)], window=None) == [SECOND]


def test_events_are_screened_in_batches_and_none_is_passed_over() -> None:
    scene = Scene()
    records = [{"n": number} for number in range(BATCH - 1)]
    records += [scene.network(0), scene.file(SECOND)]
    assert spans(records, window=None) == [SECOND]


def test_the_pace_is_that_of_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    detector = EqlFilter.create(EqlOptions(reorder_window=0))
    player = Player(detector, lambda outcome: None, timed=True, speed=4)
    scene = Scene()
    for record in (scene.network(0), scene.file(2 * SECOND)):
        player.play(Event("t", 0, encode_value(record)))
    assert slept == [0, 0.5]
