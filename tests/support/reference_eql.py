"""What EQL means, in its plainest form: trees of a condition, and whether a record satisfies them.

Nothing is compiled, folded or remembered, and nothing is shared with the code under test. A record
is a decoded map. An expression has a list of results, one for each combination of the values of its
fields, with None where there is none; a condition is true or false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from support.reference_eql_functions import arithmetic, call, fold, is_like
from support.reference_eql_regex import Regex, is_match

Record = Mapping[Any, Any]

MOST_COMBINATIONS = 4096
"""As documented: of more combinations of arrays' values, only the first are looked at."""


@dataclass(frozen=True)
class Field:
    """``name`` or ``?name``."""

    name: str
    optional: bool = False


@dataclass(frozen=True)
class Constant:
    """A string, a number, true, false or null."""

    value: Any


@dataclass(frozen=True)
class Call:
    """``name(…)`` or ``name~(…)``."""

    name: str
    arguments: tuple[Expression, ...]
    insensitive: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """``+ - * / %``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Negative:
    """``-operand``."""

    operand: Expression


@dataclass(frozen=True)
class Compare:
    """``== != < <= > >=``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class In:
    """``in``, ``in~``, and ``not in`` if ``negated``."""

    operand: Expression
    values: tuple[Expression, ...]
    insensitive: bool = False
    negated: bool = False


@dataclass(frozen=True)
class Like:
    """``like``, ``like~`` and ``:``."""

    operator: str
    operand: Expression
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """``regex`` and ``regex~``."""

    operator: str
    operand: Expression
    patterns: tuple[Regex, ...]


@dataclass(frozen=True)
class Not:
    """``not operand``."""

    operand: Expression


