from __future__ import annotations

import json
from typing import Any

import pytest

from fluent_eql.api import Evidence, Sighting
from fluent_eql.event import Event
from fluent_eql.testing import make_event
from fluent_pipeline.monitor.kept import LARGEST_RECORD, KeptAlerts
from support.monitors import RULE, SECOND, alert_of, evidence_of, serving

LIST = "/api/v1/alerts"


def five() -> KeptAlerts:
    alerts = KeptAlerts()
    for number in range(1, 6):
        severity = "high" if number % 2 else "low"
        alerts.add(alert_of(number, severity=severity), evidence_of({}, host=f"host-{number}"))
    return alerts


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["alert"]["id"].removeprefix("alert-") for item in answer["alerts"]]


async def test_alerts_are_listed_in_pages_the_newest_first() -> None:
    alerts, pages, before = five(), list[list[str]](), ""
    async with serving(alerts) as asking:
        while True:
            answer = await asking.get(f"{LIST}?limit=2{before}")
            pages.append(ids(answer))
            if answer["before"] is None:
                break
            before = f"&before={answer['before']}"
    assert pages == [["5", "4"], ["3", "2"], ["1"]]
    assert answer["last_event_id"] == f"{alerts.run}.5"


async def test_a_last_page_that_is_full_is_the_last() -> None:
    async with serving(five()) as asking:
        answer = await asking.get(f"{LIST}?limit=5")
    assert (len(answer["alerts"]), answer["before"]) == (5, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("severity=high", "531"),
        ("severity=high,low", "54321"),
        ("host=HOST-2", "2"),
        (f"rule={RULE.id.replace(' ', '%20')}", "54321"),
        ("rule=other", ""),
        ("severity=low&host=host-4&rule=", "4"),
        ("before=2", "1"),
    ],
)
async def test_alerts_can_be_asked_for(query: str, found: str) -> None:
    async with serving(five()) as asking:
        assert "".join(ids(await asking.get(f"{LIST}?{query}"))) == found


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "before=1.5"])
async def test_a_wrong_number_is_told(query: str) -> None:
    async with serving(five()) as asking:
        told = await asking.get(f"{LIST}?{query}", status=400)
    assert query.partition("=")[0] in told


async def test_one_alert_is_told_with_its_rule_and_its_events() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1), evidence_of({"k": 2**63, "b": b"\xff"}, {"k": "<b>"}))
    async with serving(alerts) as asking:
        found = await asking.get(f"{LIST}/alert-1")
    assert (found["number"], found["host"], found["alert"]) == (1, "web-01", alert_of(1))
    assert (found["rule"]["name"], found["rule"]["maxspan_ns"]) == ("A rule", 5 * SECOND)
    first, second = found["events"]
    assert (first["time"], first["gap_ns"]) == ("1970-01-01T00:00:00.000000000Z", None)
    assert (second["gap_ns"], second["tag"]) == (SECOND, make_event({}).tag)
    assert first["record"] == '{"k":9223372036854775808,"b":"\\udcff"}'
    assert json.loads(second["record"]) == {"k": "<b>"}


async def test_a_record_that_cannot_be_shown_is_null() -> None:
    alerts = KeptAlerts()
    large, bad = make_event({"k": "x" * LARGEST_RECORD}), Event("t", 0, b"\xc1")
    alerts.add(alert_of(1), Evidence((Sighting(0, large), Sighting(1, bad)), "", {}))
    async with serving(alerts) as asking:
        found = await asking.get(f"{LIST}/alert-1")
    assert [event["record"] for event in found["events"]] == [None, None]


async def test_an_alert_without_evidence_is_told_without_events() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1), None)
    async with serving(alerts) as asking:
        found = await asking.get(f"{LIST}/alert-1")
    assert (found["rule"], found["events"], found["host"]) == ({}, [], "")


async def test_an_alert_that_is_not_kept_is_not_found() -> None:
    async with serving(five()) as asking:
        await asking.get(f"{LIST}/alert-9", status=404)


@pytest.mark.parametrize("path", ["", "/alert-1", "/stream"])
async def test_who_may_not_read_is_told_no_alert(path: str) -> None:
    async with serving(five(), token="s3cret") as asking:
        told = await asking.get(LIST + path, status=401, X_Forwarded_For="192.0.2.7")
    assert "alert-" not in told
