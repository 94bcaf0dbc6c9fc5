from __future__ import annotations

from typing import Any

import pytest

from fluent_eql.event import Event, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_pipeline.replay.found import Found, found_in
from support.events import MISSING, SECOND, Scene


def found(*records: dict[str, Any], window: int = 0, **fields: Any) -> list[Found]:
    detector = EqlFilter.create(EqlOptions(reorder_window=window))
    events = [Event("t", 0, encode_value(record)) for record in records]
    outcomes = [detector.process([event], 0) for event in events]
    return [each for outcome in outcomes for each in found_in(outcome, None)]


def test_an_alert_has_the_name_of_its_records_host() -> None:
    scene = Scene()
    (each,) = found(scene.network(0), scene.file(SECOND))
    assert each.host == scene.host.name
    assert each.alert["sequence"]["span_ns"] == SECOND


def test_without_a_name_the_host_is_its_id() -> None:
    scene = Scene()
    (each,) = found(
        scene.network(0), scene.file(SECOND, host__name=MISSING, host__hostname=MISSING)
    )
    assert each.host == each.alert["sequence"]["by"]["host.id"]


def test_a_late_alert_has_a_host_too() -> None:
    scene = Scene()
    (each,) = found(scene.file(SECOND), scene.network(0))
    assert (each.alert["late"], each.host) == (True, scene.host.name)


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [("1970-01-01T00:00:01Z", SECOND), ("1970-01-01T01:00:01+01:00", SECOND), ("never", None)],
)
def test_the_time_of_an_alert_is_that_of_its_last_event(timestamp: str, time: int | None) -> None:
    events = [{"stage": 0, "@timestamp": "2026-01-01"}, {"stage": 1, "@timestamp": timestamp}]
    assert Found({"id": "a", "sequence": {"events": events}}).time == time
    assert Found({"id": "a", "events": events[1:]}).time == time
