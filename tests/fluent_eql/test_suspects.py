"""Which conditions a record may satisfy. That none is missed is a property in test_screen."""

from __future__ import annotations

import pytest

from fluent_eql.event import encode_value
from fluent_eql.lang import Condition
from fluent_eql.needles import LONGEST_TEXT
from fluent_eql.suspects import Suspects
from support.rules import rule

QUERIES = (
    'any where a == "first" and b == "second"',
    'any where a == "first" and label != null',
    'any where a : "FIRST*"',
    "any where c > 5",
    "any where false",
    'any where b == "second" or a == "third"',
)


def suspects(*queries: str) -> Suspects:
    conditions: list[Condition] = []
    for query in queries:
        conditions += rule(query).query.conditions
    return Suspects(conditions)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {3}),
        ({"a": "first"}, {2, 3}),
        ({"a": "first", "b": "second"}, {0, 2, 3, 5}),
        ({"x": ["first", "second"]}, {0, 2, 3, 5}),
        ({"a": "first", "label": 1}, {1, 2, 3}),
        ({"a": "First name"}, {2, 3}),
        ({"a": "third"}, {3, 5}),
        ({"a": "the third"}, {3}),
        ({"b": "second "}, {3}),
    ],
    ids=repr,
)
def test_suspected_is_what_a_record_has_a_needle_of_each_group_of(
    record: dict[str, object], expected: set[int]
) -> None:
    assert suspects(*QUERIES).of(encode_value(record)) == expected


def test_of_no_conditions_none_is_suspected() -> None:
    assert suspects().of(encode_value({"a": 1})) == set()


@pytest.mark.parametrize("size", [1, 31, 32, 33, 255, 256, 257, 70_000])
def test_a_whole_value_is_found_whatever_its_length(size: int) -> None:
    text = "ab" * (size // 2) + "c" * (size % 2)
    found = suspects(f'any where a == "{text}" and b == "second"')
    for value in (text, text.encode(), [text]):
        assert found.of(encode_value({"a": value, "b": "second"})) == {0}
    longer = found.of(encode_value({"a": f"{text}x", "b": "second"}))
    assert longer == (set() if size <= LONGEST_TEXT else {0})
