"""Numbers as EQL's arithmetic and its function ``number`` have them.

Integers have 64 bits, signed or unsigned, and stay integers: a division truncates towards zero and
a remainder has the dividend's sign. With one float all is done in floats. What has no result is
None: a value that is no number, an integer divided by zero, an integer of more than 64 bits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from operator import add, mul, sub
from typing import Any

Number = int | float
Operation = Callable[[Any, Any], Number | None]

SMALLEST, LARGEST = -(2**63), 2**64 - 1
LARGEST_LONG = 2**63 - 1
INTEGER = re.compile(r"[+-]?[0-9]+")
DIGITS = re.compile(r"[+-]?[0-9A-Za-z]+")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST = 1000
"""Characters of a text that may be a number."""
PLAIN = (1e-3, 1e7)
"""Floats from the one up to the other are written without an exponent."""


def is_number(value: Any) -> bool:
    """Whether a value is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _divide(left: Number, right: Number) -> Number | None:
    if isinstance(left, int) and isinstance(right, int):
        if not right:
            return None
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) is (right < 0) else -quotient
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _modulo(left: Number, right: Number) -> Number | None:
    if isinstance(left, int) and isinstance(right, int):
        if not right:
            return None
        remainder = abs(left) % abs(right)
        return remainder if left >= 0 else -remainder
    if not right or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def _operation(compute: Operation) -> Operation:
    def checked(left: Any, right: Any) -> Number | None:
        if not is_number(left) or not is_number(right):
            return None
        result = compute(left, right)
        if isinstance(result, int) and not SMALLEST <= result <= LARGEST:
            return None
        return result

    return checked


OPERATIONS: dict[str, Operation] = {
    "+": _operation(add),
    "-": _operation(sub),
    "*": _operation(mul),
    "/": _operation(_divide),
    "%": _operation(_modulo),
}


def parse_number(text: Any, base: Any = None) -> Number | None:
    """The number that a text says, in base 10 or 16 (after ``0x``) unless ``base`` is given.

    Only in base 10 there are decimals and exponents, and integers of any size, as floats. None for
    what says no number.
    """
    if not isinstance(text, str) or len(text) > LONGEST or isinstance(base, bool):
        return None
    if base is None:
        base = 16 if text.startswith("0x") else 10
    if not isinstance(base, int) or not 2 <= base <= 36:
        return None
    if base == 10:
        return _decimal(text)
    digits = text.removeprefix("0x") if base == 16 else text
    return _long(digits, base) if DIGITS.fullmatch(digits) else None


def _decimal(text: str) -> Number | None:
    if INTEGER.fullmatch(text):
        whole = _long(text, 10)
        return float(text) if whole is None else whole
    return float(text) if DECIMAL.fullmatch(text) else None


def _long(digits: str, base: int) -> int | None:
    """The integer, without the ``0x``, ``0o`` and ``0b`` that Python would take."""
    try:
        size = int(digits.lstrip("+-").lstrip("0") or "0", base)
    except ValueError:
        return None
    value = -size if digits.startswith("-") else size
    return value if SMALLEST <= value <= LARGEST_LONG else None


def number_text(value: Number) -> str:
    """A number as Java writes it: ``1``, ``1.0``, ``1.0E10``, ``NaN``, ``Infinity``."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    smallest, end = PLAIN
    if not value or smallest <= abs(value) < end:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    power = int(exponent) + len(rest)
    return f"{'-' if sign else ''}{first}.{''.join(rest) or '0'}E{power}"
