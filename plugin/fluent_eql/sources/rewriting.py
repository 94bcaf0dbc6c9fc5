"""A condition on ECS fields as one on what the raw records of a source hold, for the screen.

What a record satisfies when it is seen through the mapping, its own fields satisfy in the
rewritten condition; not the reverse. What cannot be said of the raw record is left open, as true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import product
from math import prod
from typing import Any

from fluent_eql.lang import Condition, nodes
from fluent_eql.lang.predicates import predicate
from fluent_eql.needles import COMMON_FIELDS, CommonField
from fluent_eql.sources.mapping import Condition as Discriminator
from fluent_eql.sources.mapping import (
    Constant,
    Fixed,
    Has,
    Is,
    Path,
    Place,
    Resolved,
    SourceMapping,
)

PART_TESTS = ("startsWith", "endsWith", "stringContains")
MOST_COMBINATIONS = 64
"""Of the places of the fields that one test compares with each other."""


def in_records(conditions: Iterable[Condition], mapping: SourceMapping | None) -> list[Condition]:
    """The conditions as a screen is to have them, for records of this source."""
    if mapping is None:
        return list(conditions)
    return [replace(one, expression=in_record(one.expression, mapping)) for one in conditions]


def in_record(expression: nodes.Expression, mapping: SourceMapping) -> nodes.Expression:
    """What the own fields of a record satisfy that satisfies ``expression`` through the mapping.

    ``expression`` is in normal form, see :mod:`fluent_eql.lang.resolve`.
    """
    place = expression.position
    match expression:
        case nodes.Literal():
            return expression
        case nodes.And(operands):
            return _all([in_record(operand, mapping) for operand in operands], place)
        case nodes.Or(operands):
            return _any([in_record(operand, mapping) for operand in operands], place)
        case nodes.Not():
            return _open(place)
    return _Test(expression, mapping).in_record()


class _Test:
    """One test of one field or more."""

    def __init__(self, node: nodes.Expression, mapping: SourceMapping) -> None:
        self._node = node
        self._mapping = mapping
        self._names = tuple(dict.fromkeys(nodes.field_names(node)))

    def in_record(self) -> nodes.Expression:
        mapped = [name for name in self._names if self._mapping.has(name)]
        if not mapped:
            return self._node
        if len(self._names) == 1:
            return _any(list(self._cases(self._names[0])), self._node.position)
        return self._of_several(mapped)

    def _of_several(self, mapped: Sequence[str]) -> nodes.Expression:
        """All combinations of where the fields may be."""
        columns = [self._plain_fields(name) for name in mapped]
        if not all(columns) or prod(map(len, columns)) > MOST_COMBINATIONS:
            return _open(self._node.position)
        combinations = [dict(zip(mapped, row, strict=True)) for row in product(*columns)]
        cases = [_substituted(self._node, combination) for combination in combinations]
        return _any(cases, self._node.position)

    def _plain_fields(self, name: str) -> list[nodes.Field]:
        """The fields that a field may be a copy of; none where it may be something else."""
        if any(name in kind.fields for kind in self._mapping.kinds):
            return []
        alternatives = self._mapping.alternatives(name)
        if not all(map(_is_plain, alternatives)):
            return []
        return [self._field(one.path, name) for one in alternatives if isinstance(one, Place)]

    def _cases(self, name: str) -> Iterator[nodes.Expression]:
        """What the record holds for each of the ways in which the field gets a passing value."""
        place = self._node.position
        for kind in self._mapping.kinds:
            if name in kind.fields and self._passes((kind.fields[name],)):
                yield _all([_discriminator(one, place) for one in kind.when], place)
        for alternative in self._mapping.alternatives(name):
            match alternative:
                case Fixed(value):
                    yield nodes.Literal(self._passes((value,)), place)
                case Place(path, None, None) if path.selection is None or self._is_simple():
                    yield _substituted(self._node, {name: self._field(path, name)})
                case Place(path, None, Mapping() as values):
                    wanted = [text for text, value in values.items() if self._passes((value,))]
                    yield _is_one_of(path, wanted, place)
                case Place(path, transform, None) | Resolved(path, _, transform) if (
                    transform is not None and transform.gives_parts
                ):
                    yield self._on_part(self._field(path, name))
                case _:
                    yield _open(place)

    def _passes(self, values: tuple[Constant, ...]) -> bool:
        return predicate(self._node)({self._names[0]: values})

    def _field(self, path: Path, name: str) -> nodes.Field:
        make = CommonField if name in COMMON_FIELDS else nodes.Field
        return make(path.name, False, self._node.position)

    def _is_simple(self) -> bool:
        """Whether a test that some values pass is passed by more values, too."""
        match self._node:
            case nodes.Comparison("==", nodes.Field(), nodes.Literal()):
                return True
            case nodes.Membership(nodes.Field()) | nodes.PatternMatch(_, nodes.Field()):
                return True
            case nodes.FunctionCall(name, _, (nodes.Field(), nodes.Literal())):
                return name in PART_TESTS
        return False

    def _on_part(self, field: nodes.Field) -> nodes.Expression:
        """The test, where the value that passes is a part of the field's."""
        match self._node:
            case nodes.Comparison("==", nodes.Field(), nodes.Literal(str(text))):
                return _contains(field, [text], False)
            case nodes.Membership(nodes.Field(), insensitive, values):
                texts = [value.value for value in values if isinstance(value, nodes.Literal)]
                return _contains(field, texts, insensitive)
            case nodes.PatternMatch((":" | "like" | "like~") as operator, nodes.Field(), patterns):
                around = tuple(replace(one, value=f"*{one.value}*") for one in patterns)
                return nodes.PatternMatch(operator, field, around, self._node.position)
            case nodes.FunctionCall(name, insensitive, (nodes.Field(), nodes.Literal(str(text)))):
                if name in PART_TESTS:
                    return _contains(field, [text], insensitive)
        return _open(self._node.position)


