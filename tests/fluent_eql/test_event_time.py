"""Reading and writing event times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601, nanoseconds_of

SECOND = 10**9


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND  # type: ignore[arg-type, misc]


MOMENT = utc(2026, 11, 24, 2, 48, 32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T02:48:32Z", MOMENT),
        ("2026-11-24T02:48:32", MOMENT),
        ("2026-11-24T02:48:32.1Z", MOMENT + 100_000_000),
        ("2026-11-24T02:48:32.123Z", MOMENT + 123_000_000),
        ("2026-11-24T02:48:32.123456Z", MOMENT + 123_456_000),
        ("2026-11-24T02:48:32.123456789Z", MOMENT + 123_456_789),
        ("2026-11-24T02:48:32.000000001Z", MOMENT + 1),
        ("2026-11-24T02:48:32,5Z", MOMENT + 500_000_000),
        ("2026-11-24T02:48:32.1234567899999Z", MOMENT + 123_456_789),
        ("2026-11-24T02:48:32.5", MOMENT + 500_000_000),
        ("2026-11-24T04:48:32+02:00", MOMENT),
        ("2026-11-24T04:48:32.5+0200", MOMENT + 500_000_000),
        ("2026-11-24T04:48:32+02", MOMENT),
        ("2026-11-23T21:18:32-05:30", MOMENT),
        ("2026-11-24T02:48:32+00:00", MOMENT),
        ("2026-11-24T02:48Z", utc(2026, 11, 24, 2, 48)),
        ("2026-11-24T02Z", utc(2026, 11, 24, 2)),
        ("2026-11-24T02", utc(2026, 11, 24, 2)),
        ("2026-11-24", utc(2026, 11, 24)),
        ("2026-11", utc(2026, 11, 1)),
        ("2026", utc(2026, 1, 1)),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2024-02-29", utc(2024, 2, 29)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("9999-12-31T23:59:59.999999999Z", utc(9999, 12, 31, 23, 59, 59) + 999_999_999),
    ],
)
def test_iso_8601_is_read_to_the_nanosecond(text: str, expected: int) -> None:
    assert nanoseconds_of(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_764_000_000_000, 1_764_000_000_000 * 10**6),
        ("1764000000000", 1_764_000_000_000 * 10**6),
        (0, 0),
        (-1, -(10**6)),
        ("-86400000", -86_400 * SECOND),
        (1.5, 1_500_000),
        (1_764_000_000_001.0, 1_764_000_000_001_000_000),
        (-1_764_000_000_001.5, -1_764_000_000_001_500_000),
        (1_764_000_000_000.25, 1_764_000_000_000_250_000),
        ("12345", 12_345 * 10**6),
        (2**63 - 1, (2**63 - 1) * 10**6),
    ],
)
def test_numbers_are_milliseconds(value: Any, expected: int) -> None:
    assert nanoseconds_of(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        " ",
        "now",
        "2026-11-24 02:48:32",
        " 2026-11-24",
        "2026-11-24T02:48:32Z ",
        "2026-11-24T02:48:32Z\n",
        "2026-11-24T02:48:32.Z",
        "2026-11-24T02:48.5Z",
        "2026-11-24T02:48:32+2",
        "2026-11-24T02:48:32+99:00",
        "2026-11-24T24:00:00Z",
        "2026-11-24T02:60:00Z",
        "2026-11-24T02:48:60Z",
        "2026-13-01",
        "2026-02-30",
        "2026-1-1",
        "0000-01-01",
        "26-11-24",
        "Tue Nov 24 02:48:32 2026",
        "1764000000.123",
        "1e12",
        "0x10",
        "٢٠٢٦",
        "9" * 19,
        "9" * 5000,
        2**63,
        -(2**63),
        1.8446744073709552e22,
        float("nan"),
        float("inf"),
        float("-inf"),
        b"2026-11-24",
        [],
        {},
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert nanoseconds_of(value) is None


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (MOMENT + 123_456_789, "2026-11-24T02:48:32.123456789Z"),
        (utc(1, 1, 1), "0001-01-01T00:00:00.000000000Z"),
        (10**30, str(10**30)),
        (-(10**30), str(-(10**30))),
    ],
)
def test_times_are_written_with_nanoseconds(nanoseconds: int, expected: str) -> None:
    assert iso_8601(nanoseconds) == expected


@settings(deadline=None)
@given(st.integers(utc(1, 1, 1), utc(9999, 12, 31, 23, 59, 59) + SECOND - 1))
def test_a_time_that_is_written_reads_the_same(nanoseconds: int) -> None:
    assert nanoseconds_of(iso_8601(nanoseconds)) == nanoseconds


@settings(deadline=None)
@given(st.one_of(st.text(), st.integers(), st.floats(), st.from_regex(r"[0-9T:.,Z+-]{0,30}")))
def test_no_value_at_all_raises(value: Any) -> None:
    found = nanoseconds_of(value)
    assert found is None or isinstance(found, int)
