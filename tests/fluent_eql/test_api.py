from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from fluent_eql.api import (
    DROP,
    KEEP,
    Drop,
    Emission,
    Filter,
    FilterPlugin,
    Keep,
    Metric,
    Outcome,
    Problem,
    Replace,
)
from fluent_eql.event import Event
from fluent_eql.filter import EqlFilter
from fluent_eql.registry import FILTER_METHODS
from fluent_eql.settings import EqlOptions
from fluent_eql.shim import PythonFilter, PythonOptions

EVENT = Event("app", 1, b"\x80")
VALUES = [
    Keep(),
    Drop(),
    Replace((b"\x80",)),
    Emission("app", 1, b"\x80"),
    Problem(EVENT, "reason"),
    Metric("m", "help", "gauge", 1),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_and_compare_by_what_they_hold(value: Any) -> None:
    assert dataclasses.replace(value) == value
    assert hash(dataclasses.replace(value)) == hash(value)
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
        value.time = 2
    assert not hasattr(value, "__dict__")


def test_the_verdicts_without_content_are_ready_made() -> None:
    assert Keep() == KEEP
    assert Drop() == DROP
    verdicts: list[object] = [KEEP, DROP]
    assert verdicts[0] != verdicts[1]


def test_a_replacement_keeps_the_entrys_time_unless_it_says_another() -> None:
    assert Replace((b"\x80",)).time is None
    assert Replace((b"\x80",)) != Replace((b"\x80",), 0)


def test_an_emission_has_no_cause_unless_it_says_one() -> None:
    assert Emission("app", 1, b"\x80").cause is None


def test_outcomes_share_nothing() -> None:
    first, second = Outcome(), Outcome()
    for field in dataclasses.fields(Outcome):
        assert not getattr(first, field.name)
        assert getattr(first, field.name) is not getattr(second, field.name)


def test_the_filters_of_this_package_honour_the_contract() -> None:
    code = "def f(tag, timestamp, record): return 0, 0, 0"
    made = [
        EqlFilter.create(EqlOptions()),
        PythonFilter.create(PythonOptions(call="f", code=code)),
    ]
    assert all(isinstance(filter, Filter) for filter in made)


def test_an_object_that_lacks_one_of_the_methods_is_no_filter() -> None:
    whole = {name: lambda self: None for name in FILTER_METHODS}
    assert isinstance(type("Whole", (), whole)(), Filter)
    for name in FILTER_METHODS:
        part = {other: method for other, method in whole.items() if other != name}
        assert not isinstance(type("Part", (), part)(), Filter)


def test_what_is_checked_at_registration_is_the_whole_contract() -> None:
    declared = {
        name for name, _ in inspect.getmembers(Filter, inspect.isfunction) if name[0] != "_"
    }
    assert declared == set(FILTER_METHODS)
    assert set(FilterPlugin.__annotations__) == {"Options"}
