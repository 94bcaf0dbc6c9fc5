"""What is told of a condition from some of its fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.fields import Fields
from fluent_eql.lang import nodes
from fluent_eql.lang.compile import condition_of
from fluent_eql.lang.relax import relaxed
from support.random_conditions import CATEGORY_NAMES, CONDITIONS, NAMES, condition, records


def relaxed_text(text: str, *names: str) -> nodes.Expression | None:
    return relaxed(condition(text).expression, names)


@settings(max_examples=200)
@given(CONDITIONS, st.sets(st.sampled_from((*NAMES, *CATEGORY_NAMES))), records())
def test_it_asks_for_no_other_fields_and_holds_wherever_the_condition_holds(
    text: str, names: set[str], record: dict[str, Any]
) -> None:
    whole = condition(text)
    found = relaxed(whole.expression, names)
    if found is None:
        return
    part = condition_of(found)
    assert names.issuperset(part.fields)
    fields = Fields(record)
    assert part.matches(fields) or not whole.matches(fields)


@given(CONDITIONS)
def test_with_all_of_its_fields_a_condition_stays_as_it_is(text: str) -> None:
    whole = condition(text)
    assert relaxed(whole.expression, whole.fields) == whole.expression


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("a == 1 and b == 2", "a", "a == 1"),
        ("a == 1 and b == 2 and a != 3", "a", "a == 1 and a != 3"),
        ("(a == 1 or a == 2) and (a == 3 or b == 4)", "a", "a == 1 or a == 2"),
        ("(a == 1 and b == 2) or (a == 3 and c == 4)", "a", "a == 1 or a == 3"),
        ("(a == 1 and b == 2) or (a == 3 and c == 4)", "ab", "(a == 1 and b == 2) or a == 3"),
        ("(a == 1 or c == 2 or b == 3) and c != 4", "ac", "c != 4"),
        ("not (a == 1 or b == 2)", "ab", "not (a == 1 or b == 2)"),
        ("c == 3 and not (a == 1 or b == 2)", "bc", "c == 3"),
        ("a == 1 and length(a) == length(b)", "a", "a == 1"),
        ("a == 1 and length(a) == length(b)", "ab", "a == 1 and length(a) == length(b)"),
    ],
)
def test_what_other_fields_say_is_left_out(text: str, names: str, expected: str) -> None:
    assert relaxed_text(text, *names) == condition(expected).expression


@pytest.mark.parametrize(
    "text", ["a == 1", "a == 1 or b == 2", "not (a == 1 and b == 2)", "length(a) == length(b)"]
)
def test_a_condition_of_which_some_fields_tell_nothing_leaves_nothing(text: str) -> None:
    assert relaxed_text(text, "b", "c") is None


@pytest.mark.parametrize("text", ["true", "false"])
def test_a_condition_without_fields_stays_as_it_is(text: str) -> None:
    assert relaxed_text(text) == condition(text).expression
