"""Typed options: how a key of a configuration section becomes a value.

The vocabulary is Fluent Bit's: ``on``/``off`` switches, ``2s`` durations, ``64M`` sizes. A parser
takes the scalar's text (a list option calls it once an item) and raises ValueError whose message
says what was expected. An option may take maps, too: with keys of their own, or with free names.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
NANOSECONDS |= {"h": 3_600 * 10**9, "d": 86_400 * 10**9}
SIZES = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "kib": 2**10, "m": 10**6, "mb": 10**6}
SIZES |= {"mib": 2**20, "g": 10**9, "gb": 10**9, "gib": 2**30}
SWITCHES = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}

Parser = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the configuration ``source``; line and column count from 1."""

    source: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Named:
    """What stands under a free name: a text, or an instance of the option's ``schema``."""

    name: str
    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Option:
    """One key: its name in the file, its parser, what it means, and whether it takes a list.

    For ``schema``, ``named`` and ``short_for`` see :func:`option`.
    """

    key: str
    parse: Parser
    help: str
    many: bool
    required: bool
    schema: type[Any] | None = None
    named: Callable[[Named], Any] | None = None
    short_for: str | None = None


def option(
    key: str,
    parse: Parser,
    help: str,
    *,
    default: Any = dataclasses.MISSING,
    many: bool = False,
    secret: bool = False,
    schema: type[Any] | None = None,
    named: Callable[[Named], Any] | None = None,
    short_for: str | None = None,
) -> Any:
    """A dataclass field that is read from the key ``key``; without ``default`` it is required.

    With ``many`` the value is a tuple, from a list or from one item. A ``secret`` one is left
    out of the dataclass's ``repr``.

    An item may be a map in the place of a scalar with ``schema``, another dataclass of options
    whose keys the map has; or with ``named``, which makes an item from each name in the map and
    what stands there: a text, or with ``schema``, too, a map of its keys. ``named`` raises
    ValueError as a parser does. An option that takes maps only has a parser that always raises.
    With ``short_for``, a key of the schema, that key's value may stand in the map's place there.
    """
    if named is not None and not many:
        raise ValueError(f"{key}: a map of free names is for an option with many values")
    is_required = default is dataclasses.MISSING
    spec = Option(key, parse, help, many, is_required, schema, named, short_for)
    return dataclasses.field(
        default=default, metadata={"option": spec}, kw_only=True, repr=not secret
    )


def options_of(schema: type[Any]) -> dict[str, tuple[str, Option]]:
    """The keys that a dataclass reads: key → (attribute, option)."""
    specs = [(f.name, f.metadata["option"]) for f in dataclasses.fields(schema)]
    return {spec.key: (name, spec) for name, spec in specs}


def text(value: str) -> str:
    """Any text that is not empty."""
    if not value:
        raise ValueError("expected a text, found nothing")
    return value


def switch(value: str) -> bool:
    """``on`` or ``off`` (also ``true``/``false``, ``yes``/``no``), in any case."""
    try:
        return SWITCHES[value.lower()]
    except KeyError:
        raise ValueError(f"expected on or off, found {value!r}") from None


def integer(low: int, high: int | None = None) -> Callable[[str], int]:
    """A parser for whole numbers from ``low`` to ``high``, both included."""
    span = f"from {low} to {high}" if high is not None else f"of at least {low}"

    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", value) or int(value) < low:
            raise ValueError(f"expected a whole number {span}, found {value!r}")
        if high is not None and int(value) > high:
            raise ValueError(f"expected a whole number {span}, found {value!r}")
        return int(value)

    return parse


def choice(*names: str) -> Callable[[str], str]:
    """A parser for one of ``names``, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in names:
            raise ValueError(f"expected one of {', '.join(names)}, found {value!r}")
        return value.lower()

    return parse


def duration(value: str) -> int:
    """``2s``, ``500ms``, ``10m``, ``1h``, or a bare number of seconds, as nanoseconds."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ns|us|ms|s|m|h|d)?", value.strip().lower())
    if found is None:
        raise ValueError(f"expected a duration such as 2s, 500ms or 10m, found {value!r}")
    return int(Decimal(found[1]) * NANOSECONDS[found[2] or "s"])


def size(value: str) -> int:
    """``64M``, ``512k``, ``1G`` (powers of ten, as Fluent Bit reads them), ``4MiB``: bytes."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]i?b?|b)?", value.strip().lower())
    if found is None or (found[2] or "") not in SIZES:
        raise ValueError(f"expected a size such as 64M, 512k or 4MiB, found {value!r}")
    return int(Decimal(found[1]) * SIZES[found[2] or ""])


def positive(parse: Callable[[str], int]) -> Callable[[str], int]:
    """A parser for what ``parse`` reads, a duration or a size, where nothing would not do."""

    @functools.wraps(parse)
    def parse_positive(value: str) -> int:
        amount = parse(value)
        if amount <= 0:
            raise ValueError(f"expected more than 0, found {value!r}")
        return amount

    return parse_positive


def path(value: str) -> Path:
    """The path of something that exists; a relative one is resolved by the configuration."""
    return Path(text(value))


def new_path(value: str) -> Path:
    """The path of something that need not exist yet, relative to the working directory."""
    return Path(text(value))
