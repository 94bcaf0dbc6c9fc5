"""EQL's functions, arithmetic and wildcards on single values, as plain as can be."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

SMALLEST, LARGEST = -(2**63), 2**64 - 1
LARGEST_LONG = 2**63 - 1
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAPPED = 0xFFFF << 32
OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "modulo": "%"}


def fold(text: str) -> str:
    """A text with its ASCII letters in lower case."""
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)


def is_like(text: str, pattern: str) -> bool:
    """Whether a text matches a wildcard pattern: ``*`` any run, ``?`` one character."""
    places = {0}
    for sign in pattern:
        if sign == "*":
            places = set(range(min(places), len(text) + 1)) if places else places
        else:
            places = {p + 1 for p in places if p < len(text) and sign in ("?", text[p])}
    return len(text) in places


def is_number(value: Any) -> bool:
    """Whether a value is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def arithmetic(sign: str, left: Any, right: Any) -> Any:
    """What ``left sign right`` is; None where it has no result."""
    if not is_number(left) or not is_number(right):
        return None
    if isinstance(left, float) or isinstance(right, float):
        return _of_floats(sign, float(left), float(right))
    result = _of_integers(sign, left, right)
    return result if result is not None and SMALLEST <= result <= LARGEST else None


def _of_integers(sign: str, left: int, right: int) -> int | None:
    if sign in "+-*":
        return {"+": left + right, "-": left - right, "*": left * right}[sign]
    if right == 0:
        return None
    quotient = math.trunc(Fraction(left, right))
    return quotient if sign == "/" else left - right * quotient


def _of_floats(sign: str, left: float, right: float) -> float:
    if sign in "+-*":
        return {"+": left + right, "-": left - right, "*": left * right}[sign]
    if sign == "%":
        undefined = right == 0 or math.isinf(left) or math.isnan(left) or math.isnan(right)
        return math.nan if undefined else math.fmod(left, right)
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.inf if (left > 0) == (math.copysign(1, right) > 0) else -math.inf


def number_text(value: float) -> str:
    """A number as Java writes it."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 0.001 <= abs(value) < 10_000_000:
        return repr(value)
    written = (f"{value:.{digits}e}" for digits in range(17))
    shortest = next(text for text in written if float(text) == value)
    mantissa, exponent = shortest.split("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def as_text(value: Any) -> str | None:
    """``string(value)``."""
    if isinstance(value, bool):
        return str(value).lower()
    if is_number(value):
        return number_text(value)
    return value if isinstance(value, str) else None


def number(text: Any, base: Any = None) -> Any:
    """``number(text, base)``."""
    if not isinstance(text, str):
        return None
    if base is None:
        base = 16 if text.startswith("0x") else 10
    if isinstance(base, bool) or not isinstance(base, int) or not 2 <= base <= 36:
        return None
    if base == 10 and not WHOLE.fullmatch(text):
        return float(text) if DECIMAL.fullmatch(text) else None
    digits = text[2:] if base == 16 and text.startswith("0x") else text
    value = _whole(digits, base)
    if value is None or SMALLEST <= value <= LARGEST_LONG:
        return value
    return float(value) if base == 10 else None


def _whole(text: str, base: int) -> int | None:
    negative = text.startswith("-")
    digits = [DIGITS.find(fold(char)) for char in text[text[:1] in ("+", "-") :]]
    if not digits or min(digits) < 0 or max(digits) >= base:
        return None
    value = 0
    for digit in digits:
        value = value * base + digit
    return -value if negative else value


def between(text: Any, left: Any, right: Any, greedy: Any = False) -> str | None:
    """``between(text, left, right, greedy)``: places in the text, as it is."""
    span = between_span(text, left, right, greedy)
    return None if span is None else text[slice(*span)]


def between_span(text: Any, left: Any, right: Any, greedy: Any) -> tuple[int, int] | None:
    """Where that stands; None for null."""
    if not (_are_texts(text, left, right) and isinstance(greedy, bool)):
        return None
    if left == "" or right == "":
        return 0, len(text)
    for start in range(len(left), len(text) + 1):
        if text[start - len(left) : start] == left:
            places = range(start, len(text) - len(right) + 1)
            ends = [end for end in places if text[end : end + len(right)] == right]
            return (start, ends[-1 if greedy else 0]) if ends else (0, 0)
    return 0, 0


def index_of(text: Any, part: Any, start: Any = None) -> int | None:
    """``indexOf(text, part, start)``."""
    first = 0 if start is None else _place(start)
    if not _are_texts(text, part) or first is None:
        return None
    first = min(max(first, 0), len(text))
    places = range(first, len(text) + 1)
    return next((place for place in places if text[place : place + len(part)] == part), None)


def substring(text: Any, start: Any, end: Any = None) -> str | None:
    """``substring(text, start, end)``: places below 0 count from the end."""
    if not isinstance(text, str):
        return None
    size = len(text)
    first, last = (_place(0 if start is None else start), _place(size if end is None else end))
    if first is None or last is None:
        return None
    first, last = (place + size if place < 0 else place for place in (first, last))
    return "".join(char for place, char in enumerate(text) if first <= place < last)


def cidr_match(address: Any, *networks: str) -> bool | None:
    """``cidrMatch(address, network, …)``; None for what is no address."""
    bits = _bits(address)
    if bits is None:
        return None
    return any(_is_within(bits, network) for network in networks)


@cache
def _bits(address: Any) -> int | None:
    """The 128 bits of an address, an IPv4 one mapped to IPv6; None for what is none."""
    if not isinstance(address, str):
        return None
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return None
    return int(found) + (MAPPED if found.version == 4 else 0)


def _is_within(bits: int, network: str) -> bool:
    address, _, prefix = network.partition("/")
    start = _bits(address)
    if start is None:
        raise ValueError(f"{network} is no network")
    length = int(prefix) + (0 if ":" in address else 96) if prefix else 128
    return bits >> (128 - length) == start >> (128 - length)


def _are_texts(*values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _place(value: Any) -> int | None:
    return math.trunc(value) if is_number(value) and math.isfinite(value) else None


def _contains(text: str, part: str) -> bool:
    return part != "" and index_of(text, part) is not None


def _test(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool | None]:
    return lambda text, part: holds(text, part) if _are_texts(text, part) else None


def _concat(*given: Any) -> str | None:
    texts = [as_text(value) for value in given]
    return None if None in texts else "".join(text or "" for text in texts)


def _arithmetic(sign: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: arithmetic(sign, left, right)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: _arithmetic(sign) for name, sign in OPERATORS.items()},
    "between": between,
    "cidrMatch": cidr_match,
    "concat": _concat,
    "endsWith": _test(lambda text, end: text[max(len(text) - len(end), 0) :] == end),
    "indexOf": index_of,
    "length": lambda text: len(text) if isinstance(text, str) else None,
    "number": number,
    "startsWith": _test(lambda text, start: text[: len(start)] == start),
    "string": as_text,
    "stringContains": _test(_contains),
    "substring": substring,
}
INSENSITIVE = ("between", "endsWith", "indexOf", "startsWith", "stringContains")
"""The functions that a ``~`` may follow."""


def call(name: str, given: Sequence[Any], insensitive: bool) -> Any:
    """The result of a function; None is null, both ways."""
    if not insensitive:
        return FUNCTIONS[name](*given)
    folded = [fold(value) if isinstance(value, str) else value for value in given]
    if name != "between":
        return FUNCTIONS[name](*folded)
    text, left, right, greedy = [*folded, False][:4]
    span = between_span(text, left, right, greedy)
    return None if span is None else given[0][slice(*span)]
