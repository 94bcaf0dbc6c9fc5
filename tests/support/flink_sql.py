"""Reads Flink SQL as far as its meaning needs no Flink: literals, patterns, tests of one text.

Tests of a text are ``LIKE``, ``INSTR``, ``REGEXP``, ``=`` and of its numbers, joined by ``NOT``,
``AND``, ``OR``. Java's regular expressions are read by Python's ``re``, which agrees on those that
have only literals, classes, groups, counts and the anchors.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

LITERAL = re.compile(r"U&'(?:[^']|'')*'|'(?:[^']|'')*'")
NAME = re.compile(r"`(?:[^`]|``)*`")
STEP = re.compile(r"(?:WITH |, )(\w+) AS \(\n")
ESCAPE = re.compile(r"\\([0-9a-fA-F]{4}|\\)")
CODE = re.compile(r"\\x\{([0-9a-f]+)\}")
QUOTED = re.compile(rf"{LITERAL.pattern}|{NAME.pattern}")
TOKEN = re.compile(rf"{QUOTED.pattern}|[A-Za-z_][A-Za-z_0-9]*|<>|<=|>=|\S")
ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def text_of(literal: str) -> str:
    """The text that a literal stands for."""
    if literal.startswith("U&"):
        body = literal[3:-1].replace("''", "'")
        return ESCAPE.sub(lambda m: m[1] if m[1] == "\\" else chr(int(m[1], 16)), body)
    return literal[1:-1].replace("''", "'")


def literals(sql: str) -> list[str]:
    """The texts of the literals in a statement, in their order."""
    return [text_of(found) for found in QUOTED.findall(sql) if found[0] != "`"]


def skeleton(sql: str) -> str:
    """A statement with its literals and names in backticks taken out."""
    return QUOTED.sub("", sql)


def is_whole(sql: str) -> bool:
    """Whether each quotation mark and each bracket has its partner, in their order."""
    waiting = []
    for char in (rest := skeleton(sql)):
        if char in "([":
            waiting.append(")" if char == "(" else "]")
        elif char in ")]" and (not waiting or waiting.pop() != char):
            return False
    return not waiting and "'" not in rest and "`" not in rest


def steps_in(query: str) -> dict[str, str]:
    """The steps of a query, ``WITH name AS (…), …``, by their names, in their order."""
    starts = [(found[1], found.end()) for found in STEP.finditer(query)]
    ends = [query.rindex("\n)", 0, start) for _, start in starts[1:]]
    ends.append(query.rindex("\n)\n"))
    return {name: query[start:end] for (name, start), end in zip(starts, ends, strict=True)}


def java(regex: str) -> re.Pattern[str]:
    """A regular expression of Java's, in which only ASCII letters have a case."""
    return re.compile(CODE.sub(lambda found: f"\\U{int(found[1], 16):08x}", regex), re.ASCII)


def text_of_values(values: Iterable[Any]) -> str:
    """A field's values as one text, see :mod:`fluent_eql.flinksql.text`."""
    tokens = [
        f'"{value.replace(chr(34), chr(1))}"' if isinstance(value, str) else json.dumps(value)
        for value in values
    ]
    return "\x1e" + "\x1e".join(tokens) + "\x1e"


def holds(test: str, texts: Mapping[str, str]) -> bool:
    """Whether a test holds; ``texts`` are those of the columns, by their names."""
    return _Reader(test, texts).whole()


class _Reader:
    def __init__(self, sql: str, texts: Mapping[str, str]) -> None:
        self._tokens = TOKEN.findall(sql)
        self._texts = texts

    def whole(self) -> bool:
        result = self._any()
        assert not self._tokens, f"expected the end, found {self._tokens}"
        return result

    def _any(self) -> bool:
        results = [self._all()]
        while self._accept("OR"):
            results.append(self._all())
        return any(results)

    def _all(self) -> bool:
        results = [self._one()]
        while self._accept("AND"):
            results.append(self._one())
        return all(results)

    def _one(self) -> bool:
        match token := self._next():
            case "NOT":
                return not self._one()
            case "(":
                result = self._any()
                self._expect(")")
                return result
            case "TRUE" | "FALSE":
                return token == "TRUE"
            case "REGEXP" | "INSTR":
                self._expect("(")
                text, part = self._text(), self._literal_after(",")
                self._expect(")")
                if token == "REGEXP":
                    return java(part).search(text) is not None
                self._expect(">", "0")
                return part in text
            case "COALESCE":
                return self._numbers()
        return self._compared(self._texts[token.strip("`").replace("``", "`")])

    def _compared(self, text: str) -> bool:
        match sign := self._next():
            case "LIKE":
                pattern = text_of(self._next())
                assert "_" not in pattern
                parts = [re.escape(part) for part in pattern.split("%")]
                return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None
            case "BETWEEN":
                low, high = text_of(self._next()), self._literal_after("AND")
                return low <= text <= high
            case "=" | "<>":
                return (text == text_of(self._next())) is (sign == "=")
        raise AssertionError(f"no test of a text: {sign}")

    def _numbers(self) -> bool:
        """Of the numbers in a text: one of them is a number, or the extreme compares to one."""
        self._expect("(")
        kind = self._next()
        self._expect("(", "CAST", "(", "REGEXP_EXTRACT_ALL", "(")
        text, regex = self._text(), self._literal_after(",")
        numbers = [float(found) for found in java(regex).findall(text)]
        self._expect(*TOKEN.findall(", 1) AS ARRAY<DOUBLE>)"))
        if kind == "ARRAY_CONTAINS":
            self._expect(",")
            result = self._double() in numbers
            self._expect(")")
        else:
            self._expect(")")
            compare, bound = ORDERS[self._next()], self._double()
            extreme = {"ARRAY_MIN": min, "ARRAY_MAX": max}[kind]
            result = bool(numbers) and compare(extreme(numbers), bound)
        self._expect(",", "FALSE", ")")
        return result

    def _double(self) -> float:
        self._expect("CAST", "(")
        value = float(text_of(self._next()))
        self._expect("AS", "DOUBLE", ")")
        return value

    def _text(self) -> str:
        return self._texts[self._next().strip("`").replace("``", "`")]

    def _literal_after(self, sign: str) -> str:
        self._expect(sign)
        return text_of(self._next())

    def _accept(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._next()
            return True
        return False

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            found = self._next()
            assert found == token, f"expected {token}, found {found}"

    def _next(self) -> str:
        return str(self._tokens.pop(0))
