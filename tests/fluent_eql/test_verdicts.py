"""What values of fields leave possible of conditions, and how much of it is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql import verdicts
from fluent_eql.columns import Columns, Value, fitting
from fluent_eql.event import encode_value
from fluent_eql.fields import Fields
from fluent_eql.lang import Condition, compile
from fluent_eql.verdicts import ByValue, Joint, numbers_of, top_of
from support.random_conditions import CATEGORIES, CATEGORY, CONDITIONS, NAMES, condition, records
from support.rows import rowed_records

HEAD = b"\x92\x00"
TEXTS = st.lists(
    st.tuples(CONDITIONS, st.sampled_from(["any", "any", *CATEGORIES])), min_size=1, max_size=6
)
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.sampled_from(["", "x", "Ab", "/tmp/sh", "10.0.0.1", "file", "category", "é"]),
    st.sampled_from([0, 1, 5, -33, 2**53 + 1, 2**64 - 1, -(2**63)]),
    st.lists(st.sampled_from(["x", "sh", 0, 5, None]), max_size=3).map(tuple),
)


def made(texts: Sequence[tuple[str, str]]) -> list[Condition]:
    return [condition(text, category) for text, category in texts]


def conditions(*texts: str) -> list[Condition]:
    return [condition(text) for text in texts]


def record_with(name: str, value: Value) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value}


def satisfied(those: Sequence[Condition], record: dict[str, Any]) -> int:
    fields = Fields(record)
    return sum(1 << number for number, one in enumerate(those) if one.matches(fields))


@settings(max_examples=100)
@given(TEXTS, st.sampled_from((*NAMES, CATEGORY)), VALUES, records(), st.booleans())
def test_a_value_leaves_possible_whatever_a_record_with_it_satisfies(
    texts: list[tuple[str, str]],
    name: str,
    value: Value,
    others: dict[str, Any],
    scans: bool,
) -> None:
    those, by_value = made(texts), ByValue(name, made(texts))
    if scans:
        by_value.scan_for_tests()
    left = by_value[value]
    fields = Fields(others)
    fields[name] = Fields(record_with(name, value))[name]
    found = sum(1 << number for number, one in enumerate(those) if one.matches(fields))
    assert found & ~left == 0
    assert by_value[value] == left


@settings(max_examples=100)
@given(TEXTS, st.sampled_from((*NAMES, CATEGORY)), st.lists(VALUES, min_size=1, max_size=4))
def test_with_scans_a_value_leaves_possible_what_it_does_without(
    texts: list[tuple[str, str]], name: str, values: list[Value]
) -> None:
    plain, scanning = ByValue(name, made(texts)), ByValue(name, made(texts))
    scanning.scan_for_tests()
    assert [scanning[value] for value in values] == [plain[value] for value in values]


@settings(max_examples=100)
@given(CONDITIONS, VALUES)
def test_a_condition_on_one_field_is_decided_by_its_value(text: str, value: Value) -> None:
    one = condition(text)
    if len(one.fields) == 1:
        [name] = one.fields
        assert ByValue(name, [one])[value] == satisfied([one], record_with(name, value))


@settings(max_examples=100)
@given(
    TEXTS,
    st.lists(st.sampled_from((*NAMES, CATEGORY)), unique=True),
    st.lists(rowed_records(), min_size=1, max_size=3),
)
def test_values_together_leave_possible_whatever_the_record_satisfies(
    texts: list[tuple[str, str]], names: list[str], drawn: list[dict[str, Any]]
) -> None:
    those, fit = made(texts), list(fitting(names))
    objects = sorted({"a", "process", "event", "x", "labels"}.difference(map(top_of, fit)))
    others = [name for one in those for name in one.fields if top_of(name) in objects]
    columns = Columns(fit, (), objects, others)
    joint = Joint(those, [ByValue(name, those) for name in fit], objects)
    values_of = columns.getter(fit, objects)
    for record in drawn:
        row = columns.row(HEAD + encode_value(record))
        if row is None:
            continue
        found, left = satisfied(those, record), joint[values_of(row)]
        assert found & ~left == 0
        for number, one in enumerate(those):
            if fit and set(one.fields) <= set(fit):
                assert left >> number & 1 == found >> number & 1


def joint_of(those: Sequence[Condition], *names: str, objects: Sequence[str] = ()) -> Joint:
    return Joint(those, [ByValue(name, those) for name in names], objects)


def test_what_two_fields_say_together_is_tested_as_well() -> None:
    joint = joint_of(conditions('a == "x" or b == "y"', 'a != "z" and c == 1', "a == b"), "a", "b")
    assert joint["x", "z"] == 0b011
    assert joint["z", "y"] == 0b001
    assert joint["w", "w"] == 0b110
    assert joint["z", "w"] == 0


def test_an_object_that_is_absent_has_no_fields() -> None:
    those = conditions('a == 1 and o.x == "y"', 'o.x == "y" or a == 2', "o.x == null", "p.x == 1")
    joint = joint_of(those, "a", objects=["o", "p"])
    assert joint[1, True, True] == 0b1111
    assert joint[2, True, True] == 0b1110
    assert joint[1, False, True] == 0b1100
    assert joint[2, False, False] == 0b0110


def noted_tests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The fields that are tested, each time they are, as tests that are made from now on tell."""
    found: list[tuple[str, ...]] = []

    def condition_of(expression: Any) -> Condition:
        one = compile.condition_of(expression)

        def matches(fields: Any) -> bool:
            found.append(one.fields)
            return one.matches(fields)

        return Condition(one.expression, matches, one.fields)

    monkeypatch.setattr(verdicts, "condition_of", condition_of)
    return found


