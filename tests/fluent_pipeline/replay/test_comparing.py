from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.replay.comparing import compared
from fluent_pipeline.replay.found import Found


def found(*events: str | dict[str, Any], rule: str = "r", host: str = "", **fields: Any) -> Found:
    """An alert of events with these ids."""
    listed = [
        {"stage": stage, "@timestamp": "2026-01-01T00:00:00Z"}
        | ({"event.id": event} if isinstance(event, str) else event)
        for stage, event in enumerate(events)
    ]
    alert = {"id": "x", "rule": {"id": rule, "name": rule}, "events": listed, **fields}
    return Found(alert, host)


def test_alerts_are_parted_into_those_that_go_come_and_stay() -> None:
    gone, stays, comes = found("1"), found("2"), found("3")
    comparison = compared([gone, stays], [stays, comes])
    assert comparison.only_a == [gone]
    assert comparison.only_b == [comes]
    assert comparison.both == [stays]
    assert not comparison.is_equal


def test_an_alert_is_the_same_whatever_else_of_its_rule_has_changed() -> None:
    before = found("1", "2", severity="low")
    after = found({"event.id": "1", "file.path": "/x"}, "2", severity="high")
    comparison = compared([before], [after])
    assert comparison.is_equal
    assert comparison.both == [after]


def test_the_same_events_under_another_rule_are_another_alert() -> None:
    assert not compared([found("1")], [found("1", rule="other")]).is_equal


def test_without_ids_events_are_told_apart_by_time_key_and_host() -> None:
    same = found({"file.path": "/x"}, host="h")
    assert compared([same], [found({"file.path": "/y"}, host="h")]).is_equal
    assert not compared([same], [found({"file.path": "/x"}, host="i")]).is_equal
    later = {"@timestamp": "2026-01-01T00:00:01Z"}
    assert not compared([same], [found(later, host="h")]).is_equal


def test_an_alert_that_comes_more_often_is_counted() -> None:
    comparison = compared([found("1")], [found("1"), found("1")])
    assert (len(comparison.both), len(comparison.only_b)) == (1, 1)


@given(st.lists(st.sampled_from("abcde")), st.lists(st.sampled_from("abcde")))
def test_every_alert_is_in_one_part_and_changing_sides_mirrors_it(a: str, b: str) -> None:
    left, right = [found(each) for each in a], [found(each) for each in b]
    there, back = compared(left, right), compared(right, left)
    assert len(there.only_a) + len(there.both) == len(left)
    assert len(there.only_b) + len(there.both) == len(right)
    assert [len(there.only_a), len(there.only_b)] == [len(back.only_b), len(back.only_a)]
    assert compared(left, left).is_equal


def test_the_counts_of_a_rule_are_by_its_id_with_its_newest_name() -> None:
    renamed = found("2", rule="r")
    renamed.alert["rule"]["name"] = "new name"  # type: ignore[index]
    comparison = compared([found("1"), found("2")], [renamed, found("3", rule="z")])
    assert list(comparison.by_rule()) == [("new name", 1, 0, 1), ("z", 0, 1, 0)]
