"""From lines to the events that satisfy a stage: the steps and what each has."""

from __future__ import annotations

import re

import pytest

from fluent_eql.flinksql.records import (
    NO_STAGE,
    NOT_WHOLE,
    ONE_NUMBER,
    ONE_TIME,
    SEVERAL,
    Steps,
    field_steps,
    key_columns,
    keyed_step,
    told_steps,
)
from fluent_eql.flinksql.stages import Group, groups_of
from fluent_eql.lang import compile_query
from support.flink_sql import is_whole, java, literals, skeleton, steps_in, text_of_values

SEQUENCE = (
    'sequence by host.id, ?user.name [any where cidrmatch(source.ip, "10.0.0.0/8")] by a'
    ' [any where b == "x"] by c until [any where d == 1] by a'
)


def groups(text: str = SEQUENCE) -> list[Group]:
    return groups_of(compile_query(text))


def told(text: str = SEQUENCE) -> tuple[Steps, str]:
    steps, own = Steps(), groups(text)
    return steps, told_steps(steps, own, field_steps(steps, own, "TRUE"))


def test_a_query_has_the_steps_up_to_its_last() -> None:
    steps = Steps()
    steps.add("a", "SELECT 1")
    steps.add("b", "SELECT 2")
    assert steps.query("SELECT *", "a") == "WITH a AS (\nSELECT 1\n)\nSELECT * FROM a"
    assert steps.query("SELECT x", "b").endswith("b AS (\nSELECT 2\n)\nSELECT x FROM b")


def test_what_a_step_makes_is_unnested_so_that_it_is_computed_once() -> None:
    steps = Steps()
    assert steps.step("s", "t", ["line"], {"`x y`": "F(line)", "z": "G(line)"}) == "s"
    assert steps.query("SELECT *", "s") == (
        "WITH s AS (\nSELECT b.line, m.m0 AS `x y`, m.m1 AS z\nFROM t AS b\n"
        "CROSS JOIN UNNEST(ARRAY[ROW(\n  F(line),\n  G(line)\n)]) AS m (m0, m1)\n)"
        "\nSELECT * FROM s"
    )


def test_every_step_reads_the_one_before() -> None:
    steps, last = told()
    query = steps.query("SELECT *", last)
    assert is_whole(query)
    found = steps_in(query)
    assert list(found)[0] == "screened_lines"
    assert list(found)[-1] == last == "told_events"
    names = list(found)
    for before, name in zip(names, names[1:], strict=False):
        assert re.search(rf"FROM {before}\b", found[name])


def test_all_fields_of_conditions_and_keys_and_what_names_an_event_are_read_once() -> None:
    steps, last = told()
    found = steps_in(steps.query("SELECT *", last))
    read = re.findall(r"m\.m\d+ AS `([^`]+)`", found["field_json"])
    assert sorted(read) == sorted(
        ["@timestamp", "event.id", "event.sequence", "source.ip", "b", "d"]
        + ["host.id", "user.name", "a", "c"]
    )


def test_addresses_are_made_only_where_a_network_is_tested() -> None:
    steps, last = told()
    assert "addresses_3" in steps_in(steps.query("SELECT *", last))
    steps, last = told('any where b == "x"')
    assert not [name for name in steps_in(steps.query("SELECT *", last)) if "address" in name]


def test_a_row_is_made_of_each_stage_that_holds_the_last_first_and_the_end_after_all() -> None:
    steps, last = told()
    query = steps_in(steps.query("SELECT *", last))["satisfied_stages"]
    numbers = [int(number) for number in re.findall(r"ROW\((-?\d), ", query)]
    assert numbers == [NO_STAGE, 1, 0, 2]
    assert query.count("reason IS NULL AND ") == 3
    assert query.endswith("WHERE s.holds")


def test_a_record_that_is_not_read_satisfies_no_stage_but_is_told() -> None:
    steps, last = told()
    query = steps_in(steps.query("SELECT *", last))["satisfied_stages"]
    assert f"ROW({NO_STAGE}, reason IS NOT NULL)" in query


