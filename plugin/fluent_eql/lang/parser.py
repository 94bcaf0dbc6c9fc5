"""The grammar of queries: event queries, sequences, samples, joins and pipes."""

from __future__ import annotations

from fluent_eql.lang.cursor import Cursor
from fluent_eql.lang.expressions import parse_expression, parse_field
from fluent_eql.lang.nodes import (
    EventFilter,
    Expression,
    Field,
    Join,
    Pipe,
    Query,
    Sample,
    Sequence,
    Term,
)
from fluent_eql.lang.source import Source
from fluent_eql.lang.tokens import Kind

UNITS = {
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}


def parse(source: Source) -> Query:
    """The tree of a query. Raises EqlSyntaxError."""
    cursor = Cursor(source)
    statement = _statement(cursor)
    pipes = []
    while cursor.accept("|"):
        pipes.append(_pipe(cursor))
    if cursor.token.kind is not Kind.END:
        raise cursor.unexpected("expected the end of the query")
    return Query(statement, tuple(pipes))


def _statement(cursor: Cursor) -> EventFilter | Sequence | Sample | Join:
    if cursor.at("sequence"):
        return _sequence(cursor)
    if cursor.at("sample"):
        position = cursor.take().position
        return Sample(_join_keys(cursor), _terms(cursor), position)
    if cursor.at("join"):
        position = cursor.take().position
        return Join(_join_keys(cursor), _terms(cursor), _until(cursor), position)
    return _event_filter(cursor)


def _sequence(cursor: Cursor) -> Sequence:
    position = cursor.take().position
    by = _join_keys(cursor)
    maxspan = _maxspan(cursor)
    if cursor.at("by"):
        raise cursor.unexpected("expected a [: by comes before with maxspan")
    return Sequence(by, maxspan, _terms(cursor), _until(cursor), position)


def _event_filter(cursor: Cursor) -> EventFilter:
    token = cursor.token
    named = token.kind in (Kind.NAME, Kind.QUOTED_NAME, Kind.STRING) and token.text[-1] != "~"
    if not named and not cursor.at("any"):
        raise cursor.unexpected("expected an event category or any, then where")
    cursor.take()
    category = None if token.kind is Kind.KEYWORD else str(token.value)
    cursor.expect("where")
    return EventFilter(category, parse_expression(cursor), token.position)


def _join_keys(cursor: Cursor) -> tuple[Field, ...]:
    if not cursor.accept("by"):
        return ()
    keys = [parse_field(cursor)]
    while cursor.accept(","):
        keys.append(parse_field(cursor))
    return tuple(keys)


def _maxspan(cursor: Cursor) -> int | None:
    """Read ``with maxspan=5s`` if it is there; nanoseconds."""
    if not cursor.accept("with"):
        return None
    cursor.expect("maxspan")
    cursor.expect("=")
    number = cursor.expect_integer("a whole number (with a unit, as in maxspan=5s)")
    unit = cursor.expect_kind(Kind.NAME, f"a unit, as in maxspan={number}s")
    if unit.text not in UNITS:
        message = f"expected one of the units {', '.join(UNITS)}, found {unit}"
        raise cursor.error(message, unit.position)
    return number * UNITS[unit.text]


def _terms(cursor: Cursor) -> tuple[Term, ...]:
    terms = [_term(cursor)]
    while cursor.at("[", "!["):
        terms.append(_term(cursor))
    return tuple(terms)


def _term(cursor: Cursor) -> Term:
    opening = cursor.accept("[", "![")
    if opening is None:
        raise cursor.unexpected("expected [")
    event_filter = _event_filter(cursor)
    cursor.expect("]")
    by = _join_keys(cursor)
    runs = _runs(cursor)
    return Term(event_filter, by, runs, opening.text == "![", opening.position)


def _runs(cursor: Cursor) -> int | None:
    if not cursor.accept("with"):
        return None
    name = cursor.expect_kind(Kind.NAME, "runs")
    if name.text != "runs":
        raise cursor.error(f"expected runs, found {name}", name.position)
    cursor.expect("=")
    return cursor.expect_integer("a whole number")


def _until(cursor: Cursor) -> Term | None:
    return _term(cursor) if cursor.accept("until") else None


def _pipe(cursor: Cursor) -> Pipe:
    name = cursor.expect_kind(Kind.NAME, "the name of a pipe")
    arguments: list[Expression] = []
    if cursor.token.kind is not Kind.END and not cursor.at("|"):
        arguments.append(parse_expression(cursor))
        while cursor.accept(","):
            arguments.append(parse_expression(cursor))
    return Pipe(name.text, tuple(arguments), name.position)
