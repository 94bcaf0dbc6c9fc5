"""From a condition in normal form to SQL over the values of its fields.

Every test is true or false, never null: a positive one holds where any value passes it, ``NOT``
is its complement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fluent_eql.flinksql.addresses import in_networks
from fluent_eql.flinksql.fields import column
from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.flinksql.regexes import (
    ANY,
    literal_regex,
    lucene_regex,
    value_regex,
    wildcard_regex,
)
from fluent_eql.flinksql.text import BETWEEN, NONE, contains, encoded, matches, quoted, value_of
from fluent_eql.lang import nodes
from fluent_eql.lang.networks import parse_network
from fluent_eql.lang.values import literal_value

LARGEST = 2**53
"""Numbers past it are not all doubles."""
NUMBER = r"\x1e(-?[0-9][^\x1e]*)"
LARGEST_REGEX = 10_000
"""Characters; of more alternatives several regular expressions are made."""
MOST_NUMBERS = 500
"""Flink takes minutes to plan a condition of thousands."""
AT_ONCE = 3
"""Texts up to so many are looked for one by one."""
ORDERS = {"<": "ARRAY_MIN", "<=": "ARRAY_MIN", ">": "ARRAY_MAX", ">=": "ARRAY_MAX"}


def address_column(name: str) -> str:
    """The column of the digits of a field's address."""
    return column(f"{name} as address")


def condition_sql(expression: nodes.Expression) -> str:
    """The SQL of a condition. Raises NotExportableError."""
    try:
        return BUILDERS[type(expression)](expression)
    except NotExportableError as error:
        raise NotExportableError(error.name, error.position or expression.position) from error


def address_fields(expression: nodes.Expression) -> set[str]:
    """The fields that a condition tests for networks."""
    match expression:
        case nodes.Not(operand):
            return address_fields(operand)
        case nodes.And(operands) | nodes.Or(operands):
            return {name for operand in operands for name in address_fields(operand)}
        case nodes.FunctionCall("cidrMatch", _, (nodes.Field(name), *_)):
            return {name}
    return set()


def _literal(node: nodes.Literal) -> str:
    return "TRUE" if node.value else "FALSE"


def _not(node: nodes.Not) -> str:
    return f"NOT {condition_sql(node.operand)}"


def _and(node: nodes.And) -> str:
    return f"({' AND '.join(map(condition_sql, node.operands))})"


def _or(node: nodes.Or) -> str:
    return f"({' OR '.join(map(condition_sql, node.operands))})"


def _comparison(node: nodes.Comparison) -> str:
    text, value = _field(node.left), _literal_of(node.right)
    if node.operator == "!=":
        return f"NOT {_equal(text, value)}"
    if node.operator == "==":
        return _equal(text, value)
    if isinstance(value, str):
        raise NotExportableError(f"strings compared by {node.operator}")
    extreme = f"{ORDERS[node.operator]}({_numbers(text)})"
    return f"COALESCE({extreme} {node.operator} {_double(value)}, FALSE)"


def _equal(text: str, value: Any) -> str:
    if value is None:
        return f"({text} = {quoted(NONE)})"
    if isinstance(value, bool):
        return f"({contains(text, f'{BETWEEN}{str(value).lower()}{BETWEEN}')})"
    if isinstance(value, str):
        return f"({contains(text, value_of(value))})"
    return f"COALESCE(ARRAY_CONTAINS({_numbers(text)}, {_double(value)}), FALSE)"


def _numbers(text: str) -> str:
    return f"CAST(REGEXP_EXTRACT_ALL({text}, {quoted(NUMBER)}, 1) AS ARRAY<DOUBLE>)"


def _double(value: int | float) -> str:
    if abs(value) >= LARGEST:
        raise NotExportableError(f"the number {value}, past {LARGEST}")
    return f"CAST({quoted(repr(value))} AS DOUBLE)"


def _membership(node: nodes.Membership) -> str:
    text = _field(node.operand)
    wanted = [literal_value(value) for value in node.values]
    if not all(isinstance(value, str) for value in wanted):
        if len(wanted) > MOST_NUMBERS:
            raise NotExportableError(f"a list of more than {MOST_NUMBERS} numbers")
        return f"({' OR '.join(_equal(text, value) for value in wanted)})"
    if len(wanted) <= AT_ONCE and not node.insensitive:
        return f"({' OR '.join(contains(text, value_of(value)) for value in wanted)})"
    return _any_of(text, map(_exact, wanted), node.insensitive)


def _exact(text: str) -> str:
    return literal_regex(encoded(text))


def _any_of(text: str, alternatives: Iterable[str], insensitive: bool) -> str:
    regexes = [value_regex(some, insensitive=insensitive) for some in _in_parts(alternatives)]
    tests = [matches(text, regex) for regex in regexes]
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"


def _in_parts(alternatives: Iterable[str]) -> list[list[str]]:
    """Alternatives in lists of which none is too long for one literal."""
    parts: list[list[str]] = [[]]
    size = 0
    for alternative in alternatives:
        size += len(alternative)
        if size > LARGEST_REGEX and parts[-1]:
            parts.append([])
            size = len(alternative)
        parts[-1].append(alternative)
    return parts


def _pattern_match(node: nodes.PatternMatch) -> str:
    text = _field(node.operand)
    patterns = [str(pattern.value) for pattern in node.patterns]
    if not node.operator.startswith("regex"):
        return _any_of(text, map(wildcard_regex, patterns), node.insensitive)
    regexes = [lucene_regex(pattern, insensitive=node.insensitive) for pattern in patterns]
    return _any_of(text, regexes, False)


def _call(node: nodes.FunctionCall) -> str:
    operand, *others = node.arguments
    if node.name == "cidrMatch":
        _field(operand)
        networks = [parse_network(str(literal_value(network))) for network in others]
        return in_networks(address_column(_name(operand)), networks)
    if node.name not in TEXT_TESTS or len(others) != 1:
        raise NotExportableError(f"the function {node.name}")
    text, wanted = _field(operand), _literal_of(others[0])
    if not isinstance(wanted, str):
        raise NotExportableError(f"{node.name} of null")
    if not wanted and node.name == "stringContains":
        return "FALSE"
    before, after = TEXT_TESTS[node.name]
    return _any_of(text, [f"{before}{_exact(wanted)}{after}"], node.insensitive)


def _field(node: nodes.Expression) -> str:
    return column(_name(node))


def _name(node: nodes.Expression) -> str:
    if isinstance(node, nodes.Field):
        return node.name
    if isinstance(node, nodes.FunctionCall):
        raise NotExportableError(f"a test of what {node.name} gives", node.position)
    raise NotExportableError("a test of a condition's value", node.position)


def _literal_of(node: nodes.Expression) -> Any:
    if isinstance(node, nodes.Literal):
        return node.value
    if isinstance(node, nodes.FunctionCall):
        raise NotExportableError(f"a comparison with what {node.name} gives", node.position)
    raise NotExportableError("a comparison of two fields", node.position)


TEXT_TESTS = {
    "startsWith": ("", f"{ANY}*"),
    "endsWith": (f"{ANY}*", ""),
    "stringContains": (f"{ANY}*", f"{ANY}*"),
}
BUILDERS: dict[type[nodes.Expression], Callable[[Any], str]] = {
    nodes.Literal: _literal,
    nodes.Not: _not,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Comparison: _comparison,
    nodes.Membership: _membership,
    nodes.PatternMatch: _pattern_match,
    nodes.FunctionCall: _call,
}
