from __future__ import annotations

import json
from typing import Any

import pytest

from fluent_eql.api import Outcome, Problem
from fluent_eql.event import Event
from fluent_pipeline.cli.replay_output import (
    SHOWN_UNREADABLE,
    Alerts,
    Troubles,
    print_alerts,
    print_comparison,
)
from fluent_pipeline.replay.comparing import Comparison
from fluent_pipeline.replay.found import Found


def alert(number: int, **fields: Any) -> dict[str, Any]:
    events = [{"stage": 0, "@timestamp": f"2026-01-01T00:00:{number:02}Z", "file.path": "/x"}]
    return {"id": f"a{number}", "rule": {"id": "r", "name": "R"}, "events": events, **fields}


def test_what_the_filter_warns_of_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Troubles().take(Outcome(warnings=["too many join keys"]))
    assert capsys.readouterr().err == "fluent-eql: too many join keys\n"


def test_a_problem_of_an_event_is_counted_once_and_the_first_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    troubles = Troubles()
    events = [Event("app", 0, b"") for _ in range(SHOWN_UNREADABLE + 3)]
    outcome = Outcome(problems=[Problem(event, "odd") for event in events])
    troubles.take(outcome)
    troubles.take(outcome)
    assert troubles.count == len(events)
    err = capsys.readouterr().err
    assert err.count("app: a record: not readable: odd") == SHOWN_UNREADABLE
    assert err.count("only counted") == 1


def test_alerts_that_are_printed_at_once_need_not_be_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alerts = Alerts(Troubles(), at_once=True, keeps=False)
    alerts.take(Outcome(alerts=[alert(1), alert(2, late=True)]))
    printed = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["a1", "a2"]
    assert (alerts.found, alerts.count, alerts.late) == ([], 2, 1)
    kept = Alerts(Troubles())
    kept.take(Outcome(alerts=[alert(1)]))
    assert [found.alert["id"] for found in kept.found] == ["a1"]
    assert capsys.readouterr().out == ""


def test_alerts_are_printed_by_time_with_their_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Found(alert(2), "web-02"), Found(alert(1), "")]
    print_alerts(found, as_json=False)
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["R", "-"]
    assert second.split()[:2] == ["R", "web-02"]
    print_alerts(found, as_json=True)
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["a1", "a2"]
    print_alerts([], as_json=False)
    assert capsys.readouterr().out == ""


def test_a_comparison_lists_what_comes_and_goes_and_counts_what_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    comparison = Comparison([Found(alert(1))], [Found(alert(2))], [Found(alert(3))] * 2)
    print_comparison(comparison, ("old", "new"), as_json=False)
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["R", "1", "1", "2"]
    assert out.index("Only in A, old:") < out.index("Only in B, new:")
    print_comparison(comparison, ("old", "new"), as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["in"], line["id"]) for line in lines] == [
        ("a", "a1"),
        ("b", "a2"),
        ("both", "a3"),
        ("both", "a3"),
    ]
