"""From a query's text to what a filter runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from fluent_eql.errors import EqlSemanticError, UnsupportedError
from fluent_eql.lang import nodes
from fluent_eql.lang.parser import parse
from fluent_eql.lang.predicates import Predicate, predicate
from fluent_eql.lang.resolve import all_of, resolve
from fluent_eql.lang.source import Origin, Source

PIPES = ("head", "tail")
START = Origin()


@dataclass(frozen=True, slots=True)
class JoinKey:
    """A field that the events of a sequence share; ``optional`` where null is a value, too."""

    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What an event must satisfy.

    ``expression`` is in normal form (see :mod:`fluent_eql.lang.resolve`), the event category in
    it as a comparison. ``fields`` are the names of the fields tested, in the order of their first
    appearance.
    """

    expression: nodes.Expression
    matches: Predicate
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A query for single events. ``warnings`` are texts that start with the place they are for."""

    condition: Condition
    warnings: tuple[str, ...]
    ast: nodes.Query

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The condition, as a sequence query has them."""
        return (self.condition,)


@dataclass(frozen=True, slots=True)
class Stage:
    """One event of a sequence. ``by`` has the sequence's join keys, then the stage's own."""

    condition: Condition
    by: tuple[JoinKey, ...]


@dataclass(frozen=True, slots=True)
class SequenceQuery:
    """A query for events in order, at least two stages with equally many join keys.

    ``maxspan``, from the first event to the last, is in nanoseconds; None means any.
    """

    stages: tuple[Stage, ...]
    maxspan: int | None
    warnings: tuple[str, ...]
    ast: nodes.Query

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The stages' conditions."""
        return tuple(stage.condition for stage in self.stages)


def compile_query(
    text: str,
    *,
    source: str = "<query>",
    origin: Origin = START,
    event_category_field: str = "event.category",
) -> EventQuery | SequenceQuery:
    """Compile a query that stands at ``origin`` in the file ``source``.

    Raises EqlSyntaxError where it is not EQL, EqlSemanticError where it cannot mean anything, and
    UnsupportedError where it uses what this version cannot run.
    """
    return _Compiler(Source(text, source, origin), event_category_field).query()


class _Compiler:
    def __init__(self, source: Source, category_field: str) -> None:
        self._source = source
        self._category_field = category_field

    def query(self) -> EventQuery | SequenceQuery:
        ast = parse(self._source)
        match ast.statement:
            case nodes.EventFilter() as statement:
                condition = self._condition(statement)
                return EventQuery(condition, self._warnings(ast.pipes), ast)
            case nodes.Sequence() as statement:
                stages = self._stages(statement)
                return SequenceQuery(stages, statement.maxspan, self._warnings(ast.pipes), ast)
            case nodes.Sample(position=position):
                self._refuse("sample, which is unordered over stored events", position)
            case nodes.Join(position=position):
                self._refuse("join", position)

    def _condition(self, statement: nodes.EventFilter) -> Condition:
        expression = resolve(statement.condition, self._source)
        if statement.category is not None:
            expression = all_of(
                [self._category_test(statement.category, statement.position), *_parts(expression)],
                statement.position,
            )
        names = dict.fromkeys(_field_names(expression))
        return Condition(expression, predicate(expression), tuple(names))

    def _category_test(self, category: str, position: nodes.Position) -> nodes.Comparison:
        field = nodes.Field(self._category_field, False, position)
        return nodes.Comparison("==", field, nodes.Literal(category, position), position)

    def _stages(self, statement: nodes.Sequence) -> tuple[Stage, ...]:
        for term in statement.terms:
            self._check_term(term)
        if statement.until:
            self._refuse("until", statement.until.position)
        if len(statement.terms) < 2:
            raise self._source.error(
                EqlSemanticError,
                "expected a sequence of at least two events, found one",
                statement.position,
            )
        stages = tuple(self._stage(term, statement.by) for term in statement.terms)
        for term, stage in zip(statement.terms, stages, strict=True):
            if len(stage.by) != len(stages[0].by):
                message = (
                    "expected as many join keys as the first event of the sequence has,"
                    f" {len(stages[0].by)}, found {len(stage.by)}"
                )
                raise self._source.error(EqlSemanticError, message, term.position)
        return stages

    def _check_term(self, term: nodes.Term) -> None:
        if term.missing:
            self._refuse("![ … ], a missing event", term.position)
        if term.runs is not None:
            self._refuse("with runs", term.position)

    def _stage(self, term: nodes.Term, shared: tuple[nodes.Field, ...]) -> Stage:
        by = tuple(JoinKey(key.name, key.optional) for key in (*shared, *term.by))
        return Stage(self._condition(term.filter), by)

    def _warnings(self, pipes: tuple[nodes.Pipe, ...]) -> tuple[str, ...]:
        return tuple(self._warning(pipe) for pipe in pipes)

    def _warning(self, pipe: nodes.Pipe) -> str:
        if pipe.name not in PIPES:
            self._refuse(f"the pipe {pipe.name} (known are {' and '.join(PIPES)})", pipe.position)
        match pipe.arguments:
            case (nodes.Literal(value=int(count)),) if count >= 0 and not isinstance(count, bool):
                place = f"{self._source.name}:{pipe.position.line}:{pipe.position.column}"
                return f"{place}: | {pipe.name} {count} is ignored: a stream has no end"
        message = f"expected one whole number after {pipe.name}, such as {pipe.name} 10"
        raise self._source.error(EqlSemanticError, message, pipe.position)

    def _refuse(self, name: str, position: nodes.Position) -> NoReturn:
        message = f"not supported in this version: {name}"
        raise self._source.error(UnsupportedError, message, position)


def _parts(expression: nodes.Expression) -> tuple[nodes.Expression, ...]:
    return expression.operands if isinstance(expression, nodes.And) else (expression,)


def _field_names(expression: nodes.Expression) -> Iterator[str]:
    match expression:
        case nodes.Field(name=name):
            yield name
        case nodes.And(operands=parts) | nodes.Or(operands=parts):
            for part in parts:
                yield from _field_names(part)
        case nodes.Not(operand=operand) | nodes.Membership(operand=operand):
            yield from _field_names(operand)
        case nodes.PatternMatch(operand=operand) | nodes.Comparison(left=operand):
            yield from _field_names(operand)
        case nodes.FunctionCall(arguments=arguments):
            yield from _field_names(arguments[0])
