"""The bytes that a record must contain to satisfy a condition.

A record that satisfies it contains at least one of the needles derived from it, however it spells
its fields (nested, flat, mixed), whatever the width of its headers, be its strings str or bin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fluent_eql.lang import nodes
from fluent_eql.lang.functions import BY_OPERATOR, FUNCTIONS, ValueType
from fluent_eql.lang.regexes import regex_literals

COMMON_FIELDS = frozenset(
    {
        "agent.type",
        "event.action",
        "event.category",
        "event.dataset",
        "event.kind",
        "event.module",
        "event.outcome",
        "event.type",
        "host.os.family",
        "host.os.type",
    }
)
"""Fields with few values, each in a large share of all records: poor to screen by."""

LISTS = ("args", "category", "effective", "env_vars", "permitted", "roles", "tags", "type")
"""The last name parts of fields that are arrays in most records that have them."""

NOT_LISTS = frozenset({"agent.type", "host.os.type"})

USUAL_PARTS = frozenset(
    {
        *("@timestamp", "action", "agent", "args", "args_count", "capabilities", "category"),
        *("command_line", "data_stream", "dataset", "destination", "effective", "entity_id"),
        *("event", "executable", "file", "group", "host", "hostname", "message", "module", "name"),
        *("network", "outcome", "parent", "path", "port", "process", "session_leader", "source"),
        *("thread", "type", "user", "working_directory"),
    }
)
"""Name parts that records have whatever they are about, or one in three."""

LEAST_RANK = 2
"""Of a needle, below which it would be found in every record."""

LEAST_PART = 4
"""The length of a name part below which it would be found in other texts."""

PARTS_OF_TEXTS = ("between", "substring")
"""Functions whose result stands in their first argument."""

STRICT = ("concat", "string", *BY_OPERATOR.values())
"""Functions of any values that give null where one of these is null."""

REPLACEMENT = "\ufffd"
"""What a regular expression sees in the place of bytes that are no UTF-8."""

LONGEST_TEXT = 256
"""Characters of a text that are looked for: as good as all of it."""

NUMBER_RANK = 4
"""The rank of a number: as rare as a text of so many characters."""

LARGEST_NUMBER = 2**53
"""The whole number up to which each float is another one."""

NEVER = 99
"""The rank of what no record has: rarer than any text."""


@dataclass(frozen=True, slots=True)
class CommonField(nodes.Field):
    """A field that is as poor to screen by as one of :data:`COMMON_FIELDS`."""


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes of a matching record.

    With ``field``, the field's last name part, the text stands at the start of its value, or the
    value is an array. Without, the text stands anywhere. ``caseless`` is about ASCII letters.
    ``is_whole``: the text is not the start of a value, or a part of one, but all of it.
    With ``number`` that is the value, in whatever form, instead of a text.
    """

    field: str | None
    text: str
    caseless: bool
    is_common: bool = False
    is_whole: bool = False
    number: int | None = None

    @property
    def written(self) -> str:
        """What is looked for, for people."""
        return self.text if self.number is None else str(self.number)

    @property
    def rank(self) -> tuple[bool, int]:
        """How rare the needle's text may be; the greater the rarer."""
        if self.number is not None:
            return not self.is_common, NUMBER_RANK
        return not self.is_common, min(len(self.text) + self.is_whole, 8)


Needles = frozenset[Needle]


def needles_of(expression: nodes.Expression | None) -> Needles | None:
    """The needles of which every satisfying record has one; None where nothing is certain."""
    derive = DERIVATIONS.get(type(expression))
    return derive(expression) if derive else None


def groups_of(expression: nodes.Expression) -> list[Needles]:
    """Sets of needles of each of which every satisfying record has one.

    They are those of the condition's parts, and those of the names of the fields that have to be
    there. What is found in next to every record is left out.
    """
    parts = expression.operands if isinstance(expression, nodes.And) else (expression,)
    found = [needles_of(part) for part in parts]
    fields = [field for field in map(_tested_field, parts) if field is not None]
    found += [frozenset({name}) for field in fields for name in _names_in(field)]
    usable = dict.fromkeys(group for group in found if group is not None)
    return [group for group in usable if rarity(group)[1] >= LEAST_RANK]