def _is_plain(alternative: Any) -> bool:
    match alternative:
        case Place(Path(_, None), None, None):
            return True
    return False


def _discriminator(condition: Discriminator, place: nodes.Position) -> nodes.Expression:
    match condition:
        case Is(paths, values):
            return _any([_is_one_of(path, sorted(values), place) for path in paths], place)
        case Has(paths):
            return _any([_has_value(path, place) for path in paths], place)
    return _open(place)


def _has_value(path: Path, place: nodes.Position) -> nodes.Expression:
    field = CommonField(path.name, False, place)
    return nodes.Comparison("!=", field, nodes.Literal(None, place), place)


def _is_one_of(path: Path, texts: Sequence[str], place: nodes.Position) -> nodes.Expression:
    """That a path has a value which is one of the texts when it is written as text."""
    if any(map(_may_be_no_text, texts)):
        return _open(place)
    if not texts:
        return nodes.Literal(False, place)
    values = tuple(nodes.Literal(text, place) for text in texts)
    return nodes.Membership(CommonField(path.name, False, place), False, values, place)


def _may_be_no_text(text: str) -> bool:
    """Whether a number, true or false has this text."""
    if text in ("true", "false"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _contains(field: nodes.Field, texts: Sequence[Any], insensitive: bool) -> nodes.Expression:
    """That a field's value contains one of the texts."""
    place = field.position
    if not all(isinstance(text, str) and text for text in texts):
        return _open(place)
    tests = [
        nodes.FunctionCall(
            "stringContains", insensitive, (field, nodes.Literal(text, place)), place
        )
        for text in texts
    ]
    return _any(tests, place)


def _open(place: nodes.Position) -> nodes.Literal:
    return nodes.Literal(True, place)


def _is_literal(node: nodes.Expression, value: bool) -> bool:
    return isinstance(node, nodes.Literal) and node.value is value


def _all(parts: Sequence[nodes.Expression], place: nodes.Position) -> nodes.Expression:
    certain = [part for part in parts if not _is_literal(part, True)]
    if any(_is_literal(part, False) for part in certain):
        return nodes.Literal(False, place)
    if not certain:
        return _open(place)
    return certain[0] if len(certain) == 1 else nodes.And(tuple(certain), place)


def _any(parts: Sequence[nodes.Expression], place: nodes.Position) -> nodes.Expression:
    possible = [part for part in parts if not _is_literal(part, False)]
    if any(_is_literal(part, True) for part in possible):
        return _open(place)
    if not possible:
        return nodes.Literal(False, place)
    return possible[0] if len(possible) == 1 else nodes.Or(tuple(possible), place)


def _substituted(node: Any, names: Mapping[str, nodes.Field]) -> Any:
    """The expression with other fields in the place of those with these names."""
    if isinstance(node, nodes.Field):
        return names.get(node.name, node)
    if isinstance(node, tuple):
        return tuple(_substituted(item, names) for item in node)
    if not is_dataclass(node) or isinstance(node, nodes.Position | nodes.Literal):
        return node
    changes = {one.name: _substituted(getattr(node, one.name), names) for one in fields(node)}
    return replace(node, **changes)  # type: ignore[type-var]
