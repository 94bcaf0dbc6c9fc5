"""Rules as one job: its settings, tables, views and inserts, and the script of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fluent_eql.flinksql import Kafka, Paths, compile_job, compile_rule
from fluent_eql.flinksql.script import STATE_TTL, Job, RuleSql, View
from fluent_eql.rules import Rule, load_rules
from fluent_eql.shipped import shipped_rules
from support.flink_sql import is_whole, literals
from support.rules import rule

SECOND = 10**9
FILES = Paths("/in", "/out", "/unread")
PAIR = "sequence by host.id with maxspan=5s [any where a == 1] [any where b == 1]"
REFUSED = "any where length(a) > 5"


def shipped() -> list[Rule]:
    return load_rules([shipped_rules()]).rules


def job(*rules: Rule, bound: int | None = 2 * SECOND) -> Job:
    return compile_job(rules, FILES, bound)


def statements(script: str) -> list[str]:
    """A script's statements, as a reader of SQL tells them apart."""
    marked = re.sub(r"U&'(?:[^']|'')*'|'(?:[^']|'')*'", lambda m: m[0].replace(";", "\0"), script)
    return [part.replace("\0", ";").strip() for part in marked.split(";") if part.strip()]


def test_a_view_is_made_by_a_statement() -> None:
    assert View("v", "SELECT 1").statement == "CREATE TEMPORARY VIEW v AS\nSELECT 1"


@pytest.mark.parametrize("query", ["any where a == 1", PAIR])
def test_a_rule_has_views_of_its_events_its_alerts_and_what_is_unread(query: str) -> None:
    made = compile_rule(rule(query, name="My Rule!"), 3)
    assert isinstance(made, RuleSql)
    assert [view.name for view in made.views] == [
        "eql_3_my_rule_events",
        "eql_3_my_rule_alerts",
        "eql_3_my_rule_unread",
    ]
    assert all(is_whole(view.query) for view in made.views)
    for view in (made.alerts, made.unread):
        assert made.told.name in view.query
    assert made.unread.query.endswith("WHERE reason IS NOT NULL AND TRIM(line) <> ''")


def test_only_sequences_match_rows() -> None:
    assert "MATCH_RECOGNIZE" in compile_rule(rule(PAIR)).alerts.query
    assert "MATCH_RECOGNIZE" not in compile_rule(rule("any where a == 1")).alerts.query


def test_an_alert_says_what_the_filters_says_of_its_rule() -> None:
    one = rule("any where a == 1", name='A "quoted" näme', risk_score=73, severity="high")
    [text] = [text for text in literals(compile_rule(one).alerts.query) if '"severity"' in text]
    assert text == (
        '", "rule": {"id": "id-A \\"quoted\\" n\\u00e4me", "name": "A \\"quoted\\" n\\u00e4me"},'
        ' "severity": "high", "risk_score": 73'
    )


def test_an_alerts_id_is_made_of_rule_join_keys_and_events() -> None:
    sequence, event = (
        compile_rule(rule(query)).alerts.query for query in (PAIR, "any where a == 1")
    )
    assert "SUBSTRING(SHA256('[\"id-Test rule\", ' || by_keys || ', [' || ids || ']]'), 1, 32)" in (
        sequence
    )
    assert "SUBSTRING(SHA256('[\"id-Test rule\", null, [' || COALESCE(id, " in event


def test_a_job_inserts_the_alerts_of_all_rules_at_once() -> None:
    made = job(rule(PAIR, name="a"), rule("any where c == 1", name="b"))
    alerts, unread = made.inserts
    assert alerts == (
        "INSERT INTO eql_alerts\nSELECT line FROM eql_0_a_alerts\nUNION ALL\n"
        "SELECT line FROM eql_1_b_alerts"
    )
    assert unread == alerts.replace("alerts", "unread")
    assert len(made.tables) == 3
    assert len(made.views) == 6


def test_views_come_after_those_that_they_read() -> None:
    made = job(*shipped(), rule(PAIR))
    names = [view.name for view in made.views]
    assert len(set(names)) == len(names)
    for number, view in enumerate(made.views):
        read = re.findall(r"FROM (eql_\d\w+)", view.query)
        assert set(read) <= set(names[:number])


def test_a_rule_that_is_refused_is_left_out_and_its_error_kept() -> None:
    made = job(rule(REFUSED, name="bad", source="bad.toml"), rule(PAIR, name="good"))
    [error] = made.refused
    assert (error.source, error.line, error.column) == ("bad.toml", 1, 11)
    assert [view.name for view in made.views][0] == "eql_1_good_events"
    assert "bad" not in made.text()


def test_a_job_of_no_rule_inserts_nothing() -> None:
    made = job(rule(REFUSED))
    assert (made.views, made.inserts) == ((), ())


def test_two_rules_with_one_name_have_views_of_their_own() -> None:
    made = job(rule(PAIR, id="1"), rule(PAIR, id="2"))
    assert len({view.name for view in made.views}) == 6


@pytest.mark.parametrize("name", ["日本", "a" * 200, "--'; DROP", "1"])
def test_any_name_of_a_rule_makes_views_with_plain_names(name: str) -> None:
    for view in compile_rule(rule(PAIR, name=name)).views:
        assert re.fullmatch(r"eql_0_[a-z0-9_]{1,50}", view.name)


def test_times_are_utc_and_state_is_kept_an_hour_or_four_times_the_longest_maxspan() -> None:
    assert job(rule(PAIR)).settings[STATE_TTL] == "3600000 ms"
    longer = rule(PAIR.replace("5s", "2h"), name="b")
    made = job(rule(PAIR), longer)
    assert made.settings[STATE_TTL] == f"{8 * 3600 * 1000} ms"
    assert made.settings["table.local-time-zone"] == "UTC"


def test_the_script_of_the_shipped_rules_is_whole_and_in_order() -> None:
    made = job(*shipped())
    script = made.text()
    assert is_whole(script)
    assert not re.search(r"[^\n\x20-\x7e]", script)
    found = statements(script)
    kinds = [" ".join(statement.split()[:3]) for statement in found]
    count = len(made.settings)
    assert kinds[:count] == [f"SET '{key}' =" for key in made.settings]
    assert kinds[count : count + 3] == ["CREATE TEMPORARY TABLE"] * 3
    assert kinds[count + 3 : -3] == ["CREATE TEMPORARY VIEW"] * len(made.views)
    assert found[-3].startswith("EXECUTE STATEMENT SET\nBEGIN\nINSERT INTO eql_alerts\n")
    assert found[-2].startswith("INSERT INTO eql_unread\n")
    assert found[-1] == "END"


def test_the_same_rules_make_the_same_script() -> None:
    assert job(*shipped()).text() == job(*shipped()).text()
    kafka = Kafka("k:9092", "a", "b", "c")
    assert compile_job(shipped(), kafka, None).text() == compile_job(shipped(), kafka, None).text()


def test_no_text_of_a_rule_ends_a_literal(tmp_path: Path) -> None:
    one = rule("""any where a == "it's'; DROP TABLE x;" and b like "*'*" """, name="it's")
    script = job(one).text()
    assert is_whole(script)
    assert not [part for part in statements(script) if part.startswith("DROP")]
