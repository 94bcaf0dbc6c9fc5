from __future__ import annotations

import pytest

from fluent_pipeline.bench.workloads import LONG, MAIN, PUBLIC, WORKLOADS, chosen


def test_every_workload_has_a_name_of_its_own() -> None:
    assert len({workload.name for workload in WORKLOADS}) == len(WORKLOADS)


def test_all_but_the_long_ones_are_chosen_where_none_is_named() -> None:
    assert set(WORKLOADS) - set(chosen([], public=True)) == set(LONG)
    assert chosen([], long=True, public=True) == WORKLOADS


def test_workloads_with_public_rules_are_chosen_where_there_are_such_rules() -> None:
    assert set(chosen([], public=True)) - set(chosen([])) == set(PUBLIC)
    (public,) = chosen(["linux-rules"], public=True)
    assert public.public
    with pytest.raises(ValueError, match="linux-rules needs .* FLUENT_EQL_DETECTION_RULES"):
        chosen(["linux-rules"])


def test_a_named_workload_is_chosen_alone_and_a_quick_one_is_smaller() -> None:
    assert chosen(["main"]) == (MAIN,)
    (quick,) = chosen(["main"], quick=True)
    assert quick.records < MAIN.records


def test_an_unknown_name_is_an_error_that_tells_the_names() -> None:
    with pytest.raises(ValueError, match=r"expected one of main, .*, found maim"):
        chosen(["maim"])
