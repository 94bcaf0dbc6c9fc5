from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601, nanoseconds_of
from fluent_eql.sources.transforms import (
    AUDIT_SERIAL,
    AUDIT_TIME,
    DATE_TIME,
    EPOCH_NS,
    EPOCH_S,
    NUMBER,
    TEXT,
    TRANSFORMS,
    WORDS,
    text_of_value,
)

CASES: list[tuple[str, Any, tuple[Any, ...]]] = [
    ("basename", "/tmp/agent", ("agent",)),
    ("basename", "agent", ("agent",)),
    ("basename", "/tmp/", ()),
    ("basename", "", ()),
    ("basename", 7, ()),
    ("extension", "/tmp/a.tar.gz", ("gz",)),
    ("extension", "/tmp.d/agent", ()),
    ("extension", "/home/.bashrc", ()),
    ("extension", "/home/..x", ()),
    ("extension", "/home/.bashrc.bak", ("bak",)),
    ("extension", "/tmp/a.", ()),
    ("extension", None, ()),
    ("words", "-s  http://x -o y", ("-s", "http://x", "-o", "y")),
    ("words", "", ()),
    ("words", 1, ()),
    ("number", "443", (443,)),
    ("number", "1.5", (1.5,)),
    ("number", 443, (443,)),
    ("number", "-", ()),
    ("number", True, ()),
    ("text", 0, ("0",)),
    ("text", "x", ("x",)),
    ("text", True, ("true",)),
    ("epoch_s", 1_800_000_000, ("2027-01-15T08:00:00.000000000Z",)),
    ("epoch_s", 1_800_000_000.5, ("2027-01-15T08:00:00.500000000Z",)),
    ("epoch_s", "1800000000", ("2027-01-15T08:00:00.000000000Z",)),
    ("epoch_s", "2027-01-15T08:00:00Z", ("2027-01-15T08:00:00Z",)),
    ("epoch_s", True, ()),
    ("epoch_s", float("inf"), ()),
    ("epoch_s", float("nan"), ()),
    ("epoch_ns", 1_800_000_000_000_000_001, ("2027-01-15T08:00:00.000000001Z",)),
    ("date", "2027-01-15 08:00:00.123", ("2027-01-15T08:00:00.123Z",)),
    ("date", "2027-01-15 08:00:00", ("2027-01-15T08:00:00Z",)),
    ("date", "2027-01-15T08:00:00.5+01:00", ("2027-01-15T08:00:00.5+01:00",)),
    ("date", 5, ()),
]


@pytest.mark.parametrize(("name", "value", "expected"), CASES)
def test_what_a_value_becomes(name: str, value: Any, expected: tuple[Any, ...]) -> None:
    assert TRANSFORMS[name].run(value) == expected


def test_every_transform_that_can_be_named_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(TRANSFORMS)


@pytest.mark.parametrize(
    ("value", "time", "serial"),
    [
        ("1800000000.123:45", ("2027-01-15T08:00:00.123000000Z",), (45,)),
        ("1800000000:45", (), ()),
        ("x1800000000.123:45", (), ()),
        (18, (), ()),
    ],
)
def test_the_id_of_an_audit_event_has_its_time_and_its_number(
    value: Any, time: tuple[str, ...], serial: tuple[int, ...]
) -> None:
    assert (AUDIT_TIME.run(value), AUDIT_SERIAL.run(value)) == (time, serial)


@given(st.integers(0, 2**62))
def test_a_time_in_nanoseconds_keeps_each_of_them(number: int) -> None:
    assert EPOCH_NS.run(number) == (iso_8601(number),)
    assert nanoseconds_of(EPOCH_NS.run(number)[0]) == number


SCALARS = st.one_of(
    st.text(max_size=12), st.text("/. ab", max_size=12), st.integers(), st.floats(), st.booleans()
)


@given(SCALARS)
def test_what_is_called_a_part_stands_in_the_value(value: Any) -> None:
    for transform in TRANSFORMS.values():
        made = transform.run(value)
        if transform.gives_parts:
            assert all(isinstance(value, str) and part and part in value for part in made)


@given(SCALARS)
def test_no_value_is_too_odd(value: Any) -> None:
    for transform in (*TRANSFORMS.values(), AUDIT_TIME, AUDIT_SERIAL):
        assert isinstance(transform.run(value), tuple)
    assert TEXT.run(value) == (text_of_value(value),)


def test_some_transforms_give_the_value_itself() -> None:
    assert (NUMBER.run(2.5), DATE_TIME.run("x"), EPOCH_S.run("x"), WORDS.run("x")) == (
        (2.5,),
        ("x",),
        ("x",),
        ("x",),
    )
