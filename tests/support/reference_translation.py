"""From a parsed query to the trees of the reference evaluator."""

from __future__ import annotations

from functools import reduce
from typing import Any

from fluent_eql.lang import lucene, nodes
from support import reference_eql as eql
from support import reference_eql_regex as regex
from support.reference_eql_functions import FUNCTIONS

NAMES = {name.lower(): name for name in FUNCTIONS}


def filters_of(query: nodes.Query) -> list[nodes.EventFilter]:
    """What the events of a query have to satisfy, in the order of its conditions."""
    match query.statement:
        case nodes.EventFilter() as statement:
            return [statement]
        case nodes.Sequence(_, _, terms, until):
            return [term.filter for term in (*terms, until) if term is not None]
    raise TypeError(f"expected an event query or a sequence, found {query.statement}")


def satisfies(asked: nodes.EventFilter, record: dict[str, Any]) -> bool:
    """Whether the reference finds that a record satisfies it."""
    return eql.satisfies(record, asked.category, translated(asked.condition))


def translated(node: nodes.Expression) -> eql.Expression:
    """The tree of an expression as it was written."""
    match node:
        case nodes.Literal(value):
            return eql.Constant(value)
        case nodes.Field(name, optional):
            return eql.Field(name, optional)
        case nodes.FunctionCall(name, insensitive, arguments):
            own = tuple(map(translated, arguments))
            return eql.Call(NAMES[name.lower()], own, insensitive)
        case nodes.Negative(operand):
            return eql.Negative(translated(operand))
        case nodes.Arithmetic(sign, left, right):
            return eql.Arithmetic(sign, translated(left), translated(right))
        case nodes.Comparison(sign, left, right):
            return eql.Compare(sign, translated(left), translated(right))
        case nodes.Membership(operand, insensitive, values):
            return eql.In(translated(operand), tuple(map(translated, values)), insensitive)
        case nodes.PatternMatch(sign, operand, patterns):
            texts = tuple(str(pattern.value) for pattern in patterns)
            if not sign.startswith("regex"):
                return eql.Like(sign, translated(operand), texts)
            trees = tuple(_regex(lucene.parse_regex(text)) for text in texts)
            return eql.Matches(sign, translated(operand), trees)
        case nodes.Not(operand):
            return eql.Not(translated(operand))
        case nodes.And(parts):
            return reduce(eql.And, map(translated, parts))
        case nodes.Or(parts):
            return reduce(eql.Or, map(translated, parts))


def _regex(node: lucene.Node) -> regex.Regex:
    match node:
        case lucene.Text(text):
            return regex.Text(text)
        case lucene.Chars("", (), True):
            return regex.AnyChar()
        case lucene.Chars(single, ranges, negated):
            return regex.Chars((*single, *(chr(a) + chr(b) for a, b in ranges)), negated)
        case lucene.Interval(low, high, digits):
            return regex.Number(*(str(number).zfill(digits or 1) for number in (low, high)))
        case lucene.Concatenation(parts):
            return reduce(regex.Then, map(_regex, parts))
        case lucene.Union(()):
            return regex.NoText()
        case lucene.Union(parts):
            return reduce(regex.Either, map(_regex, parts))
        case lucene.Intersection(parts):
            return reduce(regex.Both, map(_regex, parts))
        case lucene.Complement(part):
            return regex.Other(_regex(part))
        case lucene.Repetition(part, least, most):
            return regex.Repeat(_regex(part), least, most)
