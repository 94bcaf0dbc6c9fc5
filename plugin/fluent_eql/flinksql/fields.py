"""From a line of JSON to the values of fields.

A field is read nested (``{"process": {"name": …}}``) and by its whole name
(``{"process.name": …}``). What is spelled otherwise is not read but told: names that are joined in
part, an array of objects on the way to a field, an object in a field's array. Told are also lines
with more than one JSON object, and texts that Flink would read as others: halves of surrogate
pairs, bytes that are no UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable

from fluent_eql.flinksql.screens import LINE
from fluent_eql.flinksql.text import (
    BACKSLASH,
    BETWEEN,
    QUOTATION_MARK,
    contains,
    joined,
    matches,
    quoted,
    replaced,
)

DOCUMENT = "document"
"""The column of the record, as JSON without spaces."""
UNREAD = "unread"
"""The column of the reason why a record is not read; it is null for the others."""
VALUE = r'"[^"]*"|-?[0-9][^,\]]*|true|false'
MARK = "\x04"
ESCAPE = r"(?<!\\)(?:\\\\){0,99}\\u"
RESERVED_ESCAPES = rf"{ESCAPE}(?:000[0-4]|001E)"
HIGH, LOW = "[dD][89abAB][0-9a-fA-F]{2}", "[dD][c-fC-F][0-9a-fA-F]{2}"
UNPAIRED = rf"{ESCAPE}{HIGH}(?!\\u{LOW})|(?<!\\u{HIGH}){ESCAPE}{LOW}"
"""Halves of surrogate pairs."""
REPLACEMENT = "\ufffd"
"""What Java reads in the place of bytes that are no UTF-8."""
LINE_KEY, END_KEY = "line", "line end"
"""Flink writes the members of an object in the order of their names."""
ONE_OBJECT = rf'(?s)^\{{"{LINE_KEY}":(\{{.*\}}),"{END_KEY}":0\}}$'


def _more_than(number: int) -> str:
    """The regular expression of the whole numbers that are larger."""
    digits = str(number)
    same_size = [
        f"{digits[:place]}[{int(digit) + 1}-9][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "9"
    ]
    return "|".join([*same_size, f"[0-9]{{{len(digits) + 1},}}"])


LARGE = rf"[\[,](?:{_more_than(2**64 - 1)}|-(?:{_more_than(2**63)}))[,\]]"
"""A whole number of more than 64 bits."""


def column(name: str) -> str:
    """The column of a field's values."""
    return "`" + name.replace("`", "``") + "`"


def document() -> str:
    """The SQL of the record as JSON without spaces; null where the line is not one JSON object.

    Flink itself would pass over what comes after an object, so the line is read within another.
    """
    whole = joined([quoted(f"{{{_json(LINE_KEY)}:"), LINE, quoted(f",{_json(END_KEY)}:0}}")])
    return f"REGEXP_EXTRACT(JSON_QUERY({whole}, '$'), {quoted(ONE_OBJECT)}, 1)"


def read(name: str) -> str:
    """The SQL of a field's JSON: an array, several one after another, or nothing."""
    nested = _array(_path(name.split(".")))
    if "." not in name:
        return f"COALESCE({nested}, '')"
    flat = f"CASE WHEN {_has_key(name)} THEN {_array(_path([name]))} END"
    return f"COALESCE({nested}, '') || COALESCE({flat}, '')"


def values(name: str) -> str:
    """The SQL of the text of a field's values, see :mod:`fluent_eql.flinksql.text`."""
    text = column(name)
    tokens = f"ARRAY_JOIN(REGEXP_EXTRACT_ALL({_unescaped(text)}, {quoted(VALUE)}, 0)"
    between = quoted(BETWEEN)
    return f"{between} || {tokens}, {between}) || {between}"


def _unescaped(text: str) -> str:
    """Strings with their characters as they are, see :mod:`fluent_eql.flinksql.text`.

    All is read as the inside of one string, in which the marks around strings are U+0004.
    """
    marked = replaced(text, ("\\\\", "\\u005c"), ('\\"', "\\u0022"), ('"', "\\u0004"))
    plain = f"JSON_UNQUOTE('\"' || {marked} || '\"')"
    back = replaced(plain, ('"', QUOTATION_MARK), (MARK, '"'))
    return f"CASE WHEN {contains(text, chr(92))} THEN {back} ELSE {text} END"


def unreadable(names: Iterable[str]) -> str:
    """The SQL of why a record is not read, null where it is; over the fields' JSON."""
    names = list(dict.fromkeys(names))
    cases = [f"WHEN {DOCUMENT} IS NULL THEN 'no JSON object'"]
    parts = dict.fromkeys(part for name in names for part in _joined_parts(name))
    cases += [f"WHEN {_has_key(part)} THEN {quoted(f'{part} is one name')}" for part in parts]
    ways = dict.fromkeys(way for name in names for way in _ways(name))
    cases += [
        f"WHEN {contains(DOCUMENT, f'{_json(way[-1])}:[')}"
        f" AND JSON_QUERY({DOCUMENT}, {quoted(_path(way))}) LIKE '[%{{%'"
        f" THEN {quoted('.'.join(way) + ' is an array of objects')}"
        for way in ways
    ]
    everything = joined(column(name) for name in names)
    objects = f"{contains(everything, '{')} AND {contains(_outside_strings(everything), '{')}"
    cases += [
        f"WHEN {objects} THEN 'an object in the place of a value'",
        f"WHEN {contains(everything, chr(92) + 'u')}"
        f" AND {matches(everything, RESERVED_ESCAPES)} THEN 'a control character'",
        f"WHEN ({contains(LINE, chr(92) + 'ud')} OR {contains(LINE, chr(92) + 'uD')})"
        f" AND {matches(LINE, UNPAIRED)} THEN 'half a surrogate pair'",
        f"WHEN {contains(everything, REPLACEMENT)} AND NOT {contains(LINE, REPLACEMENT)}"
        f" AND NOT {matches(LINE, f'(?i){ESCAPE}fffd')} THEN 'bytes that are no UTF-8'",
        f"WHEN {matches(everything, LARGE)} THEN 'a whole number of more than 64 bits'",
    ]
    return f"CASE {' '.join(cases)} END"


def _outside_strings(text: str) -> str:
    marks = replaced(text, ("\\\\", BACKSLASH), ('\\"', QUOTATION_MARK))
    return f"""REGEXP_REPLACE({marks}, '"[^"]*"', '')"""


def _array(path: str) -> str:
    return f"JSON_QUERY({DOCUMENT}, {quoted(path)} WITH CONDITIONAL ARRAY WRAPPER)"


def _path(parts: Iterable[str]) -> str:
    return "$" + "".join(f"['{_in_path(part)}']" for part in parts)


def _in_path(part: str) -> str:
    return part.replace("\\", "\\\\").replace("'", "\\'")


def _has_key(name: str) -> str:
    return contains(DOCUMENT, f"{_json(name)}:")


def _json(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _ways(name: str) -> list[tuple[str, ...]]:
    """The objects on the way to a field, by the parts of their names."""
    parts = name.split(".")
    return [tuple(parts[:size]) for size in range(1, len(parts))]


def _joined_parts(name: str) -> list[str]:
    """The names that are joined of some of a field's parts, but not of all."""
    parts = name.split(".")
    return [
        ".".join(parts[start:end])
        for start in range(len(parts))
        for end in range(start + 2, len(parts) + 1)
        if end - start < len(parts)
    ]
