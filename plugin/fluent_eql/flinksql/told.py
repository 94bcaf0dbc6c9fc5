"""What is told of an event in an alert, as JSON made in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fluent_eql.flinksql.fields import column
from fluent_eql.flinksql.text import (
    BETWEEN,
    NONE,
    PAST_16_BITS,
    STAGE,
    in_ascii,
    joined,
    matches,
    quoted,
)
from fluent_eql.lang import Condition

EVENT_ID = "event.id"
TIMESTAMP = "@timestamp"


def plain(text: str) -> str:
    """The SQL of a field's values: the one there is, or a list of several; null for none."""
    inner = f"SUBSTRING({text}, 2, CHAR_LENGTH({text}) - 2)"
    listed = f"REPLACE({inner}, {quoted(BETWEEN)}, ', ')"
    return (
        f"CASE WHEN {text} = {quoted(NONE)} THEN CAST(NULL AS STRING)"
        f" WHEN INSTR({inner}, {quoted(BETWEEN)}) > 0 THEN '[' || {listed} || ']'"
        f" ELSE {inner} END"
    )


def summary(condition: Condition, timestamp: str) -> str:
    """The SQL of one event of an alert, its names in alphabetical order.

    In the place of the stage's number stands the character U+0003. ``timestamp`` is the SQL of
    the event's time as JSON.
    """
    members = {name: _member(name, plain(column(name))) for name in (EVENT_ID, *condition.fields)}
    members["stage"] = f"', {json.dumps('stage')}: ' || {quoted(STAGE)}"
    if TIMESTAMP not in condition.fields:
        members[TIMESTAMP] = f"', {json.dumps(TIMESTAMP)}: ' || {timestamp}"
    parts = joined(members[name] for name in sorted(members))
    return f"'{{' || SUBSTRING({parts}, 3) || '}}'"


def object_of(values: Iterable[tuple[str, str]]) -> str:
    """The SQL of an object with these names, each with the SQL of its value as JSON."""
    pairs = [f"{quoted(json.dumps(name) + ': ')} || {value}" for name, value in sorted(values)]
    members = " || ', ' || ".join(pairs) or quoted("")
    return f"'{{' || {members} || '}}'"


def in_ascii_or_null(text: str) -> str:
    """As :func:`in_ascii`, of a text that may be null."""
    return f"CASE WHEN {text} IS NOT NULL THEN {in_ascii(text)} END"


def past_16_bits(text: str) -> str:
    """The SQL of whether there are characters past U+FFFF, which cannot be named in ASCII here."""
    return f"COALESCE({matches(text, PAST_16_BITS)}, FALSE)"


def _member(name: str, value: str) -> str:
    return f"COALESCE({quoted(', ' + json.dumps(name) + ': ')} || {value}, '')"
