"""Lucene's regular expressions, translated for RE2, which takes time linear in the text.

``|``, ``&`` and ``~`` become tests of their own where they are about the whole text. Within a
longer expression ``&`` is refused, and ``~`` but for one character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import re2

from fluent_eql.lang.lucene import (
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
from fluent_eql.lang.patterns import TextTest

MOST_REPEATS = 1000
"""RE2 takes no larger number in ``{n}``."""
LARGEST_PROGRAM = 10_000
"""Instructions; of so large a program RE2 runs through 1 MiB in seconds in the worst case."""

SURROGATE = re.compile("[\ud800-\udfff]")

BytesTest = Callable[[bytes], bool]
Literals = frozenset[tuple[str, bool]]


class UntranslatableError(ValueError):
    """A regular expression that is right, but that cannot be run in linear time here."""


def regex_matcher(patterns: Iterable[str], *, insensitive: bool) -> TextTest:
    """A test for whether one of the patterns matches all of a text.

    If ``insensitive``, ASCII letters have no case, but in a range such as ``[a-c]``. Raises
    ValueError, and UntranslatableError where Lucene alone could run a pattern.
    """
    test = _test(tuple(patterns), insensitive)
    return lambda text: test(_encoded(text))


@lru_cache(maxsize=4096)
def _test(patterns: tuple[str, ...], insensitive: bool) -> BytesTest:
    return _matcher(_parsed(patterns), _Translator(insensitive))


def regex_literals(patterns: Iterable[str]) -> Literals | None:
    """Texts of which one is in every text that a pattern matches; None where there are none.

    Each with whether it stands at the start of the text.
    """
    return _literals(_parsed(tuple(patterns)))


def _parsed(patterns: tuple[str, ...]) -> Node:
    nodes = tuple(map(parse_regex, patterns))
    return nodes[0] if len(nodes) == 1 else Union(nodes)


def _matcher(node: Node, translate: _Translator) -> BytesTest:
    try:
        return _compiled(translate(node))
    except UntranslatableError:
        match node:
            case Union(parts):
                return _any([_matcher(part, translate) for part in parts])
            case Intersection(parts):
                return _all([_matcher(part, translate) for part in parts])
            case Complement(part):
                return _not(_matcher(part, translate))
        raise


def _compiled(pattern: str) -> BytesTest:
    options = re2.Options()
    options.dot_nl = options.never_capture = True
    options.log_errors = False
    try:
        regex: Any = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError("this regular expression is too large") from error
    if regex.programsize > LARGEST_PROGRAM:
        raise ValueError("this regular expression is too large")
    fullmatch = regex.fullmatch
    return lambda text: fullmatch(text) is not None


def _any(tests: list[BytesTest]) -> BytesTest:
    return lambda text: any(test(text) for test in tests)


def _all(tests: list[BytesTest]) -> BytesTest:
    return lambda text: all(test(text) for test in tests)


def _not(test: BytesTest) -> BytesTest:
    return lambda text: not test(text)


def _encoded(text: str) -> bytes:
    """A text as UTF-8, with the replacement character for what is none."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return SURROGATE.sub("\ufffd", text).encode()


