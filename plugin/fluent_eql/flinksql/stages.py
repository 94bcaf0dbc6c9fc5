"""The stages of a sequence as groups: a stage that is repeated is one group."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.lang import Condition, EventQuery, JoinKey, SequenceQuery

MOST_REPEATS = 100
"""Of one stage: so many rows are compared at once."""


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
    if any(stage.missing for stage in query.stages):
        raise NotExportableError("a missing event, ![ … ]")
    groups: list[Group] = []
    first = 0
    for _, stages in groupby(query.stages, key=id):
        [stage, *others] = stages
        count = 1 + len(others)
        if count > MOST_REPEATS:
            raise NotExportableError(f"with runs of more than {MOST_REPEATS}")
        groups.append(Group(len(groups), stage.condition, stage.by, first, count))
        first += count
    if query.until is not None:
        until = query.until
        groups.append(Group(len(groups), until.condition, until.by, first, 1, ends=True))
    return groups