def test_there_are_as_many_key_columns_as_join_keys() -> None:
    assert key_columns(groups()) == ["key_0", "key_1", "key_2"]
    assert key_columns(groups("any where true")) == []


def test_join_keys_have_the_names_of_the_stages_and_only_optional_ones_may_be_null() -> None:
    steps, last = told()
    query = steps_in(steps.query("SELECT *", last))["stage_values"]
    assert "CASE stage WHEN 0 THEN `a` WHEN 1 THEN `c` WHEN 2 THEN `a` END" in query
    assert query.count("U&'\\001enull\\001e'") == 1
    assert "CASE WHEN `user.name` = U&'\\001e\\001e' THEN U&'\\001enull\\001e'" in query


def test_an_event_has_a_row_for_each_combination_of_its_keys_values() -> None:
    steps = Steps()
    query = steps.query("SELECT *", keyed_step(steps, groups(), "told"))
    rows = steps_in(query)["key_values"]
    assert rows.count("CROSS JOIN UNNEST(ARRAY_DISTINCT(SPLIT(") == 3
    assert rows.endswith("WHERE m.reason IS NULL")
    assert is_whole(query)


def test_the_keys_are_told_by_the_names_of_the_first_stage_in_order() -> None:
    steps = Steps()
    query = steps.query("SELECT *", keyed_step(steps, groups(), "told"))
    names = [text for text in literals(steps_in(query)["key_values"]) if text.endswith('": ')]
    assert names == ['"a": ', '"host.id": ', '"user.name": ']


def test_without_join_keys_all_events_are_of_one_entity() -> None:
    steps = Steps()
    own = groups("sequence [any where a == 1] [any where b == 1]")
    rows = steps_in(steps.query("SELECT *", keyed_step(steps, own, "told")))["key_values"]
    assert "'' AS entity" in rows
    assert "CROSS JOIN" not in rows


@pytest.mark.parametrize(
    ("values", "is_several"), [([], False), (["x"], False), (["x", 5], True), ([""], False)]
)
def test_several_values_are_more_than_one(values: list[object], is_several: bool) -> None:
    assert bool(java(SEVERAL).search(text_of_values(values))) is is_several


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ([1, -5, 2**63], False),
        ([1.5], True),
        ([5, 1.0], True),
        (["1.5", "1e3"], False),
        ([], False),
    ],
)
def test_a_join_key_that_is_no_whole_number_is_told(values: list[object], is_told: bool) -> None:
    assert bool(java(NOT_WHOLE).search(text_of_values(values))) is is_told


@pytest.mark.parametrize(
    ("values", "number"),
    [([7], "7"), ([-1.5], "-1.5"), (["7"], None), ([True], None), ([], None), ([3, 2], "3")],
)
def test_the_tiebreaker_is_the_first_value_where_that_is_a_number(
    values: list[object], number: str | None
) -> None:
    found = java(ONE_NUMBER).search(text_of_values(values))
    assert (found[1] if found else None) == number


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["2026-11-24T02:48:32Z"], "2026-11-24T02:48:32Z"),
        ([1790000000000], "1790000000000"),
        (["2026-11-24T02:48:32Z\n"], None),
        (["a", "b"], None),
        ([], None),
    ],
)
def test_the_time_of_an_event_is_its_only_value(values: list[object], text: str | None) -> None:
    found = java(ONE_TIME).search(text_of_values(values))
    assert (found[1] if found else None) == text


def test_each_reason_for_which_an_event_is_not_taken_is_told() -> None:
    steps, last = told()
    told_events = steps_in(steps.query("SELECT *", last))["told_events"]
    reasons = re.findall(r"THEN '([a-z][^']*)'", told_events)
    assert reasons[:3] == [
        "no usable @timestamp",
        "a second @timestamp before its own",
        "a character past U+FFFF in what names the event",
    ]
    assert reasons.count("a join key that is no whole number") == 3
    assert "CASE" in skeleton(told_events)
