"""What the values of fields leave possible of many conditions, remembered for each value.

Conditions are bits: ``1 << number``, in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from fluent_eql.columns import Value, values_of
from fluent_eql.event import encode_value
from fluent_eql.fields import FieldValues, Values
from fluent_eql.lang import Condition, nodes
from fluent_eql.lang.compile import condition_of, parts_of
from fluent_eql.lang.relax import relaxed
from fluent_eql.suspects import Suspects

MOST_VALUES = 10_000
"""Of one field, or of all together, that are remembered."""

LONGEST_VALUE = 2_048
"""Characters of a value, or of all together, up to which it is remembered."""

MOST_ABSENCES = 64
"""Sets of objects that are absent for which there are tests."""


class ByValue(dict[Value, int]):
    """For each value of one field the conditions that it leaves possible."""

    def __init__(self, name: str, conditions: Sequence[Condition]) -> None:
        super().__init__()
        self.name = name
        self.missed = 0
        tests: dict[nodes.Expression, int] = {}
        untested = 0
        for number, condition in enumerate(conditions):
            part = relaxed(condition.expression, {name})
            if part is None:
                untested |= 1 << number
            else:
                tests[part] = tests.get(part, 0) | 1 << number
        self._untested = untested
        self._tests = [(condition_of(part), bits) for part, bits in tests.items()]
        self._suspects: Suspects[tuple[int, ...]] | None = None

    def scan_for_tests(self) -> None:
        """There will be many values: scan each for what it may satisfy before that is tested."""
        self._suspects = Suspects([condition for condition, _ in self._tests], tuple)

    def __missing__(self, value: Value) -> int:
        self.missed += 1
        fields = {self.name: values_of(value)}
        left = self._untested
        tests: Any = self._tests
        if self._suspects is not None:
            raw = encode_value({self.name: value})
            tests = [self._tests[number] for number in self._suspects.of(raw)]
        for condition, bits in tests:
            if condition.matches(fields):
                left |= bits
        if _length_of(value) <= LONGEST_VALUE:
            if len(self) >= MOST_VALUES:
                self.clear()
            self[value] = left
        return left


class Joint(dict[tuple[Any, ...], int]):
    """For the values of some fields together the conditions that they leave possible.

    Behind the values stands whether each of the ``objects`` is there; what is not has no fields.
    ``missed`` counts values that were new.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        fields: Sequence[ByValue],
        objects: Sequence[str],
        missed: int = 0,
    ) -> None:
        super().__init__()
        self.missed = missed
        self._conditions = conditions
        self._fields = fields
        self._objects = objects
        self._everything = (1 << len(conditions)) - 1
        self._tests: dict[frozenset[str], _JointTests] = {}

    def __missing__(self, values: tuple[Any, ...]) -> int:
        self.missed += 1
        left, length = self._everything, 0
        fields: dict[str, Values] = {}
        for field, value in zip(self._fields, values, strict=False):
            left &= field[value]
            length += _length_of(value)
            fields[field.name] = values_of(value)
        objects = zip(self._objects, values[len(self._fields) :], strict=False)
        absent = frozenset(name for name, is_there in objects if not is_there)
        tests = self._tests_without(absent)
        fields |= tests.fields
        for number in numbers_of(left):
            test = tests.test(number)
            if test is not None and not test.matches(fields):
                left ^= 1 << number
        if length <= LONGEST_VALUE:
            if len(self) >= MOST_VALUES:
                self.clear()
            self[values] = left
        return left

    def _tests_without(self, objects: frozenset[str]) -> _JointTests:
        """Tests of records in which these objects, or fewer, are absent."""
        if objects not in self._tests:
            if len(self._tests) >= MOST_ABSENCES:
                objects = frozenset()
            names = [field.name for field in self._fields]
            self._tests[objects] = _JointTests(self._conditions, names, objects)
        return self._tests[objects]


class _JointTests:
    """Tests of conditions by the fields of some names, where some objects are absent.

    ``fields`` are those that are in these objects, which have no values.
    """

    def __init__(
        self, conditions: Sequence[Condition], names: Collection[str], objects: Collection[str]
    ) -> None:
        self._conditions = conditions
        gone = {
            name for condition in conditions for name in condition.fields if top_of(name) in objects
        }
        self.fields: FieldValues = dict.fromkeys(gone, ())
        self._known = {*names, *gone}
        self._tests: dict[int, Condition | None] = {}

    def test(self, number: int) -> Condition | None:
        """What can be tested of a condition beyond what each field says; None for nothing."""
        if number not in self._tests:
            parts = parts_of(self._conditions[number].expression)
            found = [part for one in parts if (part := relaxed(one, self._known)) is not None]
            whole = relaxed(self._conditions[number].expression, self._known)
            says_more = any(_is_joint(part, self.fields) for part in found)
            self._tests[number] = condition_of(whole) if whole is not None and says_more else None
        return self._tests[number]


def numbers_of(bits: int) -> Iterator[int]:
    """The numbers of the bits in a sum of them, in their order."""
    while bits:
        bit = bits & -bits
        bits ^= bit
        yield bit.bit_length() - 1


def top_of(name: str) -> str:
    """The first part of a field's name."""
    return name.partition(".")[0]


def _length_of(value: Value) -> int:
    if value.__class__ is str:
        return len(value)
    if value.__class__ is tuple:
        return sum(map(_length_of, value))
    return 1


def _is_joint(expression: nodes.Expression, gone: Collection[str]) -> bool:
    """Whether an expression says something that no field says alone."""
    names = set(nodes.field_names(expression))
    return len(names) > 1 or bool(names.intersection(gone))
