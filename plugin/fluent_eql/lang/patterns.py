"""Wildcard patterns and case folding.

``*`` is any run of characters, also an empty one, ``?`` exactly one code point; there is no escape
character and a pattern covers the whole text. Only ASCII letters have a case, as in Elasticsearch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from string import ascii_lowercase, ascii_uppercase

TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

TextTest = Callable[[str], bool]


def fold(text: str) -> str:
    """The text with its ASCII letters in lower case and all else as it was."""
    return text.lower() if text.isascii() else text.translate(TO_LOWER)


def wildcard_matcher(patterns: Iterable[str], *, insensitive: bool) -> TextTest:
    """A test for whether a text matches any of the patterns.

    Its time is at most the text's length times the patterns': nothing is tried twice.
    """
    if insensitive:
        test = _Patterns(map(fold, patterns)).test()
        return lambda text: test(fold(text))
    return _Patterns(patterns).test()


class _Patterns:
    """Patterns by their shape, so that a long list costs a few calls."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._exact: set[str] = set()
        self._prefixes: list[str] = []
        self._suffixes: list[str] = []
        self._contained: list[str] = []
        self._general: list[str] = []
        for pattern in patterns:
            self._sort(pattern)

    def test(self) -> TextTest:
        tests = list(self._tests())
        if len(tests) == 1:
            return tests[0]
        return lambda text: any(test(text) for test in tests)

    def _sort(self, pattern: str) -> None:
        match re.sub(r"\*+", "*", pattern).split("*"):
            case _ if "?" in pattern:
                self._general.append(pattern)
            case [text]:
                self._exact.add(text)
            case [prefix, ""]:
                self._prefixes.append(prefix)
            case ["", suffix]:
                self._suffixes.append(suffix)
            case ["", text, ""]:
                self._contained.append(text)
            case _:
                self._general.append(pattern)

    def _tests(self) -> Iterable[TextTest]:
        if self._exact:
            yield frozenset(self._exact).__contains__
        if self._prefixes:
            yield _starts_with(tuple(self._prefixes))
        if self._suffixes:
            yield _ends_with(tuple(self._suffixes))
        if self._contained:
            yield _contains(tuple(self._contained))
        if self._general:
            yield _matches(self._general)


def _starts_with(prefixes: tuple[str, ...]) -> TextTest:
    return lambda text: text.startswith(prefixes)


def _ends_with(suffixes: tuple[str, ...]) -> TextTest:
    return lambda text: text.endswith(suffixes)


def _contains(needles: tuple[str, ...]) -> TextTest:
    return lambda text: any(needle in text for needle in needles)


def _matches(patterns: list[str]) -> TextTest:
    fullmatch = re.compile("|".join(map(_regex, patterns)), re.DOTALL).fullmatch
    return lambda text: fullmatch(text) is not None


def _regex(pattern: str) -> str:
    """The pattern as a regular expression.

    Each piece between two stars is taken where it comes first, and atomically: a later place
    could not match more.
    """
    pieces = [re.escape(piece).replace(r"\?", ".") for piece in pattern.split("*")]
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last
