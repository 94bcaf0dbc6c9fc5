"""What is told of an event in an alert: the names, their order, and JSON around the values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.alert import summary as inline_summary
from fluent_eql.flinksql.text import PAST_16_BITS
from fluent_eql.flinksql.told import in_ascii_or_null, object_of, past_16_bits, plain, summary
from fluent_eql.lang import Condition, EventQuery, compile_query
from support.flink_sql import is_whole, java, literals

NAMES = st.lists(
    st.sampled_from(["a.b", "event.id", "stage_x", "@timestamp", "z", 'q"', "é"]),
    min_size=1,
    max_size=5,
    unique=True,
)


def condition(names: list[str]) -> Condition:
    tests = " and ".join(f"`{name}` == 5" for name in names)
    query = compile_query(f"any where {tests}")
    assert isinstance(query, EventQuery)
    return query.condition


def names_in(sql: str) -> list[str]:
    """The names of members, in the order they are written in."""
    return [
        json.loads(text.removeprefix(", ").removesuffix(": "))
        for text in literals(sql)
        if text.endswith(": ")
    ]


@given(NAMES)
def test_an_event_has_the_members_of_the_filters_in_the_order_of_the_alerts_name(
    names: list[str],
) -> None:
    sql = summary(condition(names), "'t'")
    inline = inline_summary(0, "t", ("e",), dict.fromkeys(names, ("v",)))
    assert names_in(sql) == sorted(inline)
    assert is_whole(sql)


def test_the_stages_number_is_left_open() -> None:
    sql = summary(condition(["a"]), "'t'")
    assert """', "stage": ' || U&'\\0003'""" in sql


def test_a_condition_on_the_timestamp_tells_its_values() -> None:
    assert "'t'" not in summary(condition(["@timestamp"]), "'t'")
    assert "'t'" in summary(condition(["a"]), "'t'")


def test_a_field_without_a_value_is_left_out() -> None:
    sql = summary(condition(["a"]), "'t'")
    assert f"""COALESCE(', "a": ' || {plain("`a`")}, '')""" in sql


def test_one_value_is_told_as_it_is_and_several_as_a_list() -> None:
    sql = plain("c")
    assert sql.startswith("CASE WHEN c = U&'\\001e\\001e' THEN CAST(NULL AS STRING) WHEN INSTR(")
    assert "THEN '[' || REPLACE(SUBSTRING(c, 2, CHAR_LENGTH(c) - 2), U&'\\001e', ', ')" in sql
    assert sql.endswith("ELSE SUBSTRING(c, 2, CHAR_LENGTH(c) - 2) END")


@given(st.lists(st.sampled_from(["host.id", "a", 'q"', "é"]), unique=True, max_size=4))
def test_an_object_has_its_names_in_order_and_in_json(names: list[str]) -> None:
    sql = object_of([(name, f"v{number}") for number, name in enumerate(names)])
    assert names_in(sql) == sorted(names)
    assert is_whole(sql)
    for number, name in enumerate(names):
        assert f"{json.dumps(name)}: ' || v{number}" in sql.replace("''", "'")


def test_an_object_without_members_is_empty() -> None:
    assert object_of([]) == "'{' || '' || '}'"


def test_what_is_null_stays_null() -> None:
    assert in_ascii_or_null("c").startswith("CASE WHEN c IS NOT NULL THEN ")
    assert past_16_bits("c").endswith(", FALSE)")


@pytest.mark.parametrize(
    ("char", "is_past"), [("a", False), ("\uffff", False), ("\U00010000", True)]
)
def test_characters_past_16_bits_are_found(char: str, is_past: bool) -> None:
    assert bool(java(PAST_16_BITS).search(f"x{char}")) is is_past
