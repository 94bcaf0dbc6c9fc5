"""Lucene's regular expressions as trees: what they match, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from support.reference_eql_functions import fold

OPERATORS = '.?+*|{}[]()"\\#@&<>~'
CLASSES = {
    "d": "0123456789",
    "s": " \t\r\n",
    "w": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
}


@dataclass(frozen=True)
class Text:
    """These characters."""

    text: str


@dataclass(frozen=True)
class AnyChar:
    """``.``: one character."""


@dataclass(frozen=True)
class AnyText:
    """``@``."""


@dataclass(frozen=True)
class NoText:
    """``#``."""


@dataclass(frozen=True)
class Class:
    """``\\d`` and its like."""

    letter: str


@dataclass(frozen=True)
class Chars:
    """``[…]``: characters, ranges of them (two characters) and classes."""

    parts: tuple[str | Class, ...]
    negated: bool = False


@dataclass(frozen=True)
class Number:
    """``<low-high>``, as written."""

    low: str
    high: str


@dataclass(frozen=True)
class Then:
    """One after the other."""

    left: Regex
    right: Regex


@dataclass(frozen=True)
class Either:
    """``left|right``."""

    left: Regex
    right: Regex


@dataclass(frozen=True)
class Both:
    """``left&right``."""

    left: Regex
    right: Regex


@dataclass(frozen=True)
class Other:
    """``~part``."""

    part: Regex


@dataclass(frozen=True)
class Repeat:
    """``part{least,most}``; ``most`` is None for any number."""

    part: Regex
    least: int
    most: int | None


Regex = (
    Text
    | AnyChar
    | AnyText
    | NoText
    | Class
    | Chars
    | Number
    | Then
    | Either
    | Both
    | Other
    | Repeat
)


def is_match(regex: Regex, text: str, *, insensitive: bool) -> bool:
    """Whether an expression matches all of a text."""
    return len(text) in _ends(regex, text, 0, insensitive)


def _ends(regex: Regex, text: str, start: int, insensitive: bool) -> set[int]:
    """Where what an expression matches from ``start`` on may end."""

    def after(part: Regex, places: set[int]) -> set[int]:
        return {end for place in places for end in _ends(part, text, place, insensitive)}

    match regex:
        case Text(wanted):
            end = start + len(wanted)
            found = text[start:end]
            same = fold(found) == fold(wanted) if insensitive else found == wanted
            return {end} if same else set()
        case AnyChar() | Class() | Chars():
            is_one = start < len(text) and _takes(regex, text[start], insensitive)
            return {start + 1} if is_one else set()
        case AnyText():
            return set(range(start, len(text) + 1))
        case NoText():
            return set()
        case Number():
            places = range(start + 1, len(text) + 1)
            return {place for place in places if _is_between(regex, text[start:place])}
        case Then(left, right):
            return after(right, after(left, {start}))
        case Either(left, right):
            return after(left, {start}) | after(right, {start})
        case Both(left, right):
            return after(left, {start}) & after(right, {start})
        case Other(part):
            return set(range(start, len(text) + 1)) - after(part, {start})
        case Repeat(part, least, most):
            reached, ends = {start}, set[int]()
            for count in range(least + len(text) + 1 if most is None else most + 1):
                ends |= reached if count >= least else set()
                reached = after(part, reached)
            return ends


def _takes(regex: AnyChar | Class | Chars, char: str, insensitive: bool) -> bool:
    match regex:
        case AnyChar():
            return True
        case Class(letter):
            return (char in CLASSES[letter.lower()]) is letter.islower()
        case Chars(parts, negated):
            return any(_is_part(part, char, insensitive) for part in parts) is not negated


def _is_part(part: str | Class, char: str, insensitive: bool) -> bool:
    if isinstance(part, Class):
        return _takes(part, char, insensitive)
    if len(part) == 2:
        return part[0] <= char <= part[1]
    return fold(part) == fold(char) if insensitive else part == char


def _is_between(number: Number, text: str) -> bool:
    if not all(char in CLASSES["d"] for char in text):
        return False
    if len(number.low) == len(number.high) != len(text):
        return False
    low, high = sorted((int(number.low), int(number.high)))
    return low <= int(text) <= high


UNION, INTERSECTION, SEQUENCE, REPETITION, COMPLEMENT, SIMPLE = range(6)


def written(regex: Regex, random: Random, level: int = UNION) -> str:
    """The expression in Lucene's syntax, in parentheses where needed and at times elsewhere."""
    own, text = _written(regex, random)
    return f"({text})" if own < level or random.random() < 0.05 else text


def _written(regex: Regex, random: Random) -> tuple[int, str]:
    match regex:
        case Text(text):
            return (SIMPLE if len(text) == 1 else SEQUENCE), _literal(text, random)
        case AnyChar():
            return SIMPLE, "."
        case AnyText():
            return SIMPLE, "@"
        case NoText():
            return SIMPLE, "#"
        case Class(letter):
            return SIMPLE, f"\\{letter}"
        case Chars(parts, negated):
            return SIMPLE, f"[{'^' * negated}{''.join(_chars(parts))}]"
        case Number(low, high):
            return SIMPLE, f"<{low}-{high}>"
        case Then(left, right):
            texts = written(left, random, SEQUENCE), written(right, random, SEQUENCE)
            return SEQUENCE, "".join(texts)
        case Either(left, right):
            return UNION, f"{written(left, random, UNION)}|{written(right, random, UNION)}"
        case Both(left, right):
            texts = written(left, random, INTERSECTION), written(right, random, INTERSECTION)
            return INTERSECTION, "&".join(texts)
        case Other(part):
            return COMPLEMENT, f"~{written(part, random, COMPLEMENT)}"
        case Repeat(part, least, most):
            return REPETITION, written(part, random, REPETITION) + _times(least, most, random)


def _literal(text: str, random: Random) -> str:
    if '"' not in text and (not text or random.random() < 0.2):
        return f'"{text}"' if text else "()"
    return "".join(f"\\{char}" if char in OPERATORS else char for char in text)


def _chars(parts: tuple[str | Class, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Class):
            yield f"\\{part.letter}"
        else:
            yield "-".join(f"\\{char}" if char in "]^-\\[" else char for char in part)


def _times(least: int, most: int | None, random: Random) -> str:
    short = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    if short and random.random() < 0.8:
        return short
    if least == most:
        return f"{{{least}}}"
    return f"{{{least},{'' if most is None else most}}}"
