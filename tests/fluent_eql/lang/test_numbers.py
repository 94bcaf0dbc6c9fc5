from __future__ import annotations

import math
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.lang.numbers import OPERATIONS, is_number, number_text, parse_number

LONGS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        (7, "+", 3, 10),
        (7, "+", -3, 4),
        (7, "-", -3, 10),
        (7, "*", 3, 21),
        (7, "*", 3.0, 21.0),
        (7, "/", 3, 2),
        (-7, "/", 3, -2),
        (7, "/", -3, -2),
        (-7, "/", -3, 2),
        (7, "/", 3.0, 7 / 3),
        (7.0, "/", 2, 3.5),
        (7, "%", 3, 1),
        (-7, "%", 3, -1),
        (7, "%", -3, 1),
        (-7.5, "%", 2, -1.5),
        (7.5, "%", -2, 1.5),
        # no result
        (1, "/", 0, None),
        (1, "%", 0, None),
        (2**63, "*", 4, None),
        (-(2**63), "-", 1, None),
        (2**64 - 1, "+", 1, None),
        (2**64 - 2, "+", 1, 2**64 - 1),
        (-(2**63) + 1, "-", 1, -(2**63)),
        # floats know infinity
        (1, "/", 0.0, INF),
        (-1.0, "/", 0, -INF),
        (1, "/", -0.0, -INF),
        (1e308, "*", 10, INF),
        # values that are no numbers
        ("1", "+", 1, None),
        (1, "+", None, None),
        (True, "+", 1, None),
        (1, "*", False, None),
    ],
)
def test_arithmetic(left: Any, operator: str, right: Any, expected: Any) -> None:
    result = OPERATIONS[operator](left, right)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [(0.0, "/", 0), (0, "/", 0.0), (NAN, "/", 0), (1.0, "%", 0), (INF, "%", 2), (NAN, "+", 1)],
)
def test_a_float_may_be_no_number(left: Any, operator: str, right: Any) -> None:
    result = OPERATIONS[operator](left, right)
    assert isinstance(result, float)
    assert math.isnan(result)


@given(LONGS, LONGS.filter(bool))
def test_a_quotient_and_a_remainder_make_up_the_dividend(left: int, right: int) -> None:
    quotient, remainder = OPERATIONS["/"](left, right), OPERATIONS["%"](left, right)
    assert quotient is not None
    assert remainder is not None
    assert quotient * right + remainder == left
    assert abs(remainder) < abs(right)
    assert not remainder or (remainder < 0) is (left < 0)


@given(st.sampled_from(sorted(OPERATIONS)), LONGS | FLOATS, LONGS | FLOATS)
def test_arithmetic_never_fails(operator: str, left: Any, right: Any) -> None:
    result = OPERATIONS[operator](left, right)
    if isinstance(left, float) or isinstance(right, float):
        assert isinstance(result, float)
    else:
        assert result is None or isinstance(result, int)


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("314", None, 314),
        ("-314", 10, -314),
        ("+314", 10, 314),
        ("3.14", None, 3.14),
        ("-3.14", 10, -3.14),
        (".5", None, 0.5),
        ("5.", None, 5.0),
        ("1e3", None, 1000.0),
        ("1.5E-3", None, 0.0015),
        ("007", None, 7),
        ("0x1337", None, 4919),
        ("0x1337", 16, 4919),
        ("1337", 16, 4919),
        ("-ff", 16, -255),
        ("052403", 8, 21763),
        ("52403", 7, 12890),
        ("zZ", 36, 1295),
        ("9223372036854775807", None, 2**63 - 1),
        ("9223372036854775808", None, 2.0**63),
        ("1e999", None, INF),
        # no numbers
        ("", None, None),
        ("x", None, None),
        ("1x", None, None),
        (" 1", None, None),
        ("1_000", None, None),
        ("\u0661", None, None),
        ("1\n", None, None),
        ("e5", None, None),
        (".", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("0x", None, None),
        ("0xg", None, None),
        ("0x10", 10, None),
        ("0x10", 8, None),
        ("0x0x10", None, None),
        ("-0x10", 16, None),
        ("0b1", 2, None),
        ("0b1", 16, 177),
        ("-0o7", 8, None),
        ("0xx", 36, 1221),
        ("1.5", 16, None),
        ("8", 8, None),
        ("2", 2, None),
        ("1_0", 16, None),
        ("8000000000000000", 16, None),
        ("1" * 2000, None, None),
        ("1", 1, None),
        ("1", 37, None),
        ("1", 0, None),
        ("1", 10.0, None),
        ("1", True, None),
        ("1", "10", None),
        (1, None, None),
        (None, None, None),
        (True, None, None),
    ],
)
def test_the_number_that_a_text_says(text: Any, base: Any, expected: Any) -> None:
    result = parse_number(text, base)
    assert result == expected
    assert type(result) is type(expected)


@given(LONGS | FLOATS)
def test_the_text_of_a_number_says_it(number: int | float) -> None:
    assert parse_number(number_text(number)) == number


@given(LONGS, st.integers(2, 36))
def test_a_number_is_read_in_every_base(number: int, base: int) -> None:
    digits, rest = "", abs(number)
    while rest:
        rest, digit = divmod(rest, base)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    assert parse_number(f"{'-' if number < 0 else ''}{digits or '0'}", base) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-12, "-12"),
        (2**64 - 1, "18446744073709551615"),
        (1.0, "1.0"),
        (-2.5, "-2.5"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (2.1828, "2.1828"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (1e-5, "1.0E-5"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1.5e10, "-1.5E10"),
        (1e100, "1.0E100"),
        (NAN, "NaN"),
        (INF, "Infinity"),
        (-INF, "-Infinity"),
    ],
)
def test_a_number_is_written_as_java_writes_it(number: int | float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize("value", [None, "1", True, False, b"1"])
def test_only_integers_and_floats_are_numbers(value: Any) -> None:
    assert not is_number(value)
    assert is_number(1)
    assert is_number(1.5)


@pytest.mark.parametrize("text", ["9" * 1_000_000, "-" + "9" * 999, "." + "1" * 998, "1e" * 500])
def test_a_long_text_takes_no_long_time(text: str) -> None:
    start = process_time()
    for base in (None, 2, 13, 16):
        parse_number(text, base)
    assert process_time() - start < 1
