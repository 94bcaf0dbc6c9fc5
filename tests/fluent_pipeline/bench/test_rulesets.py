from __future__ import annotations

from pathlib import Path

from fluent_eql.rules import load_rules
from fluent_eql.screen import Screen
from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.rulesets import write_rules
from fluent_pipeline.bench.workloads import Workload


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
