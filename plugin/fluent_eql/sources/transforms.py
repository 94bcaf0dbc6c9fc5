"""What is made of a source's value before it is a field's: a name of a path, a time of a number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fluent_eql.event_time import iso_8601
from fluent_eql.fields import Values
from fluent_eql.lang.numbers import parse_number

MILLISECOND, SECOND = 10**6, 10**9
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?Z?")
AUDIT_ID = re.compile(r"([0-9]{1,12})\.([0-9]{3}):([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Transform:
    """``run`` gives what a value becomes, nothing where it is none of that kind.

    With ``gives_parts`` all that it gives stands in the value itself, as it is.
    """

    name: str
    run: Callable[[Any], Values]
    gives_parts: bool = False


def text_of_value(value: Any) -> str:
    """A scalar as text: ``true`` and ``false`` as JSON has them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _basename(value: Any) -> Values:
    name = value.rpartition("/")[2] if isinstance(value, str) else ""
    return (name,) if name else ()


def _extension(value: Any) -> Values:
    """The part after the last dot of a name; a dot that the name begins with does not count."""
    for name in _basename(value):
        stem, _, extension = name.rpartition(".")
        if stem.strip(".") and extension:
            return (extension,)
    return ()


def _words(value: Any) -> Values:
    return tuple(value.split()) if isinstance(value, str) else ()


def _number(value: Any) -> Values:
    if isinstance(value, str):
        number = parse_number(value, None)
        return () if number is None else (number,)
    return () if isinstance(value, bool) else (value,)


def _text(value: Any) -> Values:
    return (text_of_value(value),)


def _epoch(unit: int) -> Callable[[Any], Values]:
    def to_time(value: Any) -> Values:
        if isinstance(value, str):
            return _iso_times(parse_number(value, None), unit) or (value,)
        return _iso_times(value, unit)

    return to_time


def _iso_times(number: Any, unit: int) -> Values:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return ()
    try:
        whole = int(number)
        return (iso_8601(whole * unit + round((number - whole) * unit)),)
    except (OverflowError, ValueError):
        return ()


def _date(value: Any) -> Values:
    """``2026-11-24 02:48:32.123``, which is UTC, as ISO 8601; other text as it is."""
    if not isinstance(value, str):
        return ()
    if DATE.fullmatch(value):
        return (value.replace(" ", "T").replace(",", ".").removesuffix("Z") + "Z",)
    return (value,)


def _audit_time(value: Any) -> Values:
    found = AUDIT_ID.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return ()
    return (iso_8601(int(found[1]) * SECOND + int(found[2]) * MILLISECOND),)


def _audit_serial(value: Any) -> Values:
    found = AUDIT_ID.fullmatch(value) if isinstance(value, str) else None
    return () if found is None else (int(found[3]),)


BASENAME = Transform("basename", _basename, gives_parts=True)
EXTENSION = Transform("extension", _extension, gives_parts=True)
WORDS = Transform("words", _words, gives_parts=True)
NUMBER = Transform("number", _number)
TEXT = Transform("text", _text)
EPOCH_S = Transform("epoch_s", _epoch(SECOND))
EPOCH_NS = Transform("epoch_ns", _epoch(1))
DATE_TIME = Transform("date", _date)
AUDIT_TIME = Transform("audit_time", _audit_time)
AUDIT_SERIAL = Transform("audit_serial", _audit_serial)

TRANSFORMS = {
    transform.name: transform
    for transform in (BASENAME, EXTENSION, WORDS, NUMBER, TEXT, EPOCH_S, EPOCH_NS, DATE_TIME)
}
"""Those that a configuration may name."""
