from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.rule_tests.values import scalar_of
from support.rule_tests import node_of


def value_of(text: str) -> Any:
    node = node_of(text)
    assert isinstance(node, yaml.ScalarNode)
    return scalar_of(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("0", 0),
        ("-12", -12),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0.5", 0.5),
        ("-3.0", -3.0),
    ],
)
def test_what_json_would_call_a_value_is_one(text: str, value: Any) -> None:
    found = value_of(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "no",
        "Yes",
        "True",
        "NULL?",
        "0755",
        "0x1f",
        "1_000",
        "+5",
        "1e5",
        "1.5e3",
        ".5",
        "1.",
        "12:30",
        "2026-01-01",
        "2026-01-01T00:00:05Z",
        ".nan",
        "=",
        "/tmp/*",
        "fe80::1",
    ],
)
def test_everything_else_is_a_text(text: str) -> None:
    assert value_of(text) == text


@pytest.mark.parametrize("text", ["true", "null", "5", "0.5", ""])
def test_what_is_quoted_is_a_text(text: str) -> None:
    assert value_of(f'"{text}"') == text
    assert value_of(f"'{text}'") == text


def test_what_is_marked_as_a_text_is_one() -> None:
    assert value_of("!!str 5") == "5"


@pytest.mark.parametrize(
    "text", ["18446744073709551616", "-9223372036854775809", "9" * 5000], ids=lambda text: text[:20]
)
def test_a_number_that_no_record_can_hold_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="a whole number of at most 64 bits, found -?[0-9]{19,40}$"
    ):
        value_of(text)


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        value_of('"\\ud800"')


@given(st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none())
def test_plain_values_are_read_as_json_writes_them(value: int | bool | None) -> None:
    found = value_of(json.dumps(value))
    assert (type(found), found) == (type(value), value)
