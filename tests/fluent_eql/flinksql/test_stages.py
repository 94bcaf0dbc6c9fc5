"""The stages of a sequence as groups."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.stages import MOST_REPEATS, Group, groups_of
from fluent_eql.lang import SequenceQuery, compile_query


def groups(text: str) -> list[Group]:
    return groups_of(compile_query(text))


def test_a_single_event_is_one_group_without_a_key() -> None:
    [group] = groups("any where a == 1")
    assert (group.number, group.by, group.first, group.count, group.ends) == (0, (), 0, 1, False)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.booleans())
def test_the_groups_are_the_stages_with_their_repetitions_then_the_end(
    runs: list[int], has_end: bool
) -> None:
    stages = " ".join(f"[any where a == {n}] with runs={count}" for n, count in enumerate(runs))
    end = " until [any where z == 1]" if has_end else ""
    query = compile_query(f"sequence by h {stages}{end}")
    assert isinstance(query, SequenceQuery)
    found = groups_of(query)
    assert [group.number for group in found] == list(range(len(found)))
    own = [group for group in found if not group.ends]
    assert [group.count for group in own] == runs
    assert [group.first for group in own] == [sum(runs[:n]) for n in range(len(runs))]
    assert [group.condition for group in own] == [
        stage.condition for _, (stage, *_) in groupby(query.stages, key=id)
    ]
    assert [group.ends for group in found] == [False] * len(own) + [True] * has_end
    assert all([key.name for key in group.by] == ["h"] for group in found)


def test_two_stages_that_say_the_same_are_two_groups() -> None:
    assert [group.count for group in groups("sequence [any where a==1] [any where a==1]")] == [1, 1]


def test_as_many_repetitions_as_are_allowed_are_one_group() -> None:
    first, _ = groups(f"sequence [any where a == 1] with runs={MOST_REPEATS} [any where b == 1]")
    assert first.count == MOST_REPEATS


def test_more_repetitions_and_missing_events_are_refused() -> None:
    with pytest.raises(NotExportableError, match="with runs of more than 100"):
        groups(f"sequence [any where a == 1] with runs={MOST_REPEATS + 1} [any where b == 1]")
    with pytest.raises(NotExportableError, match="a missing event"):
        groups("sequence with maxspan=1s ![any where a == 1] [any where b == 1]")


def test_a_maxspan_that_no_interval_holds_is_refused_with_its_place() -> None:
    assert groups("sequence with maxspan=998d [any where a == 1] [any where b == 1]")
    with pytest.raises(NotExportableError, match="a maxspan of a thousand days") as caught:
        groups("sequence with maxspan=999d [any where a == 1] [any where b == 1]")
    assert caught.value.position is not None
    assert caught.value.position.column == 1


def test_a_missing_event_is_refused_with_its_place() -> None:
    with pytest.raises(NotExportableError, match="a missing event") as caught:
        groups("sequence with maxspan=1s [any where a == 1] ![any where b == 1]")
    assert caught.value.position is not None
    assert caught.value.position.column in (45, 46)
