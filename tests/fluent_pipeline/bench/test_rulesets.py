from __future__ import annotations

from pathlib import Path

import pytest

from fluent_eql.rules import load_rules
from fluent_eql.screen import Screen
from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.rulesets import public_rules, rules_for, write_rules
from fluent_pipeline.bench.workloads import MAIN, PUBLIC, VARIABLE, Workload
from support.rules import rule_file


def screen_of(folder: Path) -> Screen:
    rules = load_rules([folder]).rules
    return Screen([condition for rule in rules for condition in rule.query.conditions])


def test_rules_are_distinct_and_the_shipped_one_is_among_them(tmp_path: Path) -> None:
    rules = load_rules([write_rules(5, tmp_path)]).rules
    assert len(rules) == len({rule.id for rule in rules}) == 5
    assert sum(rule.name == "Network Connection Followed by File Creation" for rule in rules) == 1


def test_more_rules_hit_no_more_records(tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    many.mkdir()
    screens = [screen_of(write_rules(1, one)), screen_of(write_rules(10, many))]
    raw = bytes(Batches(Workload(name="small", batch=100)).batch(0, 0))
    few, more = (screen.offsets(raw) for screen in screens)
    assert few == more
    assert few
    assert len(screens[1].needles) == 10 * len(screens[0].needles)


def rule_text(number: int, query: str) -> str:
    head = f'name = "Rule {number}"\nrule_id = "id-{number}"\nseverity = "low"\nrisk_score = 1'
    return f"[rule]\n{head}\nquery = '''{query}'''\n"


QUERIES = (
    'process where host.os.type == "linux" and process.name == "x"',
    'process where host.os.type == "windows" and process.name == "x"',
    'process where host.os.type in ("macos", "linux") and process.name == "x"',
    'process where process.name == "x"',
)


def test_of_public_rules_those_that_ask_for_linux_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, query in enumerate(QUERIES):
        rule_file(tmp_path, f"all/{number}/same.toml", rule_text(number, query))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "all"))
    assert public_rules() == tmp_path / "all"
    (tmp_path / "some").mkdir()
    rules = load_rules([rules_for(PUBLIC[0], tmp_path / "some")]).rules
    assert [rule.name for rule in rules] == ["Rule 0", "Rule 2"]


def test_without_a_folder_of_public_rules_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert public_rules() is None
    with pytest.raises(RuntimeError, match=VARIABLE):
        rules_for(PUBLIC[0], tmp_path)
    assert len(load_rules([rules_for(MAIN, tmp_path)]).rules) == 1
