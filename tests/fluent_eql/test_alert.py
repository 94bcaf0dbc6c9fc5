"""Alert objects and their ids."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from fluent_eql.alert import Alert, summary
from support.rules import rule

RULE = rule("any where true", name="A rule", severity="high", risk_score=73)
OTHER = rule("any where true", name="Another")


def event(event_id: str | None, **fields: Any) -> dict[str, Any]:
    return summary(0, "2026-11-24T00:00:00Z", (event_id,) if event_id else (), fields)


def sequence(by: Mapping[str, Any], *events: Mapping[str, Any], **parts: Any) -> Alert:
    return Alert(parts.pop("of", RULE), by, parts.pop("span", 5), events, **parts)


def test_a_sequence_says_its_keys_its_span_and_its_events() -> None:
    first, second = event("e1"), event("e2")
    alert = sequence({"host.id": "h"}, first, second)
    assert alert.to_dict() == {
        "id": alert.id,
        "rule": {"id": RULE.id, "name": "A rule"},
        "severity": "high",
        "risk_score": 73,
        "sequence": {"by": {"host.id": "h"}, "span_ns": 5, "events": [first, second]},
    }


def test_a_single_event_has_no_sequence() -> None:
    alert = Alert(RULE, None, None, (event("e1"),))
    assert alert.to_dict()["events"] == [event("e1")]
    assert "sequence" not in alert.to_dict()


def test_a_sequence_without_keys_is_still_a_sequence() -> None:
    assert sequence({}, event("e1"), event("e2")).to_dict()["sequence"]["by"] == {}


def test_only_a_late_alert_says_so() -> None:
    assert "late" not in sequence({}, event("e1")).to_dict()
    assert sequence({}, event("e1"), late=True).to_dict()["late"] is True


def test_the_id_is_made_of_32_hex_digits() -> None:
    name = sequence({"k": "a"}, event("e1")).id
    assert len(name) == 32
    assert set(name) <= set("0123456789abcdef")


def test_the_id_never_changes_between_versions() -> None:
    told = Alert(RULE, {"k": "a"}, 5, (event("e1"), event("e2")))
    assert told.id == "786972ee1b5834ef5c90069dcadf8f7c"


def test_the_same_rule_and_events_have_the_same_id_whatever_else_is_said() -> None:
    plain = sequence({"k": "a"}, event("e1"), event("e2"))
    for other in (
        sequence({"k": "a"}, event("e1"), event("e2"), late=True),
        sequence({"k": "a"}, event("e1", x=(1,)), event("e2"), span=6),
    ):
        assert other.id == plain.id


def test_another_rule_event_or_key_is_another_id() -> None:
    alerts = [
        sequence({"k": "a"}, event("e1"), event("e2")),
        sequence({"k": "a"}, event("e2"), event("e1")),
        sequence({"k": "a"}, event("e1"), event("e3")),
        sequence({"k": "a"}, event("e1e2")),
        sequence({"k": "b"}, event("e1"), event("e2")),
        sequence({"k": 1}, event("e1"), event("e2")),
        sequence({"k": "1"}, event("e1"), event("e2")),
        sequence({"k": True}, event("e1"), event("e2")),
        sequence({"k": None}, event("e1"), event("e2")),
        sequence({"j": "a"}, event("e1"), event("e2")),
        sequence({"k": "a"}, event("e1"), event("e2"), of=OTHER),
        Alert(RULE, None, None, (event("e1"), event("e2"))),
    ]
    assert len({alert.id for alert in alerts}) == len(alerts)


def test_events_without_an_id_are_told_apart_by_what_is_known_of_them() -> None:
    one, other = sequence({}, event(None, x=(1,))), sequence({}, event(None, x=(2,)))
    assert one.id != other.id
    assert one.id == sequence({}, event(None, x=(1,))).id


def test_any_value_that_a_record_can_hold_can_be_named_in_an_id() -> None:
    for value in ("\udcff", 2**64 - 1, -(2**63), 1e308, float("inf"), float("nan"), True, ""):
        assert len(sequence({"k": value}, event("e1", x=(value,))).id) == 32


def test_an_alert_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        sequence({}, event("e1")).late = True  # type: ignore[misc]


def test_the_plain_values_are_json() -> None:
    told = sequence({"k": "a"}, event("e1", x=(1, "b", True))).to_dict()
    assert json.loads(json.dumps(told)) == told


def test_a_summary_gives_one_value_as_itself_and_several_as_a_list() -> None:
    told = summary(1, "now", ("e1",), {"one": ("a",), "two": ("a", "b"), "none": ()})
    assert told == {
        "stage": 1,
        "@timestamp": "now",
        "event.id": "e1",
        "one": "a",
        "two": ["a", "b"],
    }


def test_a_summary_of_an_event_without_an_id_leaves_the_id_out() -> None:
    assert summary(0, "now", (), {}) == {"stage": 0, "@timestamp": "now"}


def test_a_tested_event_id_is_told_once() -> None:
    assert summary(0, "now", ("e1",), {"event.id": ("e1",)})["event.id"] == "e1"