def _names_in(field: nodes.Field) -> Iterator[Needle]:
    for part in field.name.split("."):
        if len(part) >= LEAST_PART and part not in USUAL_PARTS and _has_bytes(part):
            yield Needle(None, part, False)


def _tested_field(expression: nodes.Expression) -> nodes.Field | None:
    """The field without which a test fails."""
    match expression:
        case nodes.Comparison("==", nodes.Field(), nodes.Literal(value=None)):
            return None
        case nodes.Not(nodes.Comparison("==", nodes.Field() as field, nodes.Literal(value=None))):
            return field
        case nodes.Comparison("!=", nodes.Field() as field, nodes.Literal(value)):
            return field if value is None else None
        case nodes.Comparison(_, nodes.Field() as field, nodes.Literal()):
            return field
        case nodes.Membership(nodes.Field() as field):
            return field
        case nodes.PatternMatch(_, nodes.Field() as field):
            return field
        case nodes.FunctionCall(_, _, (nodes.Field() as field, *_)):
            return field
    return None


def _of_and(node: nodes.And) -> Needles | None:
    return _rarest([needles_of(part) for part in node.operands])


def _of_or(node: nodes.Or) -> Needles | None:
    return _all_of([needles_of(part) for part in node.operands])


def _of_comparison(node: nodes.Comparison) -> Needles | None:
    if not isinstance(node.right, nodes.Literal):
        return _rarest([_of_value(node.left), _of_value(node.right)])
    value = node.right.value
    if isinstance(node.left, nodes.Field):
        return _value(node.left, value, False) if node.operator == "==" else None
    if value is None:
        return None
    part = _anywhere(value, False) if node.operator == "==" else None
    return part if part and _is_part(node.left) else _of_value(node.left)


def _of_membership(node: nodes.Membership) -> Needles | None:
    values = [part.value if isinstance(part, nodes.Literal) else None for part in node.values]
    if isinstance(node.operand, nodes.Field):
        return _all_of([_value(node.operand, value, node.insensitive) for value in values])
    parts = _all_of([_anywhere(value, node.insensitive) for value in values])
    return parts if parts and _is_part(node.operand) else _of_value(node.operand)


def _of_pattern(node: nodes.PatternMatch) -> Needles | None:
    field = node.operand if isinstance(node.operand, nodes.Field) else None
    texts = [pattern.value for pattern in node.patterns if isinstance(pattern.value, str)]
    if node.operator.startswith("regex"):
        needles = _regexes(field, texts, node.insensitive)
    else:
        needles = _all_of([_pattern(field, text, node.insensitive) for text in texts])
    if field is not None:
        return needles
    return needles if needles and _is_part(node.operand) else _of_value(node.operand)


def _of_call(node: nodes.FunctionCall) -> Needles | None:
    field, text, *_ = node.arguments
    if node.name == "cidrMatch":
        return None
    if isinstance(field, nodes.Field) and isinstance(text, nodes.Literal):
        if node.name == "startsWith":
            if not text.value:
                return None
            return _value(field, text.value, node.insensitive, is_whole=False)
        return _anywhere(text.value, node.insensitive)
    return _of_value(node)


def _of_value(node: nodes.Expression) -> Needles | None:
    """The needles of which every record has one for which a computed value is not null."""
    if not isinstance(node, nodes.FunctionCall):
        return None
    function = FUNCTIONS[node.name.lower()]
    found: list[Needles | None] = []
    for index, argument in enumerate(node.arguments):
        is_text = function.parameter(index) is ValueType.STRING
        if is_text and isinstance(argument, nodes.Field):
            found.append(frozenset({_anchored(argument, "", False)}))
        elif is_text or node.name in STRICT:
            found.append(_of_value(argument))
    return _rarest(found)