def test_a_value_is_tested_once_and_so_is_a_test_that_conditions_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tests = noted_tests(monkeypatch)
    by_value = ByValue("a", conditions('a == "x" and b == 1', 'a == "x" and b == 2', 'c == "x"'))
    assert [by_value[value] for value in ("x", "y", "x", "y", ("x",), "x")] == [7, 4, 7, 4, 7, 7]
    assert (by_value.missed, len(tests)) == (3, 3)


def test_with_scans_only_those_tests_are_made_whose_texts_are_in_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tests = noted_tests(monkeypatch)
    by_value = ByValue("a", conditions(*(f'a == "some text {number}"' for number in range(20))))
    by_value.scan_for_tests()
    assert by_value["some text 7"] == 1 << 7
    assert by_value["other"] == 0
    assert len(tests) == 1


def test_of_one_field_no_more_values_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdicts, "MOST_VALUES", 3)
    by_value = ByValue("a", conditions("a == 5"))
    for value in (*range(10), 5):
        assert by_value[value] == (value == 5)
        assert 0 < len(by_value) <= 3


def test_of_fields_together_no_more_values_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdicts, "MOST_VALUES", 3)
    joint = joint_of(conditions("a == 5 and b == 5"), "a", "b")
    for value in (*range(10), 5):
        assert joint[value, 5] == (value == 5)
        assert 0 < len(joint) <= 3


LONG = "x" * (verdicts.LONGEST_VALUE + 1)


@pytest.mark.parametrize("value", [LONG, (LONG,), ("y", LONG[:-2], None), (0,) * len(LONG)])
def test_a_long_value_is_told_and_not_remembered(value: Value) -> None:
    by_value = ByValue("a", conditions('a : "x*"', "a == 0", "b == 0"))
    joint = joint_of(conditions('a : "x*" and b == 1', "a == 0"), "a", "b")
    is_zeros = isinstance(value, tuple) and value[0] == 0
    for _ in range(2):
        assert by_value[value] == (0b110 if is_zeros else 0b101)
        assert joint[value, 1] == (0b10 if is_zeros else 0b01)
    assert (len(by_value), len(joint)) == (0, 0)


def test_values_that_are_long_together_are_not_remembered_together() -> None:
    half = LONG[: len(LONG) // 2 + 1]
    joint = joint_of(conditions("length(a) == length(b)"), "a", "b")
    assert [joint[half, half], joint[half, "y"]] == [1, 0]
    assert list(joint) == [(half, "y")]


def test_a_value_as_long_as_allowed_is_remembered() -> None:
    by_value = ByValue("a", conditions("b == 0"))
    assert by_value[LONG[:-1]] == 1
    assert len(by_value) == 1


def test_past_some_sets_of_absent_objects_no_more_is_told_from_absence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdicts, "MOST_ABSENCES", 2)
    names = ("o", "p", "q")
    those = conditions(*(f'{name}.x == "y"' for name in names), "a == 1")
    joint = joint_of(those, "a", objects=names)
    rows = [(1, False, True, True), (1, True, False, True), (1, True, True, False)]
    assert [joint[row] for row in rows] == [0b1110, 0b1101, 0b1111]
    assert [joint[2, *row[1:]] for row in rows] == [0b0110, 0b0101, 0b0111]


@given(st.sets(st.integers(0, 300)))
def test_the_numbers_of_a_sum_of_bits_come_in_their_order(numbers: set[int]) -> None:
    assert list(numbers_of(sum(1 << number for number in numbers))) == sorted(numbers)


def test_the_top_of_a_name_is_its_first_part() -> None:
    assert [top_of(name) for name in ("a", "a.b.c", "process.name")] == ["a", "a", "process"]
