"""Records made from conditions: ones that satisfy them, and ones that fail in one place.

A condition in normal form becomes goals, tests that are to hold or not to hold. The search takes
branches of alternatives one after the other; each field gets values for which all goals about it
come true, one value where one can do it. Goals about several fields are tried on combinations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fluent_eql.fields import Fields
from fluent_eql.lang import nodes
from fluent_eql.lang.predicates import predicate
from support.candidates import ANYTHING, Scalar, candidates, distinct, related

Values = tuple[Scalar, ...]
Assignment = dict[str, Values]
Record = dict[str, Any]
Goal = tuple[nodes.Expression, bool]
"""A condition, and whether it is to hold."""

MOST_STEPS = 4_000
MOST_COMBINATIONS = 20_000
MOST_OF_A_FIELD = 60
"""Values that are combined with those of other fields."""


def satisfying(
    *goals: Goal, sparse: bool = False, given: Mapping[str, Values] | None = None
) -> Assignment | None:
    """Values of fields for which all goals come true; None where none are found.

    A field that no goal needs has a value all the same, and none if ``sparse``. The fields of
    ``given`` have these values.
    """
    known = dict(given or {})
    found = next(_Search(sparse, known).solutions(list(goals), _State()), None)
    return None if found is None else known | found


def conjuncts(condition: nodes.Expression) -> tuple[nodes.Expression, ...]:
    """The conditions of which all have to hold."""
    return condition.operands if isinstance(condition, nodes.And) else (condition,)


def flips(
    condition: nodes.Expression, given: Mapping[str, Values] | None = None
) -> Iterator[Assignment | None]:
    """For each conjunct values for which all hold but this one; None where none are found."""
    parts = conjuncts(condition)
    for flipped in parts:
        goals: list[Goal] = [(part, part is not flipped) for part in parts]
        yield satisfying(*goals, given=given)


def record_of(values: Mapping[str, Values]) -> Record:
    """A record in which the fields are nested; several values are an array.

    A field whose name begins with that of another has its dots in a key.
    """
    record: Record = {}
    for name, found in sorted(values.items()):
        if found:
            _place(record, name, found[0] if len(found) == 1 else list(found))
    return record


def _place(record: Record, name: str, value: Any) -> None:
    """Put a value where its name says; those with shorter names are there already."""
    inner, parts = record, name.split(".")
    for number, part in enumerate(parts[:-1]):
        following = inner.setdefault(part, {})
        if not isinstance(following, dict):
            inner[".".join(parts[number:])] = value
            return
        inner = following
    inner[parts[-1]] = value


@dataclass(slots=True)
class _State:
    """What has been asked so far, and the values that do it for each field."""

    alone: dict[str, list[Goal]] = field(default_factory=dict)
    together: list[Goal] = field(default_factory=list)
    values: Assignment = field(default_factory=dict)

    def copy(self) -> _State:
        alone = {name: list(goals) for name, goals in self.alone.items()}
        return _State(alone, list(self.together), dict(self.values))


class _Search:
    def __init__(self, sparse: bool, given: Assignment) -> None:
        self._sparse = sparse
        self._given = given
        self._steps = 0
        self._tests: dict[int, tuple[nodes.Expression, Callable[[Fields], bool]]] = {}

    def solutions(self, goals: list[Goal], state: _State) -> Iterator[Assignment]:
        """Assignments for which the goals come true, besides those of ``state``."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            return
        alternatives: list[list[Goal]] = []
        while goals:
            condition, holds = goals.pop()
            match condition:
                case nodes.Not(operand):
                    goals.append((operand, not holds))
                case nodes.Literal(value):
                    if value is not holds:
                        return
                case nodes.And(parts) | nodes.Or(parts):
                    inner = [(part, holds) for part in parts]
                    if isinstance(condition, nodes.And) is holds:
                        goals += reversed(inner)
                    else:
                        alternatives.append(inner)
                case _:
                    if not self._add(_positive(condition, holds), state):
                        return
        yield from self._branches(alternatives, state)

    def _branches(self, alternatives: list[list[Goal]], state: _State) -> Iterator[Assignment]:
        if not alternatives:
            yield from self._combined(state)
            return
        first, *others = sorted(alternatives, key=len)
        rest: list[Goal] = [(_any_of(goals), True) for goals in others]
        for goal in first:
            yield from self.solutions([*rest, goal], state.copy())

    def _add(self, goal: Goal, state: _State) -> bool:
        """Whether there are still values for the field."""
        names = set(nodes.field_names(goal[0]))
        if len(names) > 1:
            state.together.append(goal)
            return all(self._solve(name, state) for name in names)
        (name,) = names
        state.alone.setdefault(name, []).append(goal)
        known = state.values.get(name)
        if known is not None and self._all_hold([goal], {name: known}):
            return True
        return self._solve(name, state)

    def _solve(self, name: str, state: _State) -> bool:
        goals = state.alone.get(name, [])
        for values in self._options(name, goals):
            if self._all_hold(goals, {name: values}):
                state.values[name] = values
                return True
        return False

    def _options(self, name: str, goals: Sequence[Goal]) -> Iterator[Values]:
        """Values that the field might have, the likeliest first."""
        if name in self._given:
            yield self._given[name]
            return
        wanted = [goal for goal in goals if goal[1]]
        if self._sparse or any(_is_null_test(test) for test, _ in wanted):
            yield ()
        singles = self._singles(goals)
        yield from ((value,) for value in singles)
        if several := self._several(name, wanted, goals, singles):
            yield several
        yield ()

    def _singles(self, goals: Sequence[Goal]) -> list[Scalar]:
        found: list[Scalar] = []
        texts: list[str] = []
        for test, holds in goals:
            if holds:
                made = candidates(test, texts)
                found += made
                texts += [value for value in made[:1] if isinstance(value, str)]
        computed = [test for test, holds in goals if not holds and not _is_simple(test)]
        return distinct([*found, *ANYTHING, *(v for test in computed for v in candidates(test))])

    def _several(
        self, name: str, wanted: Sequence[Goal], goals: Sequence[Goal], singles: Sequence[Scalar]
    ) -> Values:
        """A value for each goal that is to hold; none where that is not to be had."""
        unwanted = [goal for goal in goals if not goal[1]]
        harmless = [value for value in singles if self._all_hold(unwanted, {name: (value,)})]
        found: list[Scalar] = []
        for goal in wanted:
            if not self._all_hold([goal], {name: tuple(found)}):
                passing = (v for v in harmless if self._all_hold([goal], {name: (v,)}))
                value = next(passing, None)
                if value is None:
                    return ()
                found.append(value)
        return tuple(found)

    def _combined(self, state: _State) -> Iterator[Assignment]:
        """Values for which the goals about several fields come true, too."""
        if self._all_hold(state.together, state.values):
            yield dict(state.values)
            return
        found = dict(state.values)
        for names, goals in _groups(state.together):
            columns = self._columns(names, state)
            ordered = sorted(names, key=lambda name: len(columns[name]))
            tries = iter(range(MOST_COMBINATIONS))
            chosen = next(
                _completed({}, ordered, columns, partial(self._may_hold, goals), tries), None
            )
            if chosen is None:
                return
            found |= chosen
        yield found

    def _may_hold(self, goals: Sequence[Goal], values: Assignment) -> bool:
        """Whether the goals come true whose fields all have values already."""
        decided = [goal for goal in goals if set(nodes.field_names(goal[0])) <= values.keys()]
        return self._all_hold(decided, values)

    def _columns(self, names: Sequence[str], state: _State) -> dict[str, list[Values]]:
        """What each field might have, given what the others might have."""
        own = {
            name: self._fitting(name, state, self._given_or_singles(name, state)) for name in names
        }
        columns = {}
        for name in names:
            others = [
                value
                for other in names
                if other != name
                for values in own[other][:4]
                for single in values
                for value in related(single)
            ]
            derived = self._fitting(name, state, others)
            columns[name] = [state.values[name], *derived, *own[name]][:MOST_OF_A_FIELD]
            if name not in self._given and self._all_hold(state.alone.get(name, []), {name: ()}):
                columns[name].insert(0 if self._sparse else len(columns[name]), ())
        return columns

    def _given_or_singles(self, name: str, state: _State) -> Sequence[Scalar]:
        return self._given.get(name) or self._singles(state.alone.get(name, []))

    def _fitting(self, name: str, state: _State, values: Sequence[Scalar]) -> list[Values]:
        goals = state.alone.get(name, [])
        if name in self._given:
            return [self._given[name]]
        return [(value,) for value in distinct(values) if self._all_hold(goals, {name: (value,)})]

    def _all_hold(self, goals: Sequence[Goal], values: Assignment) -> bool:
        fields = Fields({})
        fields.update(values)
        return all(self._test(test)(fields) is holds for test, holds in goals)

    def _test(self, test: nodes.Expression) -> Callable[[Fields], bool]:
        known = self._tests.get(id(test))
        if known is None:
            known = self._tests[id(test)] = test, predicate(test)
        return known[1]


