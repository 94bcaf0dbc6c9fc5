"""A filter that goes on as another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fluent_eql.api import KEEP, Reloadable, Replace
from fluent_eql.event import decode_record
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from support.events import SECOND
from support.rules import rule, rule_file
from support.sequences import happened, names

WINDOW = 2 * SECOND
TWO = rule("sequence by k [n where true] [f where true]", name="Two")
OTHER = rule("sequence by k [n where x == 1] [f where true]", name="Two")
SINGLE = rule("m where true", name="Single")
TRAILING = rule("sequence by k with maxspan=1s [n where true] ![m where true]", name="Trailing")
N, F = make_event(happened("n1", "n", 0)), make_event(happened("f1", "f", SECOND))


def eql(*rules: Rule, **settings: Any) -> EqlFilter:
    return EqlFilter(rules, EqlOptions(**settings))


def test_the_filter_can_be_changed_while_it_runs() -> None:
    assert isinstance(eql(TWO), Reloadable)


def test_a_rule_that_has_not_changed_keeps_its_candidates() -> None:
    found = eql(TWO)
    found.process([N], now=0)
    outcome = found.go_on_as(eql(SINGLE, TWO), now=1)
    assert outcome.warnings == ["2 rules run: 1 unchanged, 1 new"]
    found.process([F], now=2)
    [alert] = found.advance(2 + WINDOW).alerts
    assert names(alert) == ("n1", "f1")


def test_a_held_event_is_decided_by_the_new_set_where_its_rule_has_not_changed() -> None:
    found = eql(TWO, SINGLE)
    found.process([N, F], now=0)
    severe = rule(TWO.query_text, name="Two", severity="critical")
    assert found.go_on_as(eql(severe), now=1).decided == []
    assert found.next_deadline() == WINDOW
    [(event, verdict)] = found.advance(WINDOW).decided
    assert event is F
    assert isinstance(verdict, Replace)
    [alert] = decode_record(verdict.records[0])["eql.alerts"]
    assert alert["severity"] == "critical"


def test_what_waits_for_a_rule_that_is_gone_or_changed_is_decided_as_it_was() -> None:
    for successor in (eql(SINGLE), eql(OTHER)):
        found = eql(TWO)
        found.process([N, F], now=0)
        outcome = found.go_on_as(successor, now=1)
        assert [names(alert) for alert in outcome.alerts] == [("n1", "f1")]
        assert [event for event, _ in outcome.decided] == [F]
        assert found.next_deadline() is None


def test_a_changed_rule_begins_anew() -> None:
    found = eql(TWO)
    found.process([N], now=0)
    found.go_on_as(eql(OTHER), now=1)
    found.process([F], now=2)
    assert found.advance(2 + WINDOW).decided == [(F, KEEP)]


def test_the_new_rules_screen_and_run() -> None:
    found = eql(TWO)
    found.go_on_as(eql(SINGLE), now=0)
    event = make_event(happened("m1", "m", 0))
    assert found.screen(event.raw) is None or found.screen(event.raw)
    [alert] = found.process([event], now=1).alerts
    assert alert["rule"]["name"] == "Single"
    assert found.rules == (SINGLE,)


def test_what_time_has_to_decide_of_a_rule_that_is_gone_is_let_go() -> None:
    found = eql(TRAILING)
    found.process([N], now=0)
    found.advance(WINDOW)
    assert found.next_deadline() is not None
    outcome = found.go_on_as(eql(SINGLE), now=WINDOW)
    assert (outcome.decided, outcome.alerts) == ([(N, KEEP)], [])
    assert found.next_deadline() is None


def test_what_time_has_to_decide_of_a_rule_that_stays_is_decided_then() -> None:
    found = eql(TRAILING)
    found.process([N], now=0)
    found.advance(WINDOW)
    found.go_on_as(eql(SINGLE, TRAILING), now=WINDOW)
    deadline = found.next_deadline()
    assert deadline is not None
    assert len(found.advance(deadline).alerts) == 1


def test_counters_go_on() -> None:
    found = eql(TWO)
    found.process([N, F], now=0)
    found.advance(WINDOW)
    found.go_on_as(eql(TWO, SINGLE), now=WINDOW)
    alerts = [m.value for m in found.metrics() if m.name == "fluent_eql_alerts_total"]
    assert alerts == [1, 0, 0, 0]


def test_settings_that_what_is_remembered_depends_on_need_a_restart() -> None:
    found = eql(TWO)
    changed = eql(TWO, reorder_window=1, max_entities=5, alert_tag="x")
    objection = found.objection(changed)
    assert objection == "reorder_window, state.max_entities: only a restart can change that"
    assert found.objection(eql(SINGLE, alert_tag="x", alert_copies=True)) is None


RULE = """
[rule]
rule_id = "{id}"
name = "{id}"
severity = "low"
risk_score = 1
query = "{query}"
"""


def test_a_file_that_has_become_wrong_is_an_objection_and_one_that_was_wrong_is_none(
    tmp_path: Path,
) -> None:
    options = EqlOptions(rules=(tmp_path,))
    rule_file(tmp_path, "good.toml", RULE.format(id="good", query="f where true"))
    rule_file(tmp_path, "wrong.toml", RULE.format(id="wrong", query="f where"))
    found = EqlFilter.create(options)
    assert found.objection(EqlFilter.create(options)) is None
    rule_file(tmp_path, "other.toml", RULE.format(id="other", query="f were true"))
    objection = found.objection(EqlFilter.create(options))
    assert objection is not None
    assert "other.toml:7" in objection
    assert "wrong.toml" not in objection
