"""The grammar of Lucene's regular expressions, all of whose optional operators are on.

From loose to tight: ``|``, ``&`` (both match), concatenation, ``? * + {n} {n,} {n,m}``, ``~``
(what does not match), and one of: ``.``, ``[…]``, ``"…"`` (as it is), ``(…)``, ``@`` (any text),
``#`` (no text), ``<n-m>`` (a number from n to m), ``\\d \\D \\s \\S \\w \\W``, ``\\`` before
a character that is itself. Everything else is itself, also ``^`` and ``$``, and an operator where
none can stand. An expression matches a text if it matches all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_NESTING = 100
MOST_DIGITS = 9
LAST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """This text, as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One of the ``single`` characters or of those in ``ranges``, or, if ``negated``, another."""

    single: str
    ranges: Ranges
    negated: bool


@dataclass(frozen=True, slots=True)
class Interval:
    """A decimal number from ``low`` to ``high``.

    It has so many ``digits``, zeros at the front, or, where that is None, any zeros at the front.
    """

    low: int
    high: int
    digits: int | None


@dataclass(frozen=True, slots=True)
class Concatenation:
    """One part after another."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """Any of the parts; none without parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Intersection:
    """All of the parts at once."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Complement:
    """Every text that ``part`` does not match."""

    part: Node


@dataclass(frozen=True, slots=True)
class Repetition:
    """``least`` to ``most`` times the part; ``most`` is None for no limit."""

    part: Node
    least: int
    most: int | None


Node = Text | Chars | Interval | Concatenation | Union | Intersection | Complement | Repetition

ANY_CHAR = Chars("", (), negated=True)
ANY_TEXT = Repetition(ANY_CHAR, 0, None)
NO_TEXT = Union(())

CLASSES: dict[str, Ranges] = {
    "d": ((0x30, 0x39),),
    "s": ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20)),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
}


def complement(ranges: Ranges) -> Ranges:
    """The characters in none of the ranges."""
    gaps = []
    start = 0
    for low, high in sorted(ranges):
        if start < low:
            gaps.append((start, low - 1))
        start = max(start, high + 1)
    return (*gaps, (start, LAST)) if start <= LAST else tuple(gaps)


def parse_regex(text: str) -> Node:
    """The tree of a regular expression. Raises ValueError."""
    return _Parser(text).whole() if text else Text("")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._offset = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._union()
        if self._offset < len(self._text):
            raise self._error(f"expected its end, found {self._text[self._offset]}")
        return node

    def _union(self) -> Node:
        parts = [self._intersection()]
        while self._accept("|"):
            parts.append(self._intersection())
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _intersection(self) -> Node:
        parts = [self._concatenation()]
        while self._accept("&"):
            parts.append(self._concatenation())
        return parts[0] if len(parts) == 1 else Intersection(tuple(parts))

    def _concatenation(self) -> Node:
        parts = [self._repetition()]
        while self._more() and not self._at(")|&"):
            part = self._repetition()
            if isinstance(part, Text) and isinstance(parts[-1], Text):
                parts[-1] = Text(parts[-1].text + part.text)
            else:
                parts.append(part)
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _repetition(self) -> Node:
        node = self._complement()
        while self._at("?*+{"):
            sign = self._next()
            if sign == "{":
                node = self._counted(node)
            else:
                node = Repetition(node, int(sign == "+"), 1 if sign == "?" else None)
        return node

    def _counted(self, node: Node) -> Node:
        least = self._number()
        most: int | None = least
        if self._accept(","):
            most = self._number() if self._at("0123456789") else None
        self._expect("}")
        return NO_TEXT if most is not None and most < least else Repetition(node, least, most)

    def _complement(self) -> Node:
        negations = 0
        while self._accept("~"):
            negations += 1
        node = self._simple()
        return Complement(node) if negations % 2 else node

    def _simple(self) -> Node:
        if self._at('.#@"(<['):
            return self._operator(self._next())
        found = self._escaped()
        if isinstance(found, Chars):
            return found
        return Text(self._next() if found is None else found)

    def _operator(self, sign: str) -> Node:
        match sign:
            case ".":
                return ANY_CHAR
            case "#":
                return NO_TEXT
            case "@":
                return ANY_TEXT
            case '"':
                return Text(self._up_to('"'))
            case "(":
                return self._group()
            case "<":
                return self._interval(self._up_to(">"))
        return self._chars()

    def _group(self) -> Node:
        if self._accept(")"):
            return Text("")
        if self._depth == MOST_NESTING:
            raise self._error(f"expected at most {MOST_NESTING} levels of parentheses")
        self._depth += 1
        node = self._union()
        self._expect(")")
        self._depth -= 1
        return node

    def _chars(self) -> Node:
        negated = self._accept("^")
        single, ranges = "", list[tuple[int, int]]()
        while True:
            found = self._escaped()
            if isinstance(found, Chars):
                ranges += complement(found.ranges) if found.negated else found.ranges
            else:
                char = self._next() if found is None else found
                if self._accept("-"):
                    ranges.append(self._range(char))
                else:
                    single += char
            if self._accept("]"):
                return Chars(single, tuple(ranges), negated)

    def _range(self, first: str) -> tuple[int, int]:
        self._accept("\\")
        last = self._next()
        if first > last:
            raise self._error(f"expected a range from low to high, found {first}-{last}")
        return ord(first), ord(last)

    def _escaped(self) -> Chars | str | None:
        """A class or a character after a backslash; None where there is no backslash."""
        if not self._accept("\\"):
            return None
        char = self._next()
        if char.lower() in CLASSES and char.isascii():
            return Chars("", CLASSES[char.lower()], negated=char.isupper())
        if char.isascii() and char.isalpha():
            raise self._error(f"expected one of \\d \\D \\s \\S \\w \\W, found \\{char}")
        return char

    def _interval(self, text: str) -> Node:
        low, dash, high = text.partition("-")
        if not dash or not _is_number(low) or not _is_number(high):
            raise self._error(f"expected two whole numbers as in <1-10>, found <{text}>")
        first, last = sorted((int(low), int(high)))
        return Interval(first, last, len(low) if len(low) == len(high) else None)

    def _number(self) -> int:
        start = self._offset
        while self._at("0123456789"):
            self._offset += 1
        digits = self._text[start : self._offset]
        if not _is_number(digits):
            raise self._error(f"expected a number of at most {MOST_DIGITS} digits")
        return int(digits)

    def _up_to(self, end: str) -> str:
        stop = self._text.find(end, self._offset)
        if stop < 0:
            raise self._error(f"expected {end}, found its end", len(self._text))
        found = self._text[self._offset : stop]
        self._offset = stop + 1
        return found

    def _more(self) -> bool:
        return self._offset < len(self._text)

    def _at(self, chars: Sequence[str]) -> bool:
        return self._more() and self._text[self._offset] in chars

    def _accept(self, char: str) -> bool:
        found = self._at(char)
        self._offset += found
        return found

    def _expect(self, char: str) -> None:
        if not self._accept(char):
            found = self._text[self._offset] if self._more() else "its end"
            raise self._error(f"expected {char}, found {found}")

    def _next(self) -> str:
        if not self._more():
            raise self._error("expected more, found its end")
        self._offset += 1
        return self._text[self._offset - 1]

    def _error(self, message: str, offset: int | None = None) -> ValueError:
        place = (self._offset if offset is None else offset) + 1
        return ValueError(f"{message} at character {place} of the regular expression")


def _is_number(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
