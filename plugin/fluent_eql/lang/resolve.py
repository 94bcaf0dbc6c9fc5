"""From a parsed condition to its normal form.

Conditions are And, Or, Not, true and false alone, and tests. Tests are Comparison, Membership,
PatternMatch and FunctionCall of a function that returns a boolean, by its proper name; what they
test are values: Field, Literal, FunctionCall and conditions. Literals stand on the right of a
comparison, a bare field is ``field == true``, arithmetic is a call of its function, and what has no
field in it is its value. What this version cannot run is refused by name; what cannot mean
anything is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from fluent_eql.errors import EqlSemanticError, SourceError, UnsupportedError
from fluent_eql.lang.functions import (
    BY_OPERATOR,
    Function,
    ValueType,
    find_function,
    similar_function,
)
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
    field_names,
)
from fluent_eql.lang.regexes import UntranslatableError
from fluent_eql.lang.source import Source
from fluent_eql.lang.values import constant_value, pattern_test, value_type

MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
EQUALITY = ("==", "!=")
HYPHEN = "; a field name with a hyphen is written in backticks, `like-this`"


def resolve(expression: Expression, source: Source) -> Expression:
    """The normal form of a condition. Raises EqlSemanticError and UnsupportedError."""
    return _Resolver(source).condition(expression)


class _Resolver:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._conditions: dict[type[Expression], Callable[[Any], Expression]] = {
            Not: self._not,
            And: self._and,
            Or: self._or,
            Comparison: self._comparison,
            Membership: self._membership,
            PatternMatch: self._pattern_match,
        }
        self._values: dict[type[Expression], Callable[[Any], Expression]] = {
            FunctionCall: self._call,
            Arithmetic: self._arithmetic,
            Negative: self._negative,
        }

    def condition(self, node: Expression) -> Expression:
        value = self._value(node)
        if isinstance(value, Field):
            return Comparison("==", value, Literal(True, node.position), node.position)
        if _type_of(value) is ValueType.BOOLEAN:
            return value
        if _is_null(value) and not isinstance(node, Literal):
            return Literal(False, node.position)
        hint = HYPHEN if _may_be_a_hyphen(node) else ""
        raise self._wrong(f"expected a condition, found {_describe(value)}{hint}", node)

    def _value(self, node: Expression) -> Expression:
        """The normal form of what stands for a value; without fields it is a literal."""
        if isinstance(node, Literal | Field):
            return node
        resolvers = self._conditions if type(node) in self._conditions else self._values
        value = resolvers[type(node)](node)
        if isinstance(value, Literal) or next(field_names(value), None) is not None:
            return value
        return Literal(constant_value(value), node.position)

    def _not(self, node: Not) -> Expression:
        return _complement(self.condition(node.operand), node.position)

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
        if operator not in EQUALITY:
            self._check_order(operator, left)
            self._check_order(operator, right)
        is_null_test = _is_null(node.left) or _is_null(node.right)
        if not is_null_test and (_is_null(left) or _is_null(right)):
            return Literal(None, node.position)
        if isinstance(left, Literal) and not _is_null(right):
            left, right, operator = right, left, MIRRORED[operator]
        if isinstance(right, Literal) and isinstance(right.value, bool):
            if _type_of(left) is ValueType.BOOLEAN and not isinstance(left, Literal):
                holds = right.value is (operator == "==")
                return left if holds else _complement(left, node.position)
        elif _is_null(right) and not isinstance(left, Field):
            return _null_test(operator, left, right, node.position)
        self._check_types(left, right, node)
        return Comparison(operator, left, right, node.position)

    def _check_order(self, operator: str, value: Expression) -> None:
        if isinstance(value, Field) or _type_of(value) in (ValueType.STRING, ValueType.NUMBER):
            return
        message = f"expected a string or a number to compare by {operator}"
        raise self._wrong(f"{message}, found {_describe(value)}", value)

    def _check_types(self, left: Expression, right: Expression, place: Comparison) -> None:
        kinds = _type_of(left), _type_of(right)
        if None in kinds or kinds[0] is kinds[1]:
            return
        hint = HYPHEN if _may_be_a_hyphen(place.left) or _may_be_a_hyphen(place.right) else ""
        found = f"{_describe(left)} and {_describe(right)}"
        raise self._wrong(f"expected two values of one type, found {found}{hint}", place)

    def _membership(self, node: Membership) -> Expression:
        operator = "in~" if node.insensitive else "in"
        operand = self._value(node.operand)
        values = tuple(self._element(value) for value in node.values)
        if not values:
            raise self._wrong(f"expected at least one value in the list of {operator}", node)
        kinds = {value_type(value.value) for value in values}
        if len(kinds) > 1:
            found = " and ".join(sorted(f"{kind.value}s" for kind in kinds))
            raise self._wrong(f"expected values of one type, found {found}", node)
        [kind] = kinds
        if node.insensitive and kind is not ValueType.STRING:
            raise self._wrong(f"expected strings in the list of in~, found {kind.value}s", node)
        if _type_of(operand) not in (None, kind):
            message = f"expected a {kind.value} to test with {operator}"
            raise self._wrong(f"{message}, found {_describe(operand)}", node.operand)
        return Membership(operand, node.insensitive, values, node.position)

    def _element(self, node: Expression) -> Literal:
        value = self._value(node)
        if not isinstance(value, Literal):
            name = next(field_names(value))
            raise self._unsupported(f"a field in a list ({name})", node.position)
        if value.value is None:
            raise self._wrong("expected no null in a list: write field == null", node.position)
        return value

    def _pattern_match(self, node: PatternMatch) -> Expression:
        operand = self._value(node.operand)
        if _type_of(operand) not in (None, ValueType.STRING):
            message = f"expected a string to test with {node.operator}"
            raise self._wrong(f"{message}, found {_describe(operand)}", node.operand)
        if not node.patterns:
            raise self._wrong(f"expected at least one pattern after {node.operator}", node)
        for pattern in node.patterns:
            self._check_pattern(node, pattern)
        return replace(node, operand=operand)

    def _check_pattern(self, node: PatternMatch, pattern: Literal) -> None:
        if not isinstance(pattern.value, str):
            found = _describe(pattern)
            raise self._wrong(f"expected a string after {node.operator}, found {found}", pattern)
        if not node.operator.startswith("regex"):
            return
        try:
            pattern_test(replace(node, patterns=(pattern,)))
        except UntranslatableError as error:
            raise self._unsupported(f"{node.operator} with {error}", pattern.position) from error
        except ValueError as error:
            raise self._wrong(str(error), pattern) from error

    def _call(self, node: FunctionCall) -> Expression:
        function = self._function(node)
        arguments = tuple(self._value(argument) for argument in node.arguments)
        for index, argument in enumerate(arguments):
            self._check_argument(function, index, argument, node.arguments[index])
        if function.name == "cidrMatch":
            for argument, written in zip(arguments[1:], node.arguments[1:], strict=True):
                self._check_network(argument, written.position)
        return replace(node, name=function.name, arguments=arguments)

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

    def _check_argument(
        self, function: Function, index: int, argument: Expression, written: Expression
    ) -> None:
        wanted, found = function.parameter(index), _type_of(argument)
        if wanted is None or found in (None, wanted):
            return
        message = f"expected a {wanted.value} as argument {index + 1} of {function.name}"
        raise self._wrong(f"{message}, found {_describe(argument)}", written)

    def _check_network(self, node: Expression, position: Position) -> None:
        if not isinstance(node, Literal):
            name = next(field_names(node))
            raise self._unsupported(f"a field as a network ({name})", position)
        if not isinstance(node.value, str):
            raise self._wrong(f"expected a network, found {_describe(node)}", position)
        try:
            parse_network(node.value)
        except ValueError as error:
            message = f'expected an address or a network such as "10.0.0.0/8": {error}'
            raise self._wrong(message, position) from error

    def _arithmetic(self, node: Arithmetic) -> Expression:
        operands = tuple(self._number(operand, node) for operand in (node.left, node.right))
        return FunctionCall(BY_OPERATOR[node.operator], False, operands, node.position)

    def _negative(self, node: Negative) -> Expression:
        minus_one = Literal(-1, node.position)
        operands = (minus_one, self._number(node.operand, node))
        return FunctionCall("multiply", False, operands, node.position)

    def _number(self, node: Expression, parent: Arithmetic | Negative) -> Expression:
        value = self._value(node)
        if _type_of(value) in (None, ValueType.NUMBER):
            return value
        operator = parent.operator if isinstance(parent, Arithmetic) else "-"
        hint = HYPHEN if _may_be_a_hyphen(parent) else ""
        message = f"expected a number to compute with {operator}, found {_describe(value)}{hint}"
        raise self._wrong(message, node)

    def _wrong(self, message: str, place: Position | Expression) -> SourceError:
        position = place if isinstance(place, Position) else place.position
        return self._source.error(EqlSemanticError, message, position)

    def _unsupported(self, name: str, position: Position) -> SourceError:
        message = f"not supported in this version: {name}"
        return self._source.error(UnsupportedError, message, position)


def all_of(operands: Iterable[Expression], position: Position) -> Expression:
    """The conjunction of conditions in normal form, in normal form."""
    kept = [operand for operand in operands if not _is_constant(operand, True)]
    if any(_is_constant(operand, False) for operand in kept) or not kept:
        return Literal(not kept, position)
    return kept[0] if len(kept) == 1 else And(tuple(kept), position)


def _complement(condition: Expression, position: Position) -> Expression:
    if isinstance(condition, Literal):
        return Literal(not condition.value, position)
    return Not(condition, position)


def _null_test(operator: str, value: Expression, null: Expression, place: Position) -> Expression:
    """Whether a computed value is null: one of its results is, so ``!=`` says that none is."""
    test = Comparison("==", value, null, place)
    return test if operator == "==" else Not(test, place)


def _is_null(node: Expression) -> bool:
    return isinstance(node, Literal) and node.value is None


def _is_constant(node: Expression, value: bool) -> bool:
    return isinstance(node, Literal) and node.value is value


def _may_be_a_hyphen(node: Expression) -> bool:
    """Whether this is a difference such as ``a-b``, which may be meant as a name."""
    return isinstance(node, Arithmetic) and node.operator == "-" and isinstance(node.left, Field)


def _type_of(node: Expression) -> ValueType | None:
    """The type of a value in normal form; None for null and for a field, which has any."""
    match node:
        case Field() | Literal(value=None):
            return None
        case Literal(value):
            return value_type(value)
        case FunctionCall():
            function = find_function(node.name)
            return function.returns if function else None
    return ValueType.BOOLEAN


def _describe(node: Expression) -> str:
    match node:
        case Literal(value=None):
            return "null"
        case Literal(value=bool(value)):
            return "true" if value else "false"
        case Literal(value):
            return f"the {value_type(value).value} {value!r}"
        case Field(name):
            return f"the field {name}"
        case FunctionCall(name):
            kind = _type_of(node)
            return f"the {kind.value if kind else 'value'} that {name} gives"
    return "a condition"
