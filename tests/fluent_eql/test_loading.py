from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fluent_eql.errors import RuleErrors
from fluent_eql.fields import Fields
from fluent_eql.loading import load_for, read_for
from fluent_eql.settings import EqlOptions
from fluent_eql.tuning import RuleTuning, TunedRule, exception
from support.rules import SHIPPED_SLUG, rule_file

RULE = """[rule]
name = "Rule {id}"
rule_id = "{id}"
severity = "low"
risk_score = 1
{more}
query = 'process where process.name == "x"'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for id in ("r1", "r2"):
        rule_file(tmp_path, f"{id}.toml", RULE.format(id=id, more=""))
    return tmp_path


def options(folder: Path, *tuned: tuple[str, dict[str, Any]], **settings: Any) -> EqlOptions:
    tuning = tuple(TunedRule(id, RuleTuning(**keys)) for id, keys in tuned)
    return EqlOptions(rules=(folder,), tuning=tuning, **settings)


def test_without_rules_of_its_own_a_filter_has_the_shipped_ones() -> None:
    assert [rule.slug for rule in load_for(EqlOptions()).rules] == [SHIPPED_SLUG]


def test_rules_are_loaded_as_the_options_tune_and_filter_them(folder: Path) -> None:
    tuned = options(folder, ("r2", {"severity": "high"}), rule_filter_severities=("high",))
    found = load_for(tuned)
    assert [(rule.id, rule.severity) for rule in found.rules] == [("r2", "high")]
    assert found.skipped == [(str(folder / "r1.toml"), "left out by rule_filter.severity")]


def test_the_category_field_of_the_options_is_the_rules(folder: Path) -> None:
    exceptions = (exception('user.id == "0"'),)
    tuned = options(folder, ("r1", {"exceptions": exceptions}), event_category_field="kind")
    (condition,) = load_for(tuned).rules[0].query.conditions
    record = {"kind": "process", "process.name": "x"}
    assert condition.matches(Fields(record))
    assert not condition.matches(Fields(record | {"user.id": "0"}))


@pytest.mark.parametrize(
    "text",
    [
        RULE.format(id="r3", more="enabled = false"),
        RULE.format(id="r3", more="") + '[metadata]\nmaturity = "deprecated"\n',
    ],
)
def test_a_rule_that_its_file_leaves_out_runs_where_it_is_enabled(folder: Path, text: str) -> None:
    rule_file(folder, "r3.toml", text)
    assert [rule.id for rule in load_for(options(folder)).rules] == ["r1", "r2"]
    enabled = load_for(options(folder, ("r3", {"enabled": True})))
    assert [rule.id for rule in enabled.rules] == ["r1", "r2", "r3"]
    for keys in ({"enabled": False}, {"severity": "high"}):
        tuned = load_for(options(folder, ("r3", keys)))
        assert [rule.id for rule in tuned.rules] == ["r1", "r2"]


def test_a_set_of_which_no_rule_is_left_is_an_error_with_the_reasons(folder: Path) -> None:
    tuned = options(folder, ("r1", {"enabled": False}), rule_filter_tags=("Mine",))
    assert read_for(tuned).rules == []
    rule_file(folder, "wrong.toml", "no toml")
    with pytest.raises(RuleErrors) as raised:
        load_for(tuned)
    wrong, none_left = str(raised.value).splitlines()[0], str(raised.value).splitlines()[-1]
    assert "wrong.toml" in wrong
    assert none_left == (
        f"{folder}:1:1: expected at least one rule to run, found none: "
        "1 disabled in the configuration, 1 left out by rule_filter.tag"
    )


def test_a_load_without_any_rule_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuleErrors, match="at least one EQL rule file"):
        read_for(options(tmp_path))


def test_what_is_tuned_and_not_there_is_an_error_of_the_kind_that_rule_files_give(
    folder: Path,
) -> None:
    with pytest.raises(RuleErrors, match="tuning r9: no rule has this id"):
        load_for(options(folder, ("r9", {})))
