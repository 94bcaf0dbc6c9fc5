from __future__ import annotations

import json

import pytest

from fluent_pipeline.monitor import kept
from fluent_pipeline.monitor.kept import LARGEST_RECORD, MINUTE, KeptAlerts, Wanted
from support.monitors import alert_of, evidence_of


def holding(*numbers: int, most: int = 10) -> KeptAlerts:
    alerts = KeptAlerts(most, clock=lambda: 0)
    for number in numbers:
        alerts.add(alert_of(number), evidence_of({"k": "a"}))
    return alerts


def ids(alerts: KeptAlerts, wanted: Wanted = Wanted()) -> list[str]:  # noqa: B008  it is frozen
    return [one.id for one in alerts.newest_first(wanted)]


def test_the_newest_alerts_are_kept() -> None:
    alerts = holding(1, 2, 3, most=2)
    assert ids(alerts) == ["alert-3", "alert-2"]
    assert alerts.last == 3
    assert alerts.find("alert-1") is None


def test_none_are_kept_where_none_are_to_be() -> None:
    assert ids(holding(1, most=0)) == []


def test_the_same_alert_is_kept_once() -> None:
    alerts = holding(1, 2, 1)
    assert ids(alerts) == ["alert-2", "alert-1"]
    assert alerts.last == 2


def test_alerts_go_when_they_are_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 3_000)
    alerts = KeptAlerts(10)
    for number in range(4):
        alerts.add(alert_of(number), evidence_of({"k": "x" * 1_000}))
    assert ids(alerts) == ["alert-3", "alert-2"]


def test_a_record_that_is_too_large_is_left_out_and_its_alert_kept() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1), evidence_of({"k": "x" * LARGEST_RECORD}, {"k": "y"}))
    found = alerts.find("alert-1")
    assert found is not None
    assert [event.raw is None for event in found.events] == [True, False]


def test_alerts_are_asked_for_by_rule_host_severity_and_number() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1, severity="high"), evidence_of({}, host="web-01"))
    alerts.add(alert_of(2, rule={"id": "other", "name": "B"}), evidence_of({}, host="DB-01"))
    alerts.add(alert_of(3), None)
    assert ids(alerts, Wanted(rule="other")) == ["alert-2"]
    assert ids(alerts, Wanted(host="b-01")) == ["alert-2", "alert-1"]
    assert ids(alerts, Wanted(severities=frozenset(["high", "critical"]))) == ["alert-1"]
    assert ids(alerts, Wanted(before=3)) == ["alert-2", "alert-1"]


def test_those_after_one_are_told_as_long_as_all_of_them_are_kept() -> None:
    alerts = holding(1, 2, 3, most=2)
    assert [one.id for one in alerts.after(1) or ()] == ["alert-2", "alert-3"]
    assert alerts.after(3) == []
    assert alerts.after(0) is None
    assert alerts.after(4) is None


def test_each_new_alert_is_told_until_nobody_listens() -> None:
    alerts, told = holding(1), list[str]()
    end = alerts.tell(lambda one: told.append(one.id))
    alerts.add(alert_of(2), None)
    alerts.add(alert_of(2), None)
    end()
    alerts.add(alert_of(3), None)
    assert told == ["alert-2"]


def test_alerts_are_counted_by_minute_and_severity_for_a_day() -> None:
    now = [100 * MINUTE]
    alerts = KeptAlerts(1, clock=lambda: now[0])
    alerts.add(alert_of(1), None)
    alerts.add(alert_of(2, severity="high"), None)
    now[0] += 3 * MINUTE
    alerts.add(alert_of(3), None)
    minute, counts = alerts.per_minute()
    assert (minute, len(counts)) == (103, 1440)
    assert [counts[0], counts[1], counts[3]] == [{"low": 1}, {}, {"low": 1, "high": 1}]
    now[0] += 1440 * MINUTE
    assert not any(alerts.per_minute()[1])


def test_counts_of_minutes_are_bounded() -> None:
    now = [0]
    alerts = KeptAlerts(1, clock=lambda: now[0])
    for number in range(1500):
        now[0] = number * MINUTE
        alerts.add(alert_of(number), None)
    assert len(alerts._minutes) == 1440


def test_a_clock_that_goes_back_counts_in_the_last_minute() -> None:
    now = [10 * MINUTE]
    alerts = KeptAlerts(1, clock=lambda: now[0])
    alerts.add(alert_of(1), None)
    now[0] -= 5 * MINUTE
    alerts.add(alert_of(2), None)
    now[0] += 5 * MINUTE
    assert alerts.per_minute()[1][0] == {"low": 2}


@pytest.mark.parametrize("odd", [float("nan"), b"\xff", "\udcff"], ids=repr)
def test_whatever_an_alert_holds_is_told_as_json(odd: object) -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1, odd=odd), None)
    [one] = alerts.newest_first(Wanted())
    assert json.loads(one.line)["alert"]["id"] == "alert-1"


def test_an_alert_that_is_no_json_is_told_by_its_id() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1, odd=object()), None)
    [one] = alerts.newest_first(Wanted())
    assert json.loads(one.line)["alert"] == {"id": "alert-1"}
