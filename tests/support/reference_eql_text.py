"""Trees of the reference as the text of a query, spelled at random in all the ways there are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from random import Random

from support.reference_eql import (
    And,
    Arithmetic,
    Call,
    Compare,
    Constant,
    Expression,
    Field,
    In,
    Like,
    Matches,
    Negative,
    Not,
    Or,
)
from support.reference_eql_regex import written as written_regex

OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, PREDICATE, PRIMARY = range(9)
PLAIN_PART = re.compile(r"[A-Za-z_@][A-Za-z0-9_@]*")
KEYWORDS = ("and", "any", "by", "in", "like", "not", "of", "or", "regex", "where", "with")
ESCAPES = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r", '"': '"', "'": "'", "\\": "\\"}
BLANKS = (" ", " ", " ", "\n", "\t", "  ", "\r\n", " /* x /* y */ z */ ", " // it's \"x\n")
WORD = re.compile(r"[A-Za-z0-9_@`?.~]")


class Writer:
    """Writes expressions and parts of queries; ``random`` chooses among the spellings."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def joined(self, tokens: Sequence[str]) -> str:
        """Words, symbols and strings as one text, with blanks and comments between them."""
        text = ""
        for token in tokens:
            if text:
                is_needed = WORD.match(text[-1]) and WORD.match(token[0])
                text += self._blank() if is_needed or self._chance(0.7) else ""
            text += token
        return text

    def condition(self, expression: Expression) -> str:
        """An expression as a text of its own."""
        return self.joined(list(self.expression(expression)))

    def expression(self, expression: Expression, level: int = OR) -> Iterator[str]:
        """The tokens of an expression, in parentheses where something tighter is expected."""
        own, tokens = self._expression(expression)
        if own < level or self._chance(0.08):
            tokens = ["(", *tokens, ")"]
        yield from tokens

    def field(self, field: Field) -> str:
        """A field's name: parts, or all of it, in backticks where needed and at times elsewhere."""
        mark = "?" if field.optional else ""
        if self._chance(0.05):
            return mark + _quoted(field.name)
        parts = field.name.split(".")
        return mark + ".".join(self._part(part, n == 0) for n, part in enumerate(parts))

    def category(self, category: str | None) -> str:
        """What stands before ``where``."""
        if category is None:
            return "any"
        return self._one_of([category, category, self.string(category), _quoted(category)])

    def span(self, seconds: int) -> str:
        """A ``maxspan`` in one of the units that can say it."""
        spans = [f"{seconds}s", f"{seconds * 1000}ms", f"{seconds} s"]
        return self._one_of([*spans, f"{seconds // 60}m"] if seconds % 60 == 0 else spans)

    def string(self, text: str) -> str:
        """A string: in quotes with escapes, or raw."""
        can_be_raw = not re.search(r'[\r\n]|"""', text)
        if can_be_raw and self._chance(0.25):
            return f'"""{text}"""'
        return '"' + "".join(map(self._char, text)) + '"'

    def _expression(self, expression: Expression) -> tuple[int, list[str]]:
        match expression:
            case Field():
                return PRIMARY, [self.field(expression)]
            case Constant(value):
                return self._constant(value)
            case Call(name, arguments, insensitive):
                called = self._cased(name) + "~" * insensitive
                return PRIMARY, [called, *self._list(arguments)]
            case Arithmetic(sign, left, right):
                return self._binary(SUM if sign in "+-" else PRODUCT, sign, left, right)
            case Negative(operand):
                return SIGN, ["-", *self.expression(operand, PRIMARY)]
            case Compare(sign, left, right):
                tokens = [*self.expression(left, SUM), sign, *self.expression(right, SUM)]
                return COMPARISON, tokens
            case In(operand, values, insensitive, negated):
                operator = ["not"] * negated + ["in" + "~" * insensitive]
                return PREDICATE, [*self._operand(operand), *operator, *self._list(values)]
            case Like(sign, operand, patterns):
                texts = [self.string(pattern) for pattern in patterns]
                return PREDICATE, [*self._operand(operand), sign, *self._patterns(texts)]
            case Matches(sign, operand, regexes):
                texts = [self.string(written_regex(regex, self._random)) for regex in regexes]
                return PREDICATE, [*self._operand(operand), sign, *self._patterns(texts)]
            case Not(operand):
                return NOT, ["not", *self.expression(operand, NOT)]
            case And(left, right):
                return self._binary(AND, "and", left, right)
            case Or(left, right):
                return self._binary(OR, "or", left, right)

    def _binary(
        self, level: int, sign: str, left: Expression, right: Expression
    ) -> tuple[int, list[str]]:
        tokens = [*self.expression(left, level), sign, *self.expression(right, level + 1)]
        return level, tokens

    def _operand(self, operand: Expression) -> Iterator[str]:
        return self.expression(operand, PRIMARY)

    def _list(self, expressions: Sequence[Expression]) -> Iterator[str]:
        yield "("
        for number, expression in enumerate(expressions):
            if number:
                yield ","
            yield from self.expression(expression)
        yield ")"

    def _patterns(self, texts: Sequence[str]) -> list[str]:
        if len(texts) == 1 and self._chance(0.7):
            return [texts[0]]
        return ["(", texts[0], *(token for text in texts[1:] for token in (",", text)), ")"]

    def _constant(self, value: object) -> tuple[int, list[str]]:
        if isinstance(value, str):
            return PRIMARY, [self.string(value)]
        if value is None or isinstance(value, bool):
            return PRIMARY, [{None: "null", True: "true", False: "false"}[value]]
        if isinstance(value, int | float) and math.copysign(1, value) < 0:
            return SIGN, ["-", *self._constant(-value)[1]]
        return PRIMARY, [self._number(value)]

    def _number(self, value: object) -> str:
        if isinstance(value, int):
            return "0" * self._chance(0.05) + str(value)
        return self._one_of([f"{value!r}", f"{value!r}", f"{value:.17e}", f"{value:.17E}"])

    def _part(self, part: str, is_first: bool) -> str:
        is_plain = PLAIN_PART.fullmatch(part) and not (is_first and part in KEYWORDS)
        return part if is_plain and not self._chance(0.05) else _quoted(part)

    def _char(self, char: str) -> str:
        if char in ESCAPES and (char != "'" or self._chance(0.5)):
            return f"\\{ESCAPES[char]}"
        if self._chance(0.06) or not char.isprintable():
            return self._one_of([f"\\u{{{ord(char):08x}}}", f"\\u{{{ord(char):02X}}}"])
        return char

    def _cased(self, name: str) -> str:
        return self._one_of([name, name, name.lower(), name.upper(), name.swapcase()])

    def _blank(self) -> str:
        return self._one_of(BLANKS[:3]) if self._chance(0.9) else self._one_of(BLANKS)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _one_of(self, options: Sequence[str]) -> str:
        return self._random.choice(options)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
