"""Random conditions on the fields of random records, of the right types and likely to hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from support.random_patterns import NETWORKS, random_regex, random_wildcard, recased
from support.random_records import (
    ADDRESS,
    BOOLEAN,
    BOOLEANS,
    FIELDS,
    MIXED,
    NUMBER,
    NUMBERS,
    NUMERAL,
    TEXT,
    TEXTS,
    Record,
    World,
)
from support.reference_eql import (
    NULL,
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
    results,
)
from support.reference_eql_functions import INSENSITIVE, OPERATORS, is_number

T = TypeVar("T")

EQUALITY = ("==", "==", "==", "!=")
ORDERS = ("<", "<=", ">", ">=")
LARGEST_EXACT = 2**53
SURROGATE = re.compile("[\ud800-\udfff]")


class Conditions:
    """Makes conditions on the fields of a world, with the ``sample`` of a record in mind."""

    def __init__(self, random: Random, world: World, sample: Record) -> None:
        self._random = random
        self._world = world
        self._sample = sample

    def condition(self, depth: int) -> Expression:
        """A condition with at most so many levels of ``not``, ``and`` and ``or``."""
        chance = self._random.random()
        if not depth or chance < 0.35:
            return self._constant_test() if self._chance(0.04) else self.test()
        if chance < 0.5:
            return Not(self.condition(depth - 1))
        kind = And if chance < 0.75 else Or
        return kind(self.condition(depth - 1), self.condition(depth - 1))

    def test(self) -> Expression:
        """A condition with a field, and without those unless they are within a value."""
        if self._chance(0.65):
            return self._of(
                self._equality,
                self._equality,
                self._order,
                self._membership,
                self._wildcards,
                self._wildcards,
                self._regexes,
                self._null_test,
                self._boolean_field,
                self._networks,
                self._text_test,
            )
        return self._of(
            self._numbers_compared,
            self._texts_compared,
            self._fields_compared,
            self._computed_null_test,
            self._truth_compared,
            self._computed_membership,
        )

    def _equality(self) -> Expression:
        field, value = self._field_and_value()
        return self._compared(EQUALITY, field, Constant(value))

    def _order(self) -> Expression:
        field, value = self._field_and_value(NUMBER, TEXT, MIXED)
        bound = value if not isinstance(value, bool) else self._one_of(NUMBERS[:6])
        return self._compared(ORDERS, field, self._constant(bound))

    def _membership(self) -> Expression:
        field, value = self._field_and_value()
        return self._in(field, value)

    def _wildcards(self) -> Expression:
        field, text = self._field_and_text()
        return self._like(field, text)

    def _regexes(self) -> Expression:
        field, text = self._field_and_text()
        return self._matches(field, text)

    def _null_test(self) -> Expression:
        return self._compared(("==", "!="), self._field(), NULL)

    def _boolean_field(self) -> Expression:
        field = self._field(BOOLEAN, MIXED)
        if self._chance(0.5):
            return field
        return self._compared(("==", "!="), field, Constant(self._one_of(BOOLEANS)))

    def _networks(self) -> Expression:
        networks = [Constant(self._one_of(NETWORKS)) for _ in range(self._one_of((1, 1, 2, 4)))]
        return Call("cidrMatch", (self._field(ADDRESS, MIXED), *networks))

    def _text_test(self) -> Expression:
        name = self._one_of(("startsWith", "endsWith", "stringContains"))
        field, text = self._field_and_text()
        if self._chance(0.7):
            return self._call(name, field, self._constant(self._part(text)))
        operand = self._text(1)
        part = self._part_of(operand) if self._chance(0.7) else self._text(1)
        return self._call(name, operand, part)

    def _numbers_compared(self) -> Expression:
        number = self._number(2)
        other = Constant(self._number_like(number)) if self._chance(0.8) else self._number(1)
        return self._compared((*ORDERS, *EQUALITY, *EQUALITY), number, other)

    def _texts_compared(self) -> Expression:
        text = self._text(2)
        other = self._constant(self._text_like(text)) if self._chance(0.8) else self._text(1)
        return self._compared((*ORDERS, *EQUALITY, *EQUALITY), text, other)

    def _fields_compared(self) -> Expression:
        kind = self._one_of((TEXT, NUMBER, MIXED))
        return self._compared((*ORDERS, *EQUALITY), self._field(kind), self._field(kind))

    def _computed_null_test(self) -> Expression:
        value = self._of(lambda: self._text(2), lambda: self._number(2), self.test)
        return self._compared(("==", "!="), value, NULL)

    def _truth_compared(self) -> Expression:
        truth = self._truth()
        if self._chance(0.6):
            return self._compared(EQUALITY, truth, self._constant_test())
        return self._compared(EQUALITY, truth, self._of(self._truth, lambda: self._field(BOOLEAN)))

    def _computed_membership(self) -> Expression:
        if self._chance(0.2):
            return In(self._truth(), (Constant(self._one_of(BOOLEANS)),))
        if self._chance(0.3):
            number = self._number(2)
            return self._in(number, self._number_like(number))
        kind, text = self._one_of((self._in, self._like, self._matches)), self._text(2)
        return kind(text, self._text_like(text))

    def _constant_test(self) -> Expression:
        """True, false or a condition without a field."""
        if self._chance(0.5):
            return Constant(self._one_of(BOOLEANS))
        value, other = self._any_text(), self._any_text()
        if self._chance(0.5):
            return self._compared((*ORDERS, *EQUALITY), Constant(value), self._constant(other))
        return self._like(Constant(value), other)

    def _truth(self) -> Expression:
        """A condition with fields as a value."""
        if self._chance(0.6):
            return self._of(self.test, self._text_test, self._networks)
        if self._chance(0.3):
            return Not(self.test())
        combined: tuple[type[And] | type[Or], ...] = (And, Or)
        return self._one_of(combined)(self.test(), self.test())

    def _text(self, depth: int) -> Expression:
        """A text with a field in it."""
        if not depth or self._chance(0.2):
            return self._field(TEXT, MIXED)
        inner = self._text(depth - 1)
        if self._chance(0.2):
            return Call("string", (self._of(lambda: self._number(depth - 1), self._truth),))
        if self._chance(0.35):
            others = [self._anything(depth - 1) for _ in range(self._one_of((0, 1, 1, 2)))]
            return Call("concat", tuple(self._shuffled([inner, *others])))
        if self._chance(0.5):
            start = self._constant(self._one_of((0, 1, 2, -1, -3, 9, 1.7, -99)))
            end = self._optional((0, 2, 3, -1, -2, 99), NULL)
            return Call("substring", (inner, start, *end))
        ends = [self._part_of(inner, most=self._one_of((1, 1, 2))) for _ in range(2)]
        return self._call("between", inner, *ends, *self._optional((True, True, False)))

    def _number(self, depth: int) -> Expression:
        """A number with a field in it."""
        if not depth or self._chance(0.2):
            return self._field(NUMBER, MIXED)
        if self._chance(0.45):
            return self._arithmetic(depth)
        if self._chance(0.35):
            numeral = self._field(NUMERAL) if self._chance(0.8) else self._text(depth - 1)
            return Call("number", (numeral, *self._optional((10, 16, 2, 8, 36, 1), NULL)))
        text = self._text(depth - 1)
        if self._chance(0.5):
            return Call("length", (text,))
        start = self._optional((0, 1, 3, -2, 99), NULL)
        return self._call("indexOf", text, self._part_of(text), *start)

    def _arithmetic(self, depth: int) -> Expression:
        number = self._number(depth - 1)
        if self._chance(0.1):
            return Negative(number)
        other = Constant(self._one_of(NUMBERS)) if self._chance(0.7) else self._number(depth - 1)
        operands = (number, other) if self._chance(0.7) else (other, number)
        name, sign = self._one_of(tuple(OPERATORS.items()))
        return Call(name, operands) if self._chance(0.4) else Arithmetic(sign, *operands)

    def _anything(self, depth: int) -> Expression:
        return self._of(
            lambda: Constant(self._part(self._any_text())),
            lambda: Constant(self._one_of((*NUMBERS[:8], *BOOLEANS))),
            self._field,
            lambda: self._number(depth),
            self._truth,
        )

    def _in(self, operand: Expression, value: Any) -> Expression:
        values = [value, *(self._like_value(value) for _ in range(self._one_of((0, 1, 2, 4))))]
        insensitive = isinstance(value, str) and self._chance(0.4)
        if insensitive:
            values = [recased(self._random, text) for text in values]
        listed = tuple(map(self._constant, self._shuffled(values)))
        return In(operand, listed, insensitive, self._chance(0.2))

    def _like(self, operand: Expression, text: str) -> Expression:
        texts = [text, *(self._any_text() for _ in range(self._one_of((0, 0, 1, 3))))]
        patterns = tuple(random_wildcard(self._random, text) for text in texts)
        return Like(self._one_of(("like", "like~", ":", ":")), operand, patterns)

    def _matches(self, operand: Expression, text: str) -> Expression:
        texts = [text, *(self._any_text() for _ in range(self._one_of((0, 0, 1))))]
        patterns = tuple(random_regex(self._random, text, self._any_text()) for text in texts)
        return Matches(self._one_of(("regex", "regex~")), operand, patterns)

    def _call(self, name: str, *arguments: Expression) -> Expression:
        return Call(name, arguments, name in INSENSITIVE and self._chance(0.4))

    def _compared(
        self, operators: Sequence[str], left: Expression, right: Expression
    ) -> Expression:
        sides = (left, right) if self._chance(0.8) else (right, left)
        return Compare(self._one_of(operators), *sides)

    def _constant(self, value: Any) -> Expression:
        """A constant, at times computed."""
        if self._chance(0.9):
            return Constant(value)
        if isinstance(value, str):
            middle = self._random.randint(0, len(value))
            return Call("concat", (Constant(value[:middle]), Constant(value[middle:])))
        if isinstance(value, int) and 0 < value < LARGEST_EXACT and not isinstance(value, bool):
            return Arithmetic("+", Constant(value - 1), Constant(1))
        return Constant(value)

    def _optional(self, options: Sequence[Any], *others: Expression) -> tuple[Expression, ...]:
        """An argument that may be left out."""
        if self._chance(0.5):
            return ()
        return (self._one_of((*map(Constant, options), *others)),)

    def _field(self, *kinds: str) -> Field:
        names = [name for name, kind in FIELDS.items() if kind in (kinds or FIELDS.values())]
        if self._chance(0.03):
            names = list(FIELDS)
        return Field(self._one_of(names), self._chance(0.15))

    def _field_and_value(self, *kinds: str) -> tuple[Field, Any]:
        field = self._field(*kinds)
        return field, self._one_of(self._world.values[field.name])

    def _field_and_text(self) -> tuple[Field, str]:
        field, value = self._field_and_value(TEXT, TEXT, ADDRESS, MIXED)
        return field, value if isinstance(value, str) else self._any_text()

    def _any_text(self) -> str:
        value = self._one_of([value for some in self._world.values.values() for value in some])
        return value if isinstance(value, str) else self._one_of(TEXTS)

    def _part(self, text: str) -> str:
        """A part of a text, the whole or another text."""
        if self._chance(0.1):
            return self._any_text()
        start = self._random.randint(0, len(text))
        return recased(self._random, text[start : self._random.randint(start, len(text))])

    def _part_of(self, expression: Expression, *, most: int = 99) -> Constant:
        """A part of a text that the expression may be."""
        return Constant(self._part(self._text_like(expression))[:most])

    def _text_like(self, expression: Expression) -> str:
        """A text that the expression is for the sample, if it is one that can be written."""
        found = [one for one in results(expression, self._sample) if isinstance(one, str)]
        texts = [text for text in found if not SURROGATE.search(text)]
        return self._one_of(texts) if texts else self._any_text()

    def _number_like(self, expression: Expression) -> Any:
        """A number that the expression is for the sample, if it is one that can be written."""
        found = [one for one in results(expression, self._sample) if is_number(one)]
        numbers = [number for number in found if math.isfinite(number)]
        return self._one_of(numbers or NUMBERS[:8])

    def _like_value(self, value: Any) -> Any:
        """A value of the same type."""
        if isinstance(value, bool):
            return self._one_of(BOOLEANS)
        return self._one_of(NUMBERS) if is_number(value) else self._any_text()

    def _shuffled(self, items: Sequence[T]) -> list[T]:
        return self._random.sample(list(items), len(items))

    def _of(self, *makers: Callable[[], Expression]) -> Expression:
        return self._one_of(makers)()

    def _one_of(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
