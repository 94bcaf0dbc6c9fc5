"""Elastic's public detection rules, where a checkout of them is at hand: most can be exported.

``FLUENT_EQL_DETECTION_RULES`` names the folder with the rule files, such as ``rules`` of a checkout
of github.com/elastic/detection-rules. Run with ``-s`` to read what was counted, and each rule that
is refused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from fluent_eql.errors import UnsupportedError
from fluent_eql.flinksql import compile_rule
from fluent_eql.lang import SequenceQuery
from fluent_eql.rules import Rule, load_rules, os_types_of
from support.flink_sql import is_whole

VARIABLE = "FLUENT_EQL_DETECTION_RULES"
FOLDER = os.environ.get(VARIABLE)
NAMED = (
    "a comparison of two fields",
    *(f"a comparison with what {name} gives" for name in ("concat", "string", "substring")),
    "a missing event, ![ … ]",
    "a repeated group in a regular expression",
    *(f"a test of what {name} gives" for name in ("concat", "length", "string", "substring")),
)
"""What some rules are refused for."""
LEAST = 0.95
"""The share of the rules that can be exported."""

pytestmark = pytest.mark.skipif(
    not FOLDER, reason=f"{VARIABLE} names no folder with Elastic's public detection rules"
)


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    return load_rules([Path(FOLDER or "")]).rules


def for_linux(rule: Rule) -> bool:
    return "linux" in os_types_of(rule) or Path(rule.source).parent.name == "linux"


def refused(rules: Sequence[Rule]) -> list[UnsupportedError]:
    """The errors of the rules that cannot be exported; the SQL of the others is whole."""
    errors = []
    for rule in rules:
        try:
            made = compile_rule(rule)
        except UnsupportedError as error:
            errors.append(error)
        else:
            assert all(is_whole(view.query) for view in made.views), rule.source
    return errors


def report(what: str, rules: Sequence[Rule], errors: Sequence[UnsupportedError]) -> None:
    print(f"\n{what}: {len(rules) - len(errors)} of {len(rules)} rules are exported")
    for error in errors:
        print(f"  {Path(error.source).name}:{error.line}:{error.column}: {error.message}")


def test_nearly_all_linux_sequences_are_exported_and_the_others_refused_by_name(
    rules: Sequence[Rule],
) -> None:
    found = [rule for rule in rules if for_linux(rule) and isinstance(rule.query, SequenceQuery)]
    errors = refused(found)
    report("Linux sequences", found, errors)
    assert len(found) - len(errors) >= LEAST * len(found) > 0


def test_nearly_all_rules_are_exported_and_the_others_refused_by_name(
    rules: Sequence[Rule],
) -> None:
    errors = refused(rules)
    report("All", rules, errors)
    reasons = Counter(error.message.partition(": ")[2] for error in errors)
    print("  " + ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common()))
    assert set(reasons) <= set(NAMED)
    assert all(error.line > 1 for error in errors)
    assert len(rules) - len(errors) >= LEAST * len(rules)
