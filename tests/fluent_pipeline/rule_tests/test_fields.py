from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.fields import Fields as FieldsOfRecord
from fluent_pipeline.rule_tests.fields import Change, changed, clash, record_of


def record(*changes: tuple[tuple[str, ...], Any]) -> dict[str, Any]:
    return record_of(changed({}, [Change(path, value) for path, value in changes]))


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a", True),
        ("a", "a.b", True),
        ("a.b", "a.c", False),
        ("ab", "a", False),
        ("a.bc", "a.b", False),
    ],
)
def test_a_field_clashes_with_itself_and_with_those_within_it(
    name: str, other: str, expected: bool
) -> None:
    assert clash(name, other) is expected


def test_a_field_keeps_the_spelling_in_which_it_is_set() -> None:
    assert record((("a.b",), 1), (("a", "c"), 2), (("d", "e.f"), 3)) == {
        "a.b": 1,
        "a": {"c": 2},
        "d": {"e.f": 3},
    }


def test_a_field_is_replaced_whatever_the_spelling() -> None:
    assert record((("a.b",), 1), (("a", "b"), 2)) == {"a": {"b": 2}}
    assert record((("a", "b"), 1), (("a", "c"), 2), (("a.b",), 3)) == {"a": {"c": 2}, "a.b": 3}


def test_nothing_takes_a_field_away_and_all_within_it() -> None:
    assert record((("a.b",), 1), (("a", "c"), 2), (("d",), 3), (("a",), None)) == {"d": 3}
    assert record((("a.b",), 1), (("a", "b"), None)) == {}


def test_a_field_takes_the_place_of_the_ones_around_it() -> None:
    assert record((("a",), 1), (("a", "b"), 2)) == {"a": {"b": 2}}
    assert record((("a", "b"), 2), (("a",), 1)) == {"a": 1}


PATHS = st.lists(st.sampled_from(["a", "b", "c", "a.b", "b.c"]), min_size=1, max_size=3).map(tuple)


@given(st.lists(st.tuples(PATHS, st.none() | st.integers(0, 9)), max_size=8))
def test_the_last_value_of_a_field_is_the_one_that_a_rule_sees(
    changes: list[tuple[tuple[str, ...], int | None]],
) -> None:
    fields = FieldsOfRecord(record(*changes))
    expected: dict[str, int] = {}
    for path, value in changes:
        name = ".".join(path)
        expected = {known: old for known, old in expected.items() if not clash(known, name)}
        if value is not None:
            expected[name] = value
    for path, _ in changes:
        name = ".".join(path)
        assert fields[name] == ((expected[name],) if name in expected else ())
