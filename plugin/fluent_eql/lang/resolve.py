"""From a parsed condition to its normal form.

The normal form has literals on the right of a comparison, and holds only what can be run: And, Or,
Not, true and false alone, and tests of one field against literals (Comparison, Membership,
PatternMatch, and FunctionCall by its proper name). A bare field becomes ``field == true``. What
this version cannot run is refused by name; what cannot mean anything is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from fluent_eql.errors import EqlSemanticError, SourceError, UnsupportedError
from fluent_eql.lang.functions import Function, find_function, similar_function
from fluent_eql.lang.networks import parse_network
from fluent_eql.lang.nodes import (
    And,
    Arithmetic,
    Comparison,
    Expression,
    Field,
    FunctionCall,
    Literal,
    Membership,
    Negative,
    Not,
    Or,
    PatternMatch,
    Position,
)
from fluent_eql.lang.source import Source

MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def resolve(expression: Expression, source: Source) -> Expression:
    """The normal form of a condition. Raises EqlSemanticError and UnsupportedError."""
    return _Resolver(source).condition(expression)


class _Resolver:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._by_type: dict[type[Expression], Callable[[Any], Expression]] = {
            Literal: self._literal,
            Field: self._bare_field,
            Not: self._not,
            And: self._and,
            Or: self._or,
            Comparison: self._comparison,
            Membership: self._membership,
            PatternMatch: self._pattern_match,
            FunctionCall: self._call,
            Arithmetic: self._arithmetic,
            Negative: self._negative,
        }

    def condition(self, node: Expression) -> Expression:
        return self._by_type[type(node)](node)

    def _literal(self, node: Literal) -> Expression:
        if not isinstance(node.value, bool):
            raise self._wrong(f"expected a condition, found {_describe(node)}", node.position)
        return node

    def _bare_field(self, node: Field) -> Expression:
        return Comparison("==", node, Literal(True, node.position), node.position)

    def _not(self, node: Not) -> Expression:
        operand = self.condition(node.operand)
        if isinstance(operand, Literal):
            return Literal(not operand.value, node.position)
        return replace(node, operand=operand)

    def _and(self, node: And) -> Expression:
        return all_of([self.condition(operand) for operand in node.operands], node.position)

    def _or(self, node: Or) -> Expression:
        operands = [self.condition(operand) for operand in node.operands]
        kept = [operand for operand in operands if not _is_constant(operand, False)]
        if any(_is_constant(operand, True) for operand in kept) or not kept:
            return Literal(bool(kept), node.position)
        return kept[0] if len(kept) == 1 else Or(tuple(kept), node.position)

    def _comparison(self, node: Comparison) -> Expression:
        left, right = self._value(node.left), self._value(node.right)
        operator = node.operator
        if isinstance(left, Literal):
            left, right, operator = right, left, MIRRORED[operator]
        if isinstance(left, Literal):
            raise self._wrong("expected a field on one side, found two values", node)
        if isinstance(right, Field):
            name = f"comparing a field with a field ({left.name} {operator} {right.name})"
            raise self._unsupported(name, node.position)
        if operator not in ("==", "!=") and _kind(right) not in ("strings", "numbers"):
            raise self._wrong(
                f"expected a string or a number to compare by {node.operator},"
                f" found {_describe(right)}",
                right,
            )
        return Comparison(operator, left, right, node.position)

    def _membership(self, node: Membership) -> Expression:
        operator = "in~" if node.insensitive else "in"
        field = self._field(node.operand, operator)
        values = tuple(self._value(value) for value in node.values)
        if not values:
            raise self._wrong(f"expected at least one value in the list of {operator}", node)
        kinds = {self._element_kind(value) for value in values}
        if len(kinds) > 1:
            found = " and ".join(sorted(kinds))
            raise self._wrong(f"expected values of one type, found {found}", node)
        if node.insensitive and kinds != {"strings"}:
            raise self._wrong(f"expected strings in the list of in~, found {kinds.pop()}", node)
        return Membership(field, node.insensitive, values, node.position)

    def _element_kind(self, value: Literal | Field) -> str:
        if isinstance(value, Field):
            raise self._unsupported(f"a field in a list ({value.name})", value.position)
        if value.value is None:
            raise self._wrong("expected no null in a list: write field == null", value.position)
        return _kind(value)

    def _pattern_match(self, node: PatternMatch) -> Expression:
        if node.operator in ("regex", "regex~"):
            raise self._unsupported(node.operator, node.position)
        field = self._field(node.operand, node.operator)
        if not node.patterns:
            raise self._wrong(f"expected at least one pattern after {node.operator}", node)
        for pattern in node.patterns:
            if not isinstance(pattern.value, str):
                raise self._wrong(
                    f"expected a string after {node.operator}, found {_describe(pattern)}",
                    pattern.position,
                )
        return replace(node, operand=field)

    def _call(self, node: FunctionCall) -> Expression:
        function = self._function(node)
        if not function.built:
            raise self._unsupported(f"the function {function.name}", node.position)
        field = self._field(node.arguments[0], function.name)
        for argument in node.arguments[1:]:
            self._check_network(self._value(argument))
        return replace(node, name=function.name, arguments=(field, *node.arguments[1:]))

    def _function(self, node: FunctionCall) -> Function:
        function = find_function(node.name)
        if function is None:
            similar = similar_function(node.name)
            hint = f"; did you mean {similar}?" if similar else ""
            raise self._wrong(f"there is no function {node.name}{hint}", node)
        if node.insensitive and not function.insensitive:
            raise self._wrong(f"{function.name} has no case-insensitive form with ~", node)
        count = len(node.arguments)
        if count < function.least or (function.most is not None and count > function.most):
            raise self._wrong(f"expected {function.arity} of {function.name}, found {count}", node)
        return function

    def _check_network(self, node: Literal | Field) -> None:
        if isinstance(node, Field):
            raise self._unsupported(f"a field as a network ({node.name})", node.position)
        if not isinstance(node.value, str):
            raise self._wrong(f"expected a network, found {_describe(node)}", node.position)
        try:
            parse_network(node.value)
        except ValueError as error:
            message = f'expected an address or a network such as "10.0.0.0/8": {error}'
            raise self._wrong(message, node.position) from error

    def _arithmetic(self, node: Arithmetic) -> Expression:
        hint = ""
        if node.operator == "-" and isinstance(node.left, Field):
            hint = "; a field name with a hyphen is written in backticks, `like-this`"
        raise self._unsupported(f"arithmetic ({node.operator})", node.position, hint)

    def _negative(self, node: Negative) -> Expression:
        raise self._unsupported("arithmetic (the sign -)", node.position)

    def _field(self, node: Expression, operator: str) -> Field:
        value = self._value(node)
        if isinstance(value, Literal):
            found = _describe(value)
            raise self._wrong(f"expected a field to test with {operator}, found {found}", value)
        return value

    def _value(self, node: Expression) -> Literal | Field:
        """A field or a literal; all else is refused, what is wrong in it first."""
        if isinstance(node, Literal | Field):
            return node
        self.condition(node)
        if isinstance(node, FunctionCall):
            name = self._function(node).name
            raise self._unsupported(f"testing the result of the function {name}", node.position)
        raise self._unsupported("testing the result of a condition", node.position)

    def _wrong(
        self,
        message: str,
        place: Position | Expression,
    ) -> SourceError:
        position = place if isinstance(place, Position) else place.position
        return self._source.error(EqlSemanticError, message, position)

    def _unsupported(self, name: str, position: Position, hint: str = "") -> SourceError:
        message = f"not supported in this version: {name}{hint}"
        return self._source.error(UnsupportedError, message, position)


def all_of(operands: Iterable[Expression], position: Position) -> Expression:
    """The conjunction of conditions in normal form, in normal form."""
    kept = [operand for operand in operands if not _is_constant(operand, True)]
    if any(_is_constant(operand, False) for operand in kept) or not kept:
        return Literal(not kept, position)
    return kept[0] if len(kept) == 1 else And(tuple(kept), position)


def _is_constant(node: Expression, value: bool) -> bool:
    return isinstance(node, Literal) and node.value is value


def _kind(node: Literal) -> str:
    if node.value is None:
        return "nulls"
    if isinstance(node.value, bool):
        return "booleans"
    return "strings" if isinstance(node.value, str) else "numbers"


def _describe(node: Literal) -> str:
    if node.value is None or isinstance(node.value, bool):
        return {None: "null", True: "true", False: "false"}[node.value]
    return f"the {_kind(node).removesuffix('s')} {node.value!r}"
