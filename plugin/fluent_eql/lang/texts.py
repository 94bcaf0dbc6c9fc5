"""What EQL's functions do with texts.

The values are of any type; where one is none that a function takes, its result is None. Characters
are code points. With ``insensitive`` ASCII letters have no case.
"""

from __future__ import annotations

from typing import Any

from fluent_eql.lang.numbers import is_number, number_text
from fluent_eql.lang.patterns import fold


def starts_with(text: Any, start: Any, *, insensitive: bool = False) -> bool | None:
    """Whether ``text`` begins with ``start``, which may be empty."""
    if not isinstance(text, str) or not isinstance(start, str):
        return None
    return fold(text).startswith(fold(start)) if insensitive else text.startswith(start)


def ends_with(text: Any, end: Any, *, insensitive: bool = False) -> bool | None:
    """Whether ``text`` ends with ``end``, which may be empty."""
    if not isinstance(text, str) or not isinstance(end, str):
        return None
    return fold(text).endswith(fold(end)) if insensitive else text.endswith(end)


def contains(text: Any, part: Any, *, insensitive: bool = False) -> bool | None:
    """Whether ``part`` is in ``text``; the empty text is in none."""
    if not isinstance(text, str) or not isinstance(part, str):
        return None
    if not part:
        return False
    return fold(part) in fold(text) if insensitive else part in text


def index_of(text: Any, part: Any, start: Any = None, *, insensitive: bool = False) -> int | None:
    """Where ``part`` first stands in ``text`` from ``start`` on, counting from 0."""
    if not isinstance(text, str) or not isinstance(part, str):
        return None
    first = 0 if start is None else _index(start)
    if first is None:
        return None
    if insensitive:
        text, part = fold(text), fold(part)
    found = text.find(part, min(max(first, 0), len(text)))
    return found if found >= 0 else None


def between(
    text: Any, left: Any, right: Any, greedy: Any = False, *, insensitive: bool = False
) -> str | None:
    """What stands between the first ``left`` and the next ``right``, or the last if ``greedy``.

    It is empty where one of them is not found; all of ``text`` where one of them is empty.
    """
    texts = isinstance(text, str) and isinstance(left, str) and isinstance(right, str)
    if not texts or not isinstance(greedy, bool):
        return None
    if not left or not right:
        return str(text)
    searched = text
    if insensitive:
        searched, left, right = fold(text), fold(left), fold(right)
    before = searched.find(left)
    start = before + len(left)
    end = _last(searched, right, start) if greedy else searched.find(right, start)
    return str(text[start:end]) if before >= 0 and end >= 0 else ""


def substring(text: Any, start: Any, end: Any = None) -> str | None:
    """The characters from ``start`` up to ``end``; below 0 they count from the text's end.

    Either may be None, for the text's start and end.
    """
    if not isinstance(text, str):
        return None
    first, last = _index(start), _index(end)
    wrong = (first is None and start is not None) or (last is None and end is not None)
    return None if wrong else text[first:last]


def length(text: Any) -> int | None:
    """The number of characters."""
    return len(text) if isinstance(text, str) else None


def to_string(value: Any) -> str | None:
    """A value as text: ``true``, ``1``, ``1.0``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if is_number(value) else None


def concat(*values: Any) -> str | None:
    """The texts of all values, one after another; None where one of them is."""
    texts = [to_string(value) for value in values]
    present = [text for text in texts if text is not None]
    return "".join(present) if len(present) == len(texts) else None


def _last(text: str, part: str, start: int) -> int:
    """As ``text.rfind(part, start)``, whose time is not linear."""
    found = text[start:][::-1].find(part[::-1])
    return len(text) - found - len(part) if found >= 0 else -1


def _index(value: Any) -> int | None:
    """A number's whole part; None where it has none."""
    if not is_number(value) or value != value or value in (float("inf"), float("-inf")):
        return None
    return int(value)