@dataclass(frozen=True)
class And:
    """``left and right``."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Or:
    """``left or right``."""

    left: Expression
    right: Expression


Expression = (
    Field | Constant | Call | Arithmetic | Negative | Compare | In | Like | Matches | Not | And | Or
)

NULL = Constant(None)
NO_RECORD: Record = {}
TESTS = ("cidrMatch", "endsWith", "startsWith", "stringContains")
"""The functions whose result is true or false."""
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def values(record: Record, name: str) -> list[Any]:
    """The values of a field that are not null, nested, flat and mixed."""
    return list(_found(record, name.split(".")))


def satisfies(record: Record, category: str | None, condition: Expression) -> bool:
    """Whether a record satisfies ``category where condition``; None stands for ``any``."""
    of_category = category is None or category in values(record, "event.category")
    return of_category and holds(condition, record)


def holds(condition: Expression, record: Record) -> bool:
    """Whether a record satisfies a condition: ``and``, ``or`` and ``not`` know no null here."""
    match condition:
        case Not(operand):
            return not holds(operand, record)
        case And(left, right):
            return holds(left, record) and holds(right, record)
        case Or(left, right):
            return holds(left, record) or holds(right, record)
        case In(operand, listed, insensitive, True):
            return not holds(In(operand, listed, insensitive), record)
        case Compare():
            return _compares(condition, record)
    return any(result is True for result in results(condition, record))


def _compares(condition: Compare, record: Record) -> bool:
    sign, left, right = condition.operator, _plain(condition.left), _plain(condition.right)
    if NULL in (left, right):
        lacks = None in results(left if right == NULL else right, record)
        return lacks if sign == "==" else not lacks
    tested, other = (right, left) if isinstance(left, Constant) else (left, right)
    if sign == "!=" and isinstance(tested, Field) and isinstance(other, Constant):
        return not holds(Compare("==", tested, other), record)
    if sign in ("==", "!=") and _is_condition(tested) and isinstance(other, Constant):
        return holds(tested, record) is (other.value is (sign == "=="))
    return any(result is True for result in results(condition, record))


def _plain(expression: Expression) -> Expression:
    """What has no field is its value, if it has one."""
    if any(True for _ in field_names(expression)):
        return expression
    [value] = results(expression, NO_RECORD)
    return expression if value is None else Constant(value)


def _is_condition(expression: Expression) -> bool:
    if isinstance(expression, Call):
        return expression.name in TESTS
    return isinstance(expression, Compare | In | Like | Matches | Not | And | Or)


def results(expression: Expression, record: Record) -> list[Any]:
    """The results of an expression: within values, conditions know null, too."""
    match expression:
        case Field(name):
            return values(record, name) or [None]
        case Constant(value):
            return [value]
        case Call(name, arguments, insensitive):
            columns = [results(argument, record) for argument in arguments]
            return _each(lambda *given: call(name, given, insensitive), columns)
        case Arithmetic(sign, left, right):
            columns = [results(left, record), results(right, record)]
            return _each(lambda one, two: arithmetic(sign, one, two), columns)
        case Negative(operand):
            return [arithmetic("*", -1, value) for value in results(operand, record)]
        case Compare(sign, left, right):
            if NULL in (left, right):
                tested = left if right == NULL else right
                return [(value is None) is (sign == "==") for value in results(tested, record)]
            columns = [results(left, record), results(right, record)]
            return _each(lambda one, two: _ordered(sign, one, two), columns)
        case In(operand, listed, insensitive, negated):
            wanted = [value for item in listed for value in results(item, record)]
            found = [_is_in(value, wanted, insensitive) for value in results(operand, record)]
            return [_opposite(one) for one in found] if negated else found
        case Like(sign, operand, patterns):
            return [_is_like(value, sign, patterns) for value in results(operand, record)]
        case Matches(sign, operand, patterns):
            return [_is_match(value, sign, patterns) for value in results(operand, record)]
        case Not(operand):
            return [_opposite(truth) for truth in _truths(operand, record)]
        case And(left, right):
            return _each(_both, [_truths(left, record), _truths(right, record)])
        case Or(left, right):
            return _each(_either, [_truths(left, record), _truths(right, record)])


def _each(run: Callable[..., Any], columns: Sequence[Sequence[Any]]) -> list[Any]:
    return [run(*combined) for combined in list(product(*columns))[:MOST_COMBINATIONS]]


def _truths(expression: Expression, record: Record) -> list[bool | None]:
    return [one if isinstance(one, bool) else None for one in results(expression, record)]


def _opposite(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return True if left is True and right is True else None


def _either(left: bool | None, right: bool | None) -> bool | None:
    return _opposite(_both(_opposite(left), _opposite(right)))


def _kind(value: Any) -> type:
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)


def _ordered(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None or _kind(left) is not _kind(right):
        return None
    return ORDERS[sign](left, right)


def _is_in(value: Any, wanted: Iterable[Any], insensitive: bool) -> bool | None:
    if value is None:
        return None
    if insensitive and isinstance(value, str):
        return fold(value) in [fold(one) for one in wanted]
    return any(_kind(one) is _kind(value) and one == value for one in wanted)


def _is_like(value: Any, sign: str, patterns: Iterable[str]) -> bool | None:
    if not isinstance(value, str):
        return None
    if sign == "like":
        return any(is_like(value, pattern) for pattern in patterns)
    return any(is_like(fold(value), fold(pattern)) for pattern in patterns)


def _is_match(value: Any, sign: str, patterns: Iterable[Regex]) -> bool | None:
    if not isinstance(value, str):
        return None
    return any(is_match(pattern, value, insensitive=sign == "regex~") for pattern in patterns)


def parts(expression: Expression) -> Iterator[Expression]:
    """The expressions right within an expression."""
    match expression:
        case Call(_, arguments):
            yield from arguments
        case Arithmetic(_, left, right) | Compare(_, left, right):
            yield from (left, right)
        case And(left, right) | Or(left, right):
            yield from (left, right)
        case In(operand, listed):
            yield from (operand, *listed)
        case Negative(operand) | Not(operand):
            yield operand
        case Like(_, operand, _) | Matches(_, operand, _):
            yield operand


def field_names(expression: Expression) -> Iterator[str]:
    """The names of the fields in an expression, with repetitions."""
    if isinstance(expression, Field):
        yield expression.name
    for part in parts(expression):
        yield from field_names(part)


def _found(holder: Record, names: Sequence[str]) -> Iterator[Any]:
    for size in range(1, len(names) + 1):
        wanted = ".".join(names[:size])
        for key, value in holder.items():
            if _text(key) != wanted:
                continue
            for item in _flat(value):
                if size == len(names):
                    yield from _scalar(item)
                elif isinstance(item, Mapping):
                    yield from _found(item, names[size:])


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _scalar(value: Any) -> Iterator[Any]:
    if isinstance(value, str | bytes | bool | int | float):
        yield _text(value)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