def _is_part(node: nodes.Expression) -> bool:
    """Whether an expression's value stands in a field's value, with its case."""
    if isinstance(node, nodes.FunctionCall) and node.name in PARTS_OF_TEXTS:
        return _is_part(node.arguments[0])
    return isinstance(node, nodes.Field)


def _of_literal(node: nodes.Literal) -> Needles | None:
    return frozenset() if node.value is False else None


DERIVATIONS: dict[type, Callable[[Any], Needles | None]] = {
    nodes.And: _of_and,
    nodes.Or: _of_or,
    nodes.Comparison: _of_comparison,
    nodes.FunctionCall: _of_call,
    nodes.Literal: _of_literal,
    nodes.Membership: _of_membership,
    nodes.PatternMatch: _of_pattern,
}


def _all_of(parts: Iterable[Needles | None]) -> Needles | None:
    found: set[Needle] = set()
    for needles in parts:
        if needles is None:
            return None
        found |= needles
    return frozenset(found)


def _value(
    field: nodes.Field, value: nodes.Value, caseless: bool, *, is_whole: bool = True
) -> Needles | None:
    if value.__class__ is int and is_whole:
        return _number(field, value)
    if not isinstance(value, str) or not _has_bytes(value):
        return None
    return frozenset({_anchored(field, value, caseless, is_whole=is_whole)})


def _number(field: nodes.Field, value: int) -> Needles | None:
    if abs(value) > LARGEST_NUMBER:
        return None
    is_common = _is_common(field)
    return frozenset({Needle(field.name.rpartition(".")[2], "", False, is_common, True, value)})


def _pattern(field: nodes.Field | None, pattern: str, caseless: bool) -> Needles | None:
    """The text that the value begins with, or a longer one that stands somewhere in it."""
    if not _has_bytes(pattern):
        return None
    pieces = re.split(r"[*?]+", pattern)
    found = _anywhere(max(pieces, key=len), caseless)
    if field is None or not pieces[0]:
        return found
    first = frozenset({_anchored(field, pieces[0], caseless, is_whole=len(pieces) == 1)})
    return _rarest([first, found])


def _regexes(field: nodes.Field | None, patterns: Sequence[str], caseless: bool) -> Needles | None:
    literals = regex_literals(patterns)
    if literals is None or any(REPLACEMENT in text for text, _ in literals):
        return None
    return _all_of(
        _value(field, text, caseless, is_whole=False)
        if field and is_start
        else _anywhere(text, caseless)
        for text, is_start in literals
    )


def _anywhere(text: nodes.Value, caseless: bool) -> Needles | None:
    if not isinstance(text, str) or not text or not _has_bytes(text):
        return None
    return frozenset({Needle(None, text[:LONGEST_TEXT], caseless)})


def _anchored(field: nodes.Field, text: str, caseless: bool, *, is_whole: bool = False) -> Needle:
    """The text at the start of the field's value; in an array no field stands before it."""
    last_part: str | None = field.name.rpartition(".")[2]
    is_whole = is_whole and 0 < len(text) <= LONGEST_TEXT
    if text and last_part in LISTS and field.name not in NOT_LISTS:
        last_part = None
    return Needle(last_part, text[:LONGEST_TEXT], caseless, _is_common(field), is_whole)


def _is_common(field: nodes.Field) -> bool:
    return field.name in COMMON_FIELDS or isinstance(field, CommonField)


def _rarest(options: Iterable[Needles | None]) -> Needles | None:
    usable = [needles for needles in options if needles is not None]
    return max(usable, key=rarity, default=None)


def rarity(needles: Needles) -> tuple[bool, int, int]:
    common, length = min((needle.rank for needle in needles), default=(True, NEVER))
    return common, length, -len(needles)


def _has_bytes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
