"""What a line of JSON must contain to satisfy a rule: it keeps most lines from being parsed.

A line with an escape that could hide a text (``\\u0061``, ``\\/``) is always let through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from fluent_eql.flinksql.regexes import literal_regex
from fluent_eql.flinksql.text import contains, matches
from fluent_eql.needles import Needle, needles_of
from fluent_eql.rules import Rule

LINE = "line"
"""The column of the line."""
HIDING = ("\\u", "\\/")
MOST_TESTS = 500
"""Flink takes minutes to plan a condition of thousands."""


def screen_of(rules: Iterable[Rule]) -> str:
    """The SQL of whether a line may satisfy a condition of one of the rules.

    It is ``TRUE`` where nothing is certain, or too much would have to be looked for.
    """
    conditions = [condition for rule in rules for condition in rule.query.conditions]
    found = [needles_of(condition.expression) for condition in conditions]
    needles = {needle for needles in found if needles is not None for needle in needles}
    if any(needles is None for needles in found):
        return "TRUE"
    tests = dict.fromkeys(map(_test, sorted(needles, key=repr)))
    if len(tests) > MOST_TESTS:
        return "TRUE"
    hiding = [contains(LINE, text) for text in HIDING]
    return f"({' OR '.join([*tests, *hiding])})"


def _test(needle: Needle) -> str:
    if not needle.text and needle.field is not None:
        return contains(LINE, json.dumps(needle.field, ensure_ascii=False)[1:])
    text = json.dumps(needle.text, ensure_ascii=False)[1:-1]
    if needle.caseless:
        return matches(LINE, f"(?i){literal_regex(text)}")
    return contains(LINE, text)
