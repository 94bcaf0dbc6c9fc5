"""In which of many sets, one after another, a value is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql import value_sets as module
from fluent_eql.value_sets import ValueSets

VALUES = st.sampled_from(["a", "b", "5", 5, None])


def test_a_value_is_in_the_sets_that_have_it() -> None:
    sets = ValueSets([["a", "b"], [], ["b", "b", None], ["c"]])
    assert list(sets.places("b")) == [0, 2]
    assert list(sets.places("c")) == [3]
    assert list(sets.places(None)) == [2]
    assert list(sets.places("d")) == []


def test_places_are_counted_from_the_first_one_that_is_left() -> None:
    sets = ValueSets([["a"], ["b"], ["a"]])
    sets.popleft()
    assert list(sets.places("a")) == [1]
    assert list(sets.places("b")) == [0]
    sets.append(["a"])
    assert list(sets.places("a")) == [1, 2]


def test_of_no_sets_none_is_the_first_one() -> None:
    with pytest.raises(IndexError):
        ValueSets().popleft()
    sets = ValueSets([["a"]])
    sets.popleft()
    with pytest.raises(IndexError):
        sets.popleft()


@given(st.lists(st.none() | st.lists(VALUES, max_size=3), max_size=30), st.integers(1, 5))
def test_it_is_as_if_each_set_were_looked_into(
    steps: list[list[str | int | None] | None], group: int
) -> None:
    sets = ValueSets()
    expected: list[list[str | int | None]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GROUP", group)
        for step in steps:
            if step is not None:
                sets.append(step)
                expected.append(step)
            elif expected:
                sets.popleft()
                del expected[0]
            for value in ("a", "b", "5", 5, None):
                found = [place for place, values in enumerate(expected) if value in values]
                assert list(sets.places(value)) == found
