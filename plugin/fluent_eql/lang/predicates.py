"""From a condition in normal form to a function of a record's fields.

What depends only on the query is done here once: sets built, patterns sorted, networks planted.
A positive test holds where any of the field's values passes it, and fails where it has none; one of
a computed value where any of its results is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import ge, gt, le, lt
from typing import Any

from fluent_eql.fields import FieldValues
from fluent_eql.lang.nodes import (
    And,
    Comparison,
    Expression,
    Field,
    FunctionCall,
    Literal,
    Membership,
    Not,
    Or,
    PatternMatch,
)
from fluent_eql.lang.patterns import TextTest, fold
from fluent_eql.lang.values import literal_value, network_test, pattern_test, values_of

Predicate = Callable[[FieldValues], bool]

ORDERS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}

CHEAP, PATTERNS, NETWORKS, REGEXES, COMPUTED = 1, 2, 6, 10, 15
"""Costs of a test, about as they measure."""


def predicate(expression: Expression) -> Predicate:
    """The function for a condition in normal form, see :mod:`fluent_eql.lang.resolve`."""
    return BUILDERS[type(expression)](expression)


def cost(expression: Expression) -> int:
    """How much a condition costs, about; what costs as much as another is run in written order."""
    match expression:
        case Not(operand):
            return cost(operand)
        case And(operands) | Or(operands):
            return sum(map(cost, operands))
        case Comparison(_, Field(), Literal()) | Membership(Field()):
            return CHEAP
        case PatternMatch(operator, Field()):
            return REGEXES if operator.startswith("regex") else PATTERNS
        case FunctionCall(name, _, (Field(), *others)) if _are_literals(others):
            return NETWORKS if name == "cidrMatch" else PATTERNS
        case Literal():
            return 0
    return COMPUTED


def _literal(node: Literal) -> Predicate:
    value = bool(node.value)
    return lambda fields: value


def _not(node: Not) -> Predicate:
    return _complement(predicate(node.operand))


def _complement(test: Predicate) -> Predicate:
    return lambda fields: not test(fields)


def _and(node: And) -> Predicate:
    tests = _cheapest_first(node.operands)

    def matches(fields: FieldValues) -> bool:
        for test in tests:  # noqa: SIM110  a generator makes the early exit 2.7 times as slow
            if not test(fields):
                return False
        return True

    return matches


def _or(node: Or) -> Predicate:
    tests = _cheapest_first(node.operands)

    def matches(fields: FieldValues) -> bool:
        for test in tests:  # noqa: SIM110  as above
            if test(fields):
                return True
        return False

    return matches


def _cheapest_first(operands: Iterable[Expression]) -> tuple[Predicate, ...]:
    """No test fails or changes anything, so their order is free."""
    return tuple(predicate(operand) for operand in sorted(operands, key=cost))


def _comparison(node: Comparison) -> Predicate:
    if not isinstance(node.left, Field) or not isinstance(node.right, Literal):
        return _computed(node)
    name, value = node.left.name, node.right.value
    if node.operator == "!=":
        return _complement(_equal(name, value))
    if node.operator == "==":
        return _equal(name, value)
    return _ordered(name, ORDERS[node.operator], value)


def _equal(name: str, value: Any) -> Predicate:
    if value is None:
        return lambda fields: not fields[name]
    if isinstance(value, str):
        return lambda fields: value in fields[name]
    return _one_of(name, frozenset([value]))


def _one_of(name: str, wanted: frozenset[Any]) -> Predicate:
    """Numbers or booleans, but never both: true is not 1."""
    is_bool = any(isinstance(value, bool) for value in wanted)
    return lambda fields: any(
        value in wanted and isinstance(value, bool) is is_bool for value in fields[name]
    )


def _ordered(name: str, order: Callable[[Any, Any], bool], bound: Any) -> Predicate:
    if isinstance(bound, str):
        return _text_test(name, lambda text: order(text, bound))
    return lambda fields: any(
        isinstance(value, int | float) and not isinstance(value, bool) and order(value, bound)
        for value in fields[name]
    )


def _membership(node: Membership) -> Predicate:
    if not isinstance(node.operand, Field):
        return _computed(node)
    name = node.operand.name
    wanted = frozenset(literal_value(value) for value in node.values)
    if node.insensitive:
        folded = frozenset(map(fold, wanted))
        return _text_test(name, lambda text: fold(text) in folded)
    if all(isinstance(value, str) for value in wanted):
        return lambda fields: not wanted.isdisjoint(fields[name])
    return _one_of(name, wanted)


def _pattern_match(node: PatternMatch) -> Predicate:
    if not isinstance(node.operand, Field):
        return _computed(node)
    return _text_test(node.operand.name, pattern_test(node))


def _call(node: FunctionCall) -> Predicate:
    operand, *others = node.arguments
    if not isinstance(operand, Field) or not _are_literals(others):
        return _computed(node)
    if node.name == "cidrMatch":
        return _text_test(operand.name, network_test(others))
    text = literal_value(others[0])
    if not isinstance(text, str):
        return _computed(node)
    test = TEXT_TESTS[node.name](fold(text) if node.insensitive else text)
    return _text_test(operand.name, _folded(test) if node.insensitive else test)


def _starts_with(start: str) -> TextTest:
    return lambda text: text.startswith(start)


def _ends_with(end: str) -> TextTest:
    return lambda text: text.endswith(end)


def _contains(part: str) -> TextTest:
    return lambda text: part in text and part != ""


def _folded(test: TextTest) -> TextTest:
    return lambda text: test(fold(text))


def _text_test(name: str, test: TextTest) -> Predicate:
    def matches(fields: FieldValues) -> bool:
        for value in fields[name]:  # noqa: SIM110  as above
            if isinstance(value, str) and test(value):
                return True
        return False

    return matches


def _computed(node: Expression) -> Predicate:
    results = values_of(node)
    return lambda fields: True in results(fields)


def _are_literals(nodes: Iterable[Expression]) -> bool:
    return all(isinstance(node, Literal) for node in nodes)


TEXT_TESTS: dict[str, Callable[[str], TextTest]] = {
    "startsWith": _starts_with,
    "endsWith": _ends_with,
    "stringContains": _contains,
}

BUILDERS: dict[type[Expression], Callable[[Any], Predicate]] = {
    Literal: _literal,
    Not: _not,
    And: _and,
    Or: _or,
    Comparison: _comparison,
    Membership: _membership,
    PatternMatch: _pattern_match,
    FunctionCall: _call,
}
