"""The syntax tree of a query. Nodes compare by what they say, not by where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a query: ``offset`` counts the query's characters from 0.

    ``line`` and ``column`` count from 1 in the file around the query, see
    :class:`fluent_eql.lang.source.Origin`.
    """

    offset: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number, true, false or null (None). ``true`` is not equal to ``1``."""

    value: Value
    position: Position = field(compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        same_kind = isinstance(self.value, bool) is isinstance(other.value, bool)
        return same_kind and self.value == other.value


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its dotted name; ``optional`` where it was written ``?name``."""

    name: str
    optional: bool
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """``name(arguments)``; ``insensitive`` where it was written ``name~``."""

    name: str
    insensitive: bool
    arguments: tuple[Expression, ...]
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """``-operand``, where the operand is not a number."""

    operand: Expression
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right``; the operator is one of ``+ - * / %`` and stands at ``position``."""

    operator: str
    left: Expression
    right: Expression
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``; the operator, one of ``== != < <= > >=``, is at ``position``."""

    operator: str
    left: Expression
    right: Expression
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """``operand in (values)``, or ``in~`` where ``insensitive``."""

    operand: Expression
    insensitive: bool
    values: tuple[Expression, ...]
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """``operand operator (patterns)``; one of ``: like like~ regex regex~``.

    A single pattern without parentheses is a list of one.
    """

    operator: str
    operand: Expression
    patterns: tuple[Literal, ...]
    position: Position = field(compare=False, repr=False)

    @property
    def insensitive(self) -> bool:
        """Whether the case of ASCII letters counts for nothing."""
        return self.operator == ":" or self.operator.endswith("~")


@dataclass(frozen=True, slots=True)
class Not:
    """``not operand``; ``a not in (…)`` is the complement of ``a in (…)``."""

    operand: Expression
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """All of two operands or more."""

    operands: tuple[Expression, ...]
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two operands or more."""

    operands: tuple[Expression, ...]
    position: Position = field(compare=False, repr=False)


Expression = (
    Literal
    | Field
    | FunctionCall
    | Negative
    | Arithmetic
    | Comparison
    | Membership
    | PatternMatch
    | Not
    | And
    | Or
)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """``category where condition``; ``category`` is None for ``any``."""

    category: str | None
    condition: Expression
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Term:
    """One bracketed filter of a sequence, sample or join.

    ``by`` are its own join keys, ``runs`` the number of ``with runs``, ``missing`` is true for
    ``![ … ]``.
    """

    filter: EventFilter
    by: tuple[Field, ...]
    runs: int | None
    missing: bool
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """``sequence by … with maxspan=… [ … ] [ … ] until [ … ]``; ``maxspan`` in nanoseconds."""

    by: tuple[Field, ...]
    maxspan: int | None
    terms: tuple[Term, ...]
    until: Term | None
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """``sample by … [ … ] [ … ]``."""

    by: tuple[Field, ...]
    terms: tuple[Term, ...]
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Join:
    """``join by … [ … ] [ … ] until [ … ]``."""

    by: tuple[Field, ...]
    terms: tuple[Term, ...]
    until: Term | None
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pipe:
    """``| name arguments``."""

    name: str
    arguments: tuple[Expression, ...]
    position: Position = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: its statement and the pipes after it."""

    statement: EventFilter | Sequence | Sample | Join
    pipes: tuple[Pipe, ...]


def field_names(expression: Expression) -> Iterator[str]:
    """The names of the fields in an expression, in the order they stand in, each time they do."""
    match expression:
        case Field(name):
            yield name
        case Literal():
            return
        case And(parts) | Or(parts) | FunctionCall(_, _, parts):
            yield from _names(parts)
        case Comparison(_, left, right) | Arithmetic(_, left, right):
            yield from _names((left, right))
        case Membership(operand, _, values):
            yield from _names((operand, *values))
        case PatternMatch(_, operand) | Not(operand) | Negative(operand):
            yield from field_names(operand)


def _names(parts: tuple[Expression, ...]) -> Iterator[str]:
    for part in parts:
        yield from field_names(part)
