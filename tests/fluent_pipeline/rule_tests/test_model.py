from __future__ import annotations

from fluent_pipeline.rule_tests.model import RuleTest


def test_the_title_has_the_variation_in_brackets() -> None:
    assert RuleTest("name", "", 1, (), ()).title == "name"
    assert RuleTest("name", "a: b = 1", 1, (), ()).title == "name (a: b = 1)"
