"""From an expression in normal form to a function of a record's fields that gives its values.

A field that stands for an array has all of its values, each place where it is named for itself,
and an expression one result for each combination of its fields' values. What has no value is None,
which is a result like others: a function of it, a comparison with it and ``not`` of it are None,
too, and ``and`` and ``or`` are None where it decides. So it is within values alone: a condition
is a plain boolean, see :mod:`fluent_eql.lang.predicates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice, product, starmap
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from fluent_eql.fields import Fields, FieldValues
from fluent_eql.lang.functions import FUNCTIONS, ValueType
from fluent_eql.lang.networks import network_set, parse_network
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
from fluent_eql.lang.patterns import TextTest, fold, wildcard_matcher
from fluent_eql.lang.regexes import regex_matcher

Values = Callable[[FieldValues], Iterable[Any]]
"""The values, at least one; to be gone through once."""

MOST_COMBINATIONS = 4096
"""Of the values of arrays in one expression; there are no results of those after."""
NO_VALUE = (None,)
NO_FIELDS = Fields({})
ADDRESSES = network_set(frozenset(map(parse_network, ("0.0.0.0/0", "::/0"))))

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def values_of(expression: Expression) -> Values:
    """The function for an expression in normal form, see :mod:`fluent_eql.lang.resolve`."""
    return BUILDERS[type(expression)](expression)


def constant_value(expression: Expression) -> Any:
    """The value of an expression in normal form without fields; None for null."""
    [value] = values_of(expression)(NO_FIELDS)
    return value


def literal_value(node: Expression) -> Any:
    """The value of a literal. Raises TypeError for what is none."""
    if not isinstance(node, Literal):
        raise TypeError(f"not in normal form: {node}")
    return node.value


def value_type(value: Any) -> ValueType:
    """The type of a value that is not null."""
    if isinstance(value, str):
        return ValueType.STRING
    return ValueType.BOOLEAN if isinstance(value, bool) else ValueType.NUMBER


def pattern_test(node: PatternMatch) -> TextTest:
    """The test of a text that the patterns stand for. Raises ValueError."""
    patterns = [str(pattern.value) for pattern in node.patterns]
    if node.operator.startswith("regex"):
        return regex_matcher(patterns, insensitive=node.insensitive)
    return wildcard_matcher(patterns, insensitive=node.insensitive)


def network_test(networks: Iterable[Expression]) -> TextTest:
    """The test of an address for being in one of the networks, which are literals."""
    texts = [str(literal_value(network)) for network in networks]
    return network_set(frozenset(map(parse_network, texts))).holds


def _literal(node: Literal) -> Values:
    values = (node.value,)
    return lambda fields: values


def _field(node: Field) -> Values:
    name = node.name
    return lambda fields: fields[name] or NO_VALUE


def _call(node: FunctionCall) -> Values:
    if node.name == "cidrMatch":
        address, *networks = node.arguments
        return _applied(_address_test(network_test(networks)), (address,))
    run = FUNCTIONS[node.name.lower()].runner(node.insensitive)
    return _applied(run, node.arguments)


def _address_test(holds: TextTest) -> Callable[[Any], bool | None]:
    def test(value: Any) -> bool | None:
        return holds(value) if isinstance(value, str) and ADDRESSES.holds(value) else None

    return test


def _comparison(node: Comparison) -> Values:
    if isinstance(node.right, Literal) and node.right.value is None:
        wanted = node.operator == "=="
        return _applied(lambda value: (value is None) is wanted, (node.left,))
    return _applied(_comparer(OPERATORS[node.operator]), (node.left, node.right))


def _comparer(operator: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    def compare(left: Any, right: Any) -> bool | None:
        if left is None or right is None or value_type(left) is not value_type(right):
            return None
        return operator(left, right)

    return compare


def _membership(node: Membership) -> Values:
    wanted = [literal_value(value) for value in node.values]
    insensitive = node.insensitive
    if insensitive:
        wanted = [fold(value) for value in wanted]

    def test(value: Any) -> bool | None:
        if value is None:
            return None
        kind = value_type(value)
        if insensitive and kind is ValueType.STRING:
            value = fold(value)
        return any(value == other and value_type(other) is kind for other in wanted)

    return _applied(test, (node.operand,))


def _pattern_match(node: PatternMatch) -> Values:
    test = pattern_test(node)
    return _applied(
        lambda value: test(value) if isinstance(value, str) else None,
        (node.operand,),
    )


def _not(node: Not) -> Values:
    return _applied(lambda value: None if value is None else not value, (node.operand,))


def _and(node: And) -> Values:
    return _applied(_all, node.operands)


def _or(node: Or) -> Values:
    return _applied(_any, node.operands)


def _all(*values: bool | None) -> bool | None:
    return False if False in values else None if None in values else True


def _any(*values: bool | None) -> bool | None:
    return True if True in values else None if None in values else False


def _applied(run: Callable[..., Any], arguments: Sequence[Expression]) -> Values:
    """The results of a function for each combination of its arguments' values."""
    varying = [n for n, node in enumerate(arguments) if not isinstance(node, Literal)]
    if len(varying) == 1:
        return _applied_to_one(run, arguments, varying[0])
    sources = [values_of(argument) for argument in arguments]

    def results(fields: FieldValues) -> Iterable[Any]:
        combinations = product(*[source(fields) for source in sources])
        return islice(starmap(run, combinations), MOST_COMBINATIONS)

    return results


def _applied_to_one(run: Callable[..., Any], arguments: Sequence[Expression], index: int) -> Values:
    source = values_of(arguments[index])
    before = tuple(map(literal_value, arguments[:index]))
    after = tuple(map(literal_value, arguments[index + 1 :]))
    if before or after:
        return lambda fields: [run(*before, value, *after) for value in source(fields)]
    return lambda fields: map(run, source(fields))


BUILDERS: dict[type[Expression], Callable[[Any], Values]] = {
    Literal: _literal,
    Field: _field,
    FunctionCall: _call,
    Comparison: _comparison,
    Membership: _membership,
    PatternMatch: _pattern_match,
    Not: _not,
    And: _and,
    Or: _or,
}
