"""From a line of JSON to the values of fields.

A field is read nested (``{"process": {"name": …}}``) and by its whole name
(``{"process.name": …}``). What is spelled otherwise is not read but told: names that are joined in
part, an array on the way to a field, an object in a field's array.
"""

from __future__ import annotations

from collections.abc import Iterable

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
RESERVED_ESCAPES = r"\\u(?:000[0-4]|001E)"


def column(name: str) -> str:
    """The column of a field's values."""
    return "`" + name.replace("`", "``") + "`"


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
    cases = [f"WHEN COALESCE({DOCUMENT} NOT LIKE '{{%', TRUE) THEN 'no JSON object'"]
    parts = dict.fromkeys(part for name in names for part in _joined_parts(name))
    cases += [f"WHEN {_has_key(part)} THEN {quoted(f'{part} is one name')}" for part in parts]
    ways = dict.fromkeys(way for name in names for way in _ways(name))
    cases += [
        f"WHEN {contains(DOCUMENT, f'{_json(way[-1])}:[')}"
        f" AND JSON_QUERY({DOCUMENT}, {quoted(_path(way))}) LIKE '[%'"
        f" THEN {quoted('.'.join(way) + ' is an array')}"
        for way in ways
    ]
    everything = joined(column(name) for name in names)
    objects = f"{contains(everything, '{')} AND {contains(_outside_strings(everything), '{')}"
    cases += [
        f"WHEN {objects} THEN 'an object in the place of a value'",
        f"WHEN {contains(everything, chr(92) + 'u')}"
        f" AND {matches(everything, RESERVED_ESCAPES)} THEN 'a control character'",
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
