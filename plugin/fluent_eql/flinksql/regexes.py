"""Wildcards and Lucene's regular expressions as Java's, over the text of a field's values.

A run of any characters is one character class there, never a repeated group: of those Java calls
itself once a character, until its stack is full. What stands between two such runs is taken where
it comes first, and for good: a later place could not match more, and to try them all would take a
time that grows with a power of the text's length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.text import QUOTATION_MARK, encoded
from fluent_eql.lang.lucene import (
    ANY_CHAR,
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
    first, *others = ["".join(map(_wildcard, piece)) for piece in encoded(pattern).split("*")]
    if not others:
        return first
    *middle, last = others
    return first + "".join(_first(f"{ANY}*?", piece) for piece in middle if piece) + f"{ANY}*{last}"


def _wildcard(char: str) -> str:
    return ANY if char == "?" else literal_regex(char)


def _first(run: str, piece: str) -> str:
    """A run of characters up to a piece, which is taken where it comes first."""
    return f"(?>{run}{piece})"


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
        """Pieces of one size are taken where they come first between runs of any characters."""
        runs = [place for place, part in enumerate(node.parts) if _is_any_run(part)]
        made = list(map(self, node.parts))
        for start, end in pairwise(runs):
            pieces = node.parts[start + 1 : end]
            if pieces and all(_size(piece) is not None for piece in pieces):
                made[start] = _first(f"{made[start]}?", "".join(made[start + 1 : end]))
                made[start + 1 : end] = [""] * len(pieces)
        return "".join(made)

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


def _is_any_run(node: Node) -> bool:
    return isinstance(node, Repetition) and node.part == ANY_CHAR and node.most is None


def _size(node: Node) -> int | None:
    """How many characters match; None where that differs."""
    match node:
        case Text(text):
            return len(text)
        case Chars():
            return 1
        case Concatenation(parts) | Union(parts):
            sizes = [_size(part) for part in parts]
            if None in sizes or not sizes:
                return None
            if isinstance(node, Concatenation):
                return sum(size for size in sizes if size is not None)
            return sizes[0] if len(set(sizes)) == 1 else None
        case Repetition(part, least, most) if least == most:
            size = _size(part)
            return None if size is None else size * least
    return None


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
