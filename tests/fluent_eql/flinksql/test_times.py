"""When an event happened, in SQL: what is read as a time, and as which."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601, nanoseconds_of
from fluent_eql.flinksql import times
from support.flink_sql import is_whole, java, literals

ISO, MILLISECONDS = java(times.ISO), java(times.MILLISECONDS)
SPAN = st.integers(0, 999 * 86_400 * 10**9)
DATES = st.datetimes(datetime(1971, 1, 2), datetime(2254, 12, 30))
FRACTIONS = st.one_of(st.just(""), st.from_regex(r"[.,][0-9]{1,12}", fullmatch=True))
ZONES = st.from_regex(r"(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?", fullmatch=True)
NEARLY = st.text("0123456789T:.,Z+-\n ", max_size=12)


@given(DATES, FRACTIONS, ZONES)
def test_every_date_with_a_time_of_day_a_fraction_and_a_zone_is_read(
    date: datetime, fraction: str, zone: str
) -> None:
    text = f"{date:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"
    assert ISO.fullmatch(text)
    assert nanoseconds_of(text) is not None
    assert re.fullmatch(times.WRITTEN, text)


@given(DATES, FRACTIONS, ZONES, NEARLY)
def test_what_the_filter_does_not_read_is_not_read(
    date: datetime, fraction: str, zone: str, more: str
) -> None:
    text = f"{date:%Y-%m-%dT%H:%M:%S}{fraction}{zone}{more}"
    if re.fullmatch(times.WRITTEN, text) and ISO.search(text):
        assert nanoseconds_of(text) is not None


@given(DATES, FRACTIONS, ZONES)
def test_the_parts_of_a_time_stand_where_they_are_taken_from(
    date: datetime, fraction: str, zone: str
) -> None:
    text = f"{date:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"
    found = java(times.FRACTION).search(text)
    digits = found[1] if found else "0"
    sign, hours, minutes = (
        (part or "00" for part in java(times.ZONE).findall(text)[0])
        if (zone not in ("", "Z"))
        else ("+", "00", "00")
    )
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    utc = date.replace(microsecond=0, tzinfo=UTC) + (offset if sign == "-" else -offset)
    seconds = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert nanoseconds_of(text) == seconds * 10**9 + int(digits.ljust(9, "0")[:9])


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24",
        "2026-11-24T02:48Z",
        "2026-11-24 02:48:32Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T02:48:60Z",
        "2026-11-24T02:48:32+24:00",
        "2026-11-24T02:48:32+10:60",
        "2026-11-24T02:48:32.Z",
        "1969-12-31T23:59:59Z",
        "1677-09-21T00:12:44Z",
        "2262-04-11T23:47:17Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_times_in_other_forms_and_other_centuries_are_not_read(text: str) -> None:
    assert not ISO.search(text)


@given(st.integers(10_000, 9 * 10**12 - 1))
def test_milliseconds_are_read_as_far_as_their_nanoseconds_fit(milliseconds: int) -> None:
    assert MILLISECONDS.fullmatch(str(milliseconds))
    assert nanoseconds_of(str(milliseconds)) == milliseconds * 10**6 < 2**63


@pytest.mark.parametrize("text", ["9999", "-10000", "9000000000000", "1e9", "12345.5", "", "x"])
def test_other_numbers_are_not_read(text: str) -> None:
    assert not MILLISECONDS.search(text)


@given(st.integers(0, 2**62))
def test_what_the_filter_writes_is_read(nanoseconds: int) -> None:
    text = iso_8601(nanoseconds)
    assert bool(ISO.fullmatch(text)) is (text[:4] in map(str, range(1971, 2255)))


@given(SPAN)
def test_an_interval_is_its_span_rounded_up_to_milliseconds(nanoseconds: int) -> None:
    found = re.fullmatch(
        r"INTERVAL '(\d+) (\d\d):(\d\d):(\d\d)\.(\d{3})' DAY\(3\) TO SECOND\(3\)",
        times.interval(nanoseconds),
    )
    assert found is not None
    days, hours, minutes, seconds, milliseconds = map(int, found.groups())
    assert hours < 24
    assert minutes < 60
    assert seconds < 60
    whole = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
    assert whole * 10**6 - 10**6 < nanoseconds <= whole * 10**6


def test_the_formulas_test_the_form_before_they_take_parts() -> None:
    for formula, digits in ((times.nanoseconds, 9), (times.milliseconds, 3)):
        sql = formula("t")
        assert is_whole(sql)
        assert sql.startswith(f"CASE WHEN REGEXP(t, '{times.ISO}') THEN ")
        assert f"* {10**digits} + CAST(SUBSTRING(" in sql
        assert sql.endswith(f"THEN CAST(t AS BIGINT) * {10 ** (digits - 3)} END")
        assert {times.ISO, times.MILLISECONDS} <= set(literals(sql))


def test_a_date_that_there_is_not_has_no_seconds() -> None:
    assert "TRY_CAST(SUBSTRING(t, 1, 10) AS DATE)" in times.seconds_of("t")


def test_a_moment_is_rounded_down_also_before_the_epoch() -> None:
    assert times.moment("n") == (
        "TO_TIMESTAMP_LTZ((n - MOD(MOD(n, 1000000) + 1000000, 1000000)) / 1000000, 3)"
    )
