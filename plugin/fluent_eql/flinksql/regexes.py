"""Wildcards and Lucene's regular expressions as Java's, over the text of a field's values.

A run of any characters is one character class there, never a repeated group: of those Java calls
itself once a character, until its stack is full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.text import QUOTATION_MARK, encoded
from fluent_eql.lang.lucene import (
    LAST,
    Chars,
    Complement,
    Concatenation,
    Intersection,
    Interval,
    Node,
    Ranges,
    Repetition,
    Text,
    Union,
    complement,
    parse_regex,
)

ANY = '[^"]'
"""One character of a string; there is no quotation mark in it."""
MARK = ord('"')
MOST_REPEATS = 1000
"""Of a group, which Java runs through by calling itself."""


def value_regex(alternatives: Iterable[str], *, insensitive: bool) -> str:
    """The regular expression of a string value that one of the alternatives matches.

    If ``insensitive``, ASCII letters have no case.
    """
    flag = "(?i)" if insensitive else ""
    return rf'{flag}\x1e"(?:{"|".join(alternatives)})"\x1e'


def wildcard_regex(pattern: str) -> str:
    """``*`` is any run of characters, ``?`` exactly one."""
    return "".join(_wildcard(char) for char in encoded(pattern))


def _wildcard(char: str) -> str:
    return {"*": f"{ANY}*", "?": ANY}.get(char) or literal_regex(char)


def literal_regex(text: str) -> str:
    """The regular expression of an encoded text."""
    return "".join(char if char.isalnum() else rf"\x{{{ord(char):x}}}" for char in text)


def lucene_regex(pattern: str, *, insensitive: bool) -> str:
    """The regular expression of Java for one of Lucene's, which covers the whole value.

    It has no flags. Raises NotExportableError.
    """
    return _Translator(insensitive)(parse_regex(pattern))


class _Translator:
    def __init__(self, insensitive: bool) -> None:
        self._insensitive = insensitive
        self._by_type: dict[type[Node], Callable[[Any], str]] = {
            Text: self._text,
            Chars: self._chars,
            Concatenation: self._concatenation,
            Union: self._union,
            Repetition: self._repetition,
            Interval: self._refuse,
            Intersection: self._refuse,
            Complement: self._refuse,
        }

    def __call__(self, node: Node) -> str:
        return self._by_type[type(node)](node)

    def _text(self, node: Text) -> str:
        return "".join(map(self._char, encoded(node.text)))

    def _char(self, char: str) -> str:
        if char.isascii() and char.isalpha() and self._insensitive:
            return f"[{char.lower()}{char.upper()}]"
        return literal_regex(char)

    def _chars(self, node: Chars) -> str:
        single = encoded(node.single).replace(QUOTATION_MARK, '"')
        if self._insensitive:
            single += "".join(char.swapcase() for char in single if char.isascii())
        ranges = (*node.ranges, *((ord(char), ord(char)) for char in single))
        return _set(complement(ranges) if node.negated else ranges)

    def _concatenation(self, node: Concatenation) -> str:
        return "".join(map(self, node.parts))

    def _union(self, node: Union) -> str:
        return f"(?:{'|'.join(map(self, node.parts))})" if node.parts else "(?!)"

    def _repetition(self, node: Repetition) -> str:
        is_one = isinstance(node.part, Chars) or (
            isinstance(node.part, Text) and len(node.part.text) == 1
        )
        if not is_one and (node.most is None or node.most > MOST_REPEATS):
            raise NotExportableError("a repeated group in a regular expression")
        most = "" if node.most is None else node.most
        return f"(?:{self(node.part)}){{{node.least},{most}}}"

    def _refuse(self, node: Intersection | Complement | Interval) -> str:
        name = {Intersection: "&", Complement: "~", Interval: "<n-m>"}[type(node)]
        raise NotExportableError(f"{name} in a regular expression")


def _set(ranges: Ranges) -> str:
    """One character of a string: a quotation mark stands there as another character."""
    has_mark = any(low <= MARK <= high for low, high in ranges)
    kept = complement((*complement(ranges), (MARK, MARK), (0, 3), (0x1E, 0x1E)))
    kept = (*kept, (ord(QUOTATION_MARK),) * 2) if has_mark else kept
    if kept == ((0, LAST),):
        return ANY
    if not kept:
        return "(?!)"
    return "[" + "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in kept) + "]"