class _Translator:
    """From a tree to a pattern of RE2. Raises UntranslatableError."""

    def __init__(self, insensitive: bool) -> None:
        self._insensitive = insensitive
        self._by_type: dict[type[Node], Callable[[Any], str]] = {
            Text: self._text,
            Chars: self._chars,
            Interval: self._interval,
            Concatenation: self._concatenation,
            Union: self._union,
            Intersection: self._intersection,
            Complement: self._complement,
            Repetition: self._repetition,
        }

    def __call__(self, node: Node) -> str:
        return self._by_type[type(node)](node)

    def _text(self, node: Text) -> str:
        return "".join(map(self._char, node.text))

    def _char(self, char: str) -> str:
        if char.isascii() and char.isalpha() and self._insensitive:
            return f"[{char.lower()}{char.upper()}]"
        return char if char.isalnum() else rf"\x{{{ord(char):x}}}"

    def _chars(self, node: Chars) -> str:
        return _set(self._ranges(node))

    def _ranges(self, node: Chars) -> Ranges:
        single = node.single
        if self._insensitive:
            single += "".join(char.swapcase() for char in single if char.isascii())
        ranges = (*node.ranges, *((ord(char), ord(char)) for char in single))
        return complement(ranges) if node.negated else ranges

    def _interval(self, node: Interval) -> str:
        low, high = str(node.low), str(node.high)
        if node.digits is not None:
            return _digits(low.zfill(node.digits), high.zfill(node.digits))
        sizes = range(len(low), len(high) + 1)
        parts = [
            _digits(max(low, _least(size), key=int), min(high, "9" * size, key=int))
            for size in sizes
        ]
        return f"0*(?:{'|'.join(parts)})"

    def _concatenation(self, node: Concatenation) -> str:
        return "".join(map(self, node.parts))

    def _union(self, node: Union) -> str:
        return f"(?:{'|'.join(map(self, node.parts))})" if node.parts else _set(())

    def _repetition(self, node: Repetition) -> str:
        part = f"(?:{self(node.part)})"
        if node.most is None:
            return _times(part, node.least, "") + part + "*"
        return _times(part, node.least, "") + _times(part, node.most - node.least, "0,")

    def _complement(self, node: Complement) -> str:
        match node.part:
            case Complement(part):
                return self(part)
            case Chars() as chars:
                others = _set(complement(self._ranges(chars)))
            case Text(char) if len(char) == 1:
                others = _set(complement(self._ranges(Chars(char, (), negated=False))))
            case _:
                raise UntranslatableError("~ within a longer regular expression")
        return f"(?:|{others}|.{{2}}.*)"

    def _intersection(self, node: Intersection) -> str:
        raise UntranslatableError("& within a longer regular expression")


def _set(ranges: Ranges) -> str:
    if not ranges:
        return r"[^\x{0}-\x{10ffff}]"
    return "[" + "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in ranges) + "]"


def _times(part: str, count: int, least: str) -> str:
    """The part ``count`` times, or, where ``least`` is ``0,``, up to so often."""
    whole, rest = divmod(count, MOST_REPEATS)
    if whole > MOST_REPEATS:
        raise ValueError("this regular expression is too large")
    counts = [MOST_REPEATS] * whole + ([rest] if rest else [])
    return "".join(f"{part}{{{least}{number}}}" for number in counts)


def _least(size: int) -> str:
    """The smallest number of so many digits."""
    return "1" + "0" * (size - 1) if size > 1 else "0"


def _digits(low: str, high: str) -> str:
    """The numbers from one to another of as many digits."""
    if not low:
        return ""
    if low[0] == high[0]:
        return low[0] + _digits(low[1:], high[1:])
    first, last = int(low[0]), int(high[0])
    size = len(low) - 1
    parts = [
        f"{first}{_digits(low[1:], '9' * size)}",
        f"{last}{_digits('0' * size, high[1:])}",
    ]
    if last - first > 1:
        parts.append(f"[{first + 1}-{last - 1}][0-9]{{{size}}}")
    return f"(?:{'|'.join(parts)})"


def _literals(node: Node) -> Literals | None:
    match node:
        case Text(text):
            return frozenset({(text, True)}) if text else None
        case Union(parts):
            return _of_all(parts)
        case Intersection(parts):
            return _best(map(_literals, parts))
        case Repetition(part, least) if least:
            return _literals(part)
        case Concatenation(parts):
            first, *others = map(_literals, parts)
            return _best([first, *map(_anywhere, others)])
    return None


def _of_all(parts: Iterable[Node]) -> Literals | None:
    found: set[tuple[str, bool]] = set()
    for part in parts:
        literals = _literals(part)
        if literals is None:
            return None
        found |= literals
    return frozenset(found)


def _anywhere(literals: Literals | None) -> Literals | None:
    return literals and frozenset((text, False) for text, _ in literals)


def _best(options: Iterable[Literals | None]) -> Literals | None:
    """Those of which the shortest is longest, of as long ones the first."""
    usable = [literals for literals in options if literals is not None]
    return max(usable, key=_shortest, default=None)


def _shortest(literals: Literals) -> int:
    return min((len(text) for text, _ in literals), default=0)
