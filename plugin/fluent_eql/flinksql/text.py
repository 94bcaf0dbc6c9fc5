"""Texts as SQL, and a field's values as one text.

All values of a field stand in one text, each between two of the character U+001E: strings in
quotation marks with their characters as they are, numbers and booleans as JSON has them. A
quotation mark within a string is U+0001. So a test of any value is a search in that text, and a
string is never taken for a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from fluent_eql.flinksql.refusals import NotExportableError

BETWEEN = "\x1e"
"""What stands between the values of a field, before the first and after the last."""
QUOTATION_MARK = "\x01"
"""A quotation mark within a string."""
BACKSLASH = "\x02"
"""A backslash within a string, where only the marks around strings are looked for."""
STAGE = "\x03"
"""The place of the stage's number in what is told of an event."""
NONE = BETWEEN + BETWEEN
"""A field without a value."""
RESERVED = re.compile(f"[{BETWEEN}{QUOTATION_MARK}{BACKSLASH}{STAGE}]")
PAST_16_BITS = r"[\x{10000}-\x{10ffff}]"
LONGEST = 60_000
"""Bytes of a literal; in a Java class it has at most 65,535."""
UNPRINTED = re.compile(r"[\x00-\x1f\x7f\ufffd]")
CONTROLS = [chr(code) for code in (*range(0x20), 0x7F) if chr(code) not in "\b\t\n\f\r"]


def quoted(text: str) -> str:
    """A text as a literal of SQL. Raises NotExportableError where Java could not hold it."""
    if len(text.encode()) > LONGEST:
        raise NotExportableError(f"a text or a list of texts of more than {LONGEST} bytes")
    doubled = text.replace("'", "''")
    if not UNPRINTED.search(text):
        return f"'{doubled}'"
    escaped = UNPRINTED.sub(lambda found: f"\\{ord(found[0]):04x}", doubled.replace("\\", "\\\\"))
    return f"U&'{escaped}'"


def encoded(text: str) -> str:
    """A string as it stands in the text of a field's values, without the marks around it.

    Raises NotExportableError where it holds a character with a meaning of its own there.
    """
    if RESERVED.search(text):
        raise NotExportableError(f"a control character in the text {text!r}")
    return text.replace('"', QUOTATION_MARK)


def value_of(text: str) -> str:
    """A string value with the marks around it."""
    return f'{BETWEEN}"{encoded(text)}"{BETWEEN}'


def contains(text: str, part: str) -> str:
    """The SQL of whether the expression ``text`` holds the text ``part``.

    ``LIKE`` compares bytes and is the fastest, but has characters with a meaning.
    """
    if "%" in part or "_" in part:
        return f"INSTR({text}, {quoted(part)}) > 0"
    return f"{text} LIKE {quoted(f'%{part}%')}"


def matches(text: str, regex: str) -> str:
    """The SQL of whether a regular expression of Java matches somewhere in ``text``."""
    return f"REGEXP({text}, {quoted(regex)})"


def joined(parts: Iterable[str]) -> str:
    """The SQL of several texts, one after another."""
    return " || ".join(parts)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The SQL of ``text`` with each of the texts replaced in turn."""
    for old, new in pairs:
        text = f"REPLACE({text}, {quoted(old)}, {quoted(new)})"
    return text


def in_ascii(text: str) -> str:
    """The SQL that makes JSON of a text made of field values and JSON.

    Only ASCII is left, with the escapes of Python's ``json``: lower-case ``\\u00e9``, and none for
    a slash. But in a text with characters past U+FFFF, which Flink does not escape rightly, all
    that are not ASCII stay as they are.
    """
    body = f"JSON_QUOTE({text})"
    body = f"SUBSTRING({body}, 2, CHAR_LENGTH({body}) - 2)"
    body = replaced(body, ('\\"', '"'), ("\\/", "/"), (QUOTATION_MARK, '\\"'))
    others = [char for char in CONTROLS if not RESERVED.match(char)]
    escapes = [(char, f"\\u{ord(char):04x}") for char in others]
    has_control = matches(body, r"[\x00\x04-\x1d\x1f\x7f]")
    short = [(char, json.dumps(char)[1:-1]) for char in "\b\t\n\f\r"]
    as_it_is = replaced(text, ("\\", "\\\\"), (QUOTATION_MARK, '\\"'), *short, *escapes)
    return (
        f"CASE WHEN {matches(text, PAST_16_BITS)} THEN {as_it_is}"
        f" WHEN {has_control} THEN {replaced(body, *escapes)} ELSE {body} END"
    )
