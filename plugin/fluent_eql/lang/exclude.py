"""Queries that some events are kept from satisfying, without a change to their text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fluent_eql.errors import EqlSemanticError
from fluent_eql.lang import nodes
from fluent_eql.lang.compile import (
    START,
    Condition,
    EventQuery,
    SequenceQuery,
    Stage,
    condition_of,
    parts_of,
)
from fluent_eql.lang.cursor import Cursor
from fluent_eql.lang.expressions import parse_expression
from fluent_eql.lang.resolve import all_of, resolve
from fluent_eql.lang.source import Source
from fluent_eql.lang.tokens import Kind

Exclusion = tuple[int | None, nodes.Expression]
"""The number of a stage, None for all, and what its events do not satisfy, in normal form."""


def parse_condition(text: str) -> nodes.Expression:
    """The normal form of a condition that stands alone, without ``… where`` before it.

    Raises SourceError as :func:`fluent_eql.lang.compile_query` does, with places in ``text``, and
    EqlSemanticError for one that tests no field, so that it holds for all events or for none.
    """
    source = Source(text, "<condition>", START)
    cursor = Cursor(source)
    parsed = parse_expression(cursor)
    if cursor.token.kind is not Kind.END:
        raise cursor.unexpected("expected the end of the condition")
    expression = resolve(parsed, source)
    if isinstance(expression, nodes.Literal):
        always = "true" if expression.value else "false"
        message = f"expected a condition that tests a field, found one that is always {always}"
        raise source.error(EqlSemanticError, message, parsed.position)
    return expression


def excluding(
    query: EventQuery | SequenceQuery, exclusions: Sequence[Exclusion]
) -> EventQuery | SequenceQuery:
    """The query where an event satisfies no stage that it is excluded from.

    ``and not (…)`` is added to the stages' conditions, and for an exclusion from all stages to
    that of ``until``, too. The query of a single event has the stage 0. Stages that are repeated
    stay the same object as long as the same is excluded from them.
    """
    if isinstance(query, EventQuery):
        return replace(query, condition=_but_for(query.condition, _from(0, exclusions)))
    made: dict[tuple[int, tuple[int, ...]], Stage] = {}

    def stage_but_for(stage: Stage, number: int | None) -> Stage:
        excluded = _from(number, exclusions)
        key = id(stage), tuple(map(id, excluded))
        if key not in made:
            made[key] = replace(stage, condition=_but_for(stage.condition, excluded))
        return made[key]

    stages = tuple(stage_but_for(stage, number) for number, stage in enumerate(query.stages))
    until = None if query.until is None else stage_but_for(query.until, None)
    return replace(query, stages=stages, until=until)


def _from(number: int | None, exclusions: Sequence[Exclusion]) -> list[nodes.Expression]:
    """What is excluded from the stage of this number; from ``until`` for None."""
    return [expression for at, expression in exclusions if at is None or at == number]


def _but_for(condition: Condition, excluded: Sequence[nodes.Expression]) -> Condition:
    if not excluded:
        return condition
    position = condition.expression.position
    complements = [nodes.Not(expression, expression.position) for expression in excluded]
    return condition_of(all_of([*parts_of(condition.expression), *complements], position))