def _groups(goals: Sequence[Goal]) -> list[tuple[list[str], list[Goal]]]:
    """Goals that share fields, directly or through others, and these fields."""
    groups: list[tuple[list[str], list[Goal]]] = []
    for goal in goals:
        names = list(dict.fromkeys(nodes.field_names(goal[0])))
        touched = [group for group in groups if not set(names).isdisjoint(group[0])]
        groups = [group for group in groups if group not in touched]
        all_names = [name for group in touched for name in group[0]] + names
        all_goals = [other for group in touched for other in group[1]] + [goal]
        groups.append((list(dict.fromkeys(all_names)), all_goals))
    return groups


def _completed(
    chosen: Assignment,
    names: Sequence[str],
    columns: Mapping[str, list[Values]],
    may_hold: Callable[[Assignment], bool],
    tries: Iterator[int],
) -> Iterator[Assignment]:
    """What is chosen with a value of each column."""
    if not names:
        yield chosen
        return
    first, *others = names
    for values in columns[first]:
        if next(tries, None) is None:
            return
        more = chosen | {first: values}
        if may_hold(more):
            yield from _completed(more, others, columns, may_hold, tries)


def _positive(test: nodes.Expression, holds: bool) -> Goal:
    """A goal without ``!=`` of a field and a literal, which is the complement of ``==``."""
    match test:
        case nodes.Comparison("!=", nodes.Field() as name, nodes.Literal() as value, position):
            return nodes.Comparison("==", name, value, position), not holds
    return test, holds


def _any_of(goals: Sequence[Goal]) -> nodes.Expression:
    position = goals[0][0].position
    parts = [test if holds else nodes.Not(test, position) for test, holds in goals]
    return nodes.Or(tuple(parts), position)


def _is_null_test(test: nodes.Expression) -> bool:
    match test:
        case nodes.Comparison("==", nodes.Field(), nodes.Literal(value=None)):
            return True
    return False


def _is_simple(test: nodes.Expression) -> bool:
    """Whether a test is one of a field, not of a computed value."""
    match test:
        case nodes.Comparison(_, nodes.Field(), nodes.Literal()):
            return True
        case nodes.Membership(nodes.Field()) | nodes.PatternMatch(_, nodes.Field()):
            return True
        case nodes.FunctionCall(_, _, (nodes.Field(), *others)):
            return all(isinstance(other, nodes.Literal) for other in others)
    return False
