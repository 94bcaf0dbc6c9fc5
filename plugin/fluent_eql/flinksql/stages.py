"""The stages of a sequence as groups: a stage that is repeated is one group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.lang import Condition, EventQuery, JoinKey, Position, SequenceQuery, nodes

MOST_REPEATS = 100
"""Of one stage: so many rows are compared at once."""
LONGEST_SPAN = 999 * 86_400 * 10**9
"""Nanoseconds; an interval of SQL has up to three digits of days."""


@dataclass(frozen=True, slots=True)
class Group:
    """Events of one condition, one after another.

    ``number`` is the place among the groups, ``first`` the number of the first stage in it and
    ``count`` how many there are. The group ``ends`` if it is the event after ``until``.
    """

    number: int
    condition: Condition
    by: tuple[JoinKey, ...]
    first: int
    count: int
    ends: bool = False


def groups_of(query: EventQuery | SequenceQuery) -> list[Group]:
    """The groups of a query; one of a single event has one. Raises NotExportableError."""
    if isinstance(query, EventQuery):
        return [Group(0, query.condition, (), 0, 1)]
    if (query.maxspan or 0) >= LONGEST_SPAN:
        raise NotExportableError("a maxspan of a thousand days", _statement(query).position)
    if any(stage.missing for stage in query.stages):
        raise NotExportableError("a missing event, ![ … ]", _position(query, _is_missing))
    groups: list[Group] = []
    first = 0
    for _, stages in groupby(query.stages, key=id):
        [stage, *others] = stages
        count = 1 + len(others)
        if count > MOST_REPEATS:
            name = f"with runs of more than {MOST_REPEATS}"
            raise NotExportableError(name, _position(query, _has_too_many_runs))
        groups.append(Group(len(groups), stage.condition, stage.by, first, count))
        first += count
    if query.until is not None:
        until = query.until
        groups.append(Group(len(groups), until.condition, until.by, first, 1, ends=True))
    return groups


def _position(query: SequenceQuery, is_meant: Callable[[nodes.Term], bool]) -> Position:
    """The place of the first event of the sequence that is meant."""
    return next(term.position for term in _statement(query).terms if is_meant(term))


def _statement(query: SequenceQuery) -> nodes.Sequence:
    assert isinstance(query.ast.statement, nodes.Sequence)
    return query.ast.statement


def _is_missing(term: nodes.Term) -> bool:
    return term.missing


def _has_too_many_runs(term: nodes.Term) -> bool:
    return (term.runs or 1) > MOST_REPEATS
