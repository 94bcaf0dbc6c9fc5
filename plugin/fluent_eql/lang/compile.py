"""From a query's text to what a filter runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

from fluent_eql.errors import EqlSemanticError, UnsupportedError
from fluent_eql.lang import nodes
from fluent_eql.lang.parser import parse
from fluent_eql.lang.predicates import Predicate, predicate
from fluent_eql.lang.resolve import all_of, resolve
from fluent_eql.lang.source import Origin, Source

PIPES = ("head", "tail")
MOST_STAGES = 256
"""A sequence of more events, repeated ones counted, would fill the memory of its join keys."""

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
    """One event of a sequence. ``by`` has the sequence's join keys, then the stage's own.

    A ``missing`` one is an event that must not happen.
    """

    condition: Condition
    by: tuple[JoinKey, ...]
    missing: bool = False


@dataclass(frozen=True, slots=True)
class SequenceQuery:
    """A query for events in order, at least two stages with equally many join keys.

    ``maxspan``, from the first event to the last, is in nanoseconds; None means any. A stage that
    is repeated stands in ``stages`` as often as it has to match, each time the same object. Not
    all stages are missing ones. ``until`` is the event that ends what has been begun.
    """

    stages: tuple[Stage, ...]
    maxspan: int | None
    until: Stage | None
    warnings: tuple[str, ...]
    ast: nodes.Query

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """The stages, then ``until`` where there is one."""
        return self.stages if self.until is None else (*self.stages, self.until)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of all stages; a repeated one's once."""
        return tuple({id(stage): stage.condition for stage in self.all_stages}.values())


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


def condition_of(expression: nodes.Expression) -> Condition:
    """The condition for an expression in normal form."""
    names = dict.fromkeys(nodes.field_names(expression))
    return Condition(expression, predicate(expression), tuple(names))


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
                stages, until = self._stages(statement)
                warnings = (*self._unbounded(statement), *self._warnings(ast.pipes))
                return SequenceQuery(stages, statement.maxspan, until, warnings, ast)
            case nodes.Sample(position=position):
                self._refuse("sample, which is unordered over stored events", position)
            case nodes.Join(position=position):
                self._refuse("join", position)

    def _condition(self, statement: nodes.EventFilter) -> Condition:
        expression = resolve(statement.condition, self._source)
        if statement.category is not None:
            expression = all_of(
                [
                    self._category_test(statement.category, statement.position),
                    *parts_of(expression),
                ],
                statement.position,
            )
        return condition_of(expression)

    def _category_test(self, category: str, position: nodes.Position) -> nodes.Comparison:
        field = nodes.Field(self._category_field, False, position)
        return nodes.Comparison("==", field, nodes.Literal(category, position), position)

    def _stages(self, statement: nodes.Sequence) -> tuple[tuple[Stage, ...], Stage | None]:
        """The stages, each as often as it has to match, and the one that ends the sequence."""
        self._check_missing(statement)
        self._check_number(statement)
        if statement.until is not None:
            self._check_until(statement.until)
        terms = [term for term in (*statement.terms, statement.until) if term is not None]
        found = [self._stage(term, statement.by) for term in terms]
        for term, stage in zip(terms, found, strict=True):
            self._check_keys(term, stage, found[0])
        until = None if statement.until is None else found.pop()
        runs = [1 if term.runs is None else term.runs for term in statement.terms]
        repeated = [[stage] * number for stage, number in zip(found, runs, strict=True)]
        return tuple(chain.from_iterable(repeated)), until

    def _check_missing(self, statement: nodes.Sequence) -> None:
        missing = next((term for term in statement.terms if term.missing), None)
        if missing is None:
            return
        if statement.maxspan is None:
            message = "a missing event needs with maxspan: without it no event is missing yet"
            self._fail(message, missing.position)
        if all(term.missing for term in statement.terms):
            message = "expected an event that happens in the sequence, found missing events only"
            self._fail(message, missing.position)

    def _check_number(self, statement: nodes.Sequence) -> None:
        number = sum(1 if term.runs is None else term.runs for term in statement.terms)
        if number < 2:
            message = "expected a sequence of at least two events, found one"
            self._fail(message, statement.position)
        if number > MOST_STAGES:
            self._refuse(f"a sequence of more than {MOST_STAGES} events", statement.position)

    def _check_keys(self, term: nodes.Term, stage: Stage, first: Stage) -> None:
        if len(stage.by) != len(first.by):
            message = (
                "expected as many join keys as the first event of the sequence has,"
                f" {len(first.by)}, found {len(stage.by)}"
            )
            self._fail(message, term.position)

    def _check_until(self, term: nodes.Term) -> None:
        if term.missing:
            self._fail("expected an event after until, found a missing one", term.position)
        if term.runs is not None:
            message = "with runs has no meaning after until: one event ends the sequence"
            self._fail(message, term.position)

    def _stage(self, term: nodes.Term, shared: tuple[nodes.Field, ...]) -> Stage:
        by = tuple(JoinKey(key.name, key.optional) for key in (*shared, *term.by))
        return Stage(self._condition(term.filter), by, term.missing)

    def _unbounded(self, statement: nodes.Sequence) -> Iterator[str]:
        if statement.maxspan is None:
            yield (
                f"{self._place(statement.position)}: a sequence without maxspan may take any time;"
                " here its events are remembered for state.ttl after they arrive, 10m if not set"
            )

    def _warnings(self, pipes: tuple[nodes.Pipe, ...]) -> tuple[str, ...]:
        return tuple(self._warning(pipe) for pipe in pipes)

    def _warning(self, pipe: nodes.Pipe) -> str:
        if pipe.name not in PIPES:
            self._refuse(f"the pipe {pipe.name} (known are {' and '.join(PIPES)})", pipe.position)
        match pipe.arguments:
            case (nodes.Literal(value=int(count)),) if count >= 0 and not isinstance(count, bool):
                place = self._place(pipe.position)
                return f"{place}: | {pipe.name} {count} is ignored: a stream has no end"
        message = f"expected one whole number after {pipe.name}, such as {pipe.name} 10"
        raise self._source.error(EqlSemanticError, message, pipe.position)

    def _place(self, position: nodes.Position) -> str:
        return f"{self._source.name}:{position.line}:{position.column}"

    def _fail(self, message: str, position: nodes.Position) -> NoReturn:
        raise self._source.error(EqlSemanticError, message, position)

    def _refuse(self, name: str, position: nodes.Position) -> NoReturn:
        message = f"not supported in this version: {name}"
        raise self._source.error(UnsupportedError, message, position)


def parts_of(expression: nodes.Expression) -> tuple[nodes.Expression, ...]:
    """The conditions of which an expression is the conjunction; of others it is the only one."""
    return expression.operands if isinstance(expression, nodes.And) else (expression,)
