"""The bytes that a record must contain to match, looked for in raw msgpack.

For each condition a set of needles is derived: a record that satisfies the condition contains at
least one of them, however it spells its fields (nested, flat, mixed), whatever the width of its
headers, be its strings str or bin. All needles of all conditions are one hyperscan database, so a
body is scanned once. A condition without needles makes every record a hit. A record that is hit is
scanned once more by itself where there are many conditions, to know which of them to test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import hyperscan

from fluent_eql.api import Body
from fluent_eql.lang import Condition, nodes
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

PARTS_OF_TEXTS = ("between", "substring")
"""Functions whose result stands in their first argument."""

STRICT = ("concat", "string", *BY_OPERATOR.values())
"""Functions of any values that give null where one of these is null."""

REPLACEMENT = "\ufffd"
"""What a regular expression sees in the place of bytes that are no UTF-8."""

NEVER = 99
"""The rank of what no record has: rarer than any text."""

STRING_HEADER = rb"(?:[\xa0-\xbf]|[\xd9\xc4].|[\xda\xc5]..|[\xdb\xc6]....)"
ARRAY_HEADER = rb"[\x90-\x9f\xdc\xdd]"
"""Its first byte; the number of elements may follow."""
STRING_HEADERS = ((1, range(0xA0, 0xC0)), (2, (0xD9, 0xC4)), (3, (0xDA, 0xC5)), (5, (0xDB, 0xC6)))
"""The lengths of string headers, and their first bytes."""

MANY = 100
"""The number of needles past which they are looked for without their fields."""
LEAST_TEXT = 4
"""The length of a text, in bytes, below which it would be found too often."""
TAIL = 2
"""The bytes of a field's name that are looked for with a text. All of it would be found in every
record, and hyperscan would look at each of them closely: the scan would take three times as long.
"""


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes of a matching record.

    With ``field``, the field's last name part, the text stands at the start of its value, or the
    value is an array. Without, the text stands anywhere. ``caseless`` is about ASCII letters.
    """

    field: str | None
    text: str
    caseless: bool
    is_common: bool = False

    @property
    def rank(self) -> tuple[bool, int]:
        """How rare the needle's text may be; the greater the rarer."""
        return not self.is_common, min(len(self.text), 8)


Needles = frozenset[Needle]


class Screen:
    """Scans bodies for the needles of conditions.

    ``always`` says that there is a condition without needles: every record has to be looked at.
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        derived = [needles_of(condition.expression) for condition in conditions]
        found = {needle for needles in derived if needles for needle in needles}
        self.needles: tuple[Needle, ...] = tuple(sorted(found, key=repr))
        self.always = any(needles is None for needles in derived)
        self._patterns = _patterns_of(self.needles)
        self._database: Any = _database(self._patterns) if self._patterns else None
        self._unscreened = [n for n, needles in enumerate(derived) if needles is None]
        wanted_by: dict[Needle, list[int]] = {needle: [] for needle in self.needles}
        for number, needles in enumerate(derived):
            for needle in needles or ():
                wanted_by[needle].append(number)
        self._wanted_by = [
            {number for needle in pattern.needles for number in wanted_by[needle]}
            for pattern in self._patterns
        ]

    def offsets(self, body: Body) -> Sequence[int] | None:
        """Where in ``body`` a needle was found, ascending; None where every record is a hit."""
        if self.always:
            return None
        if self._database is None or not len(body):
            return ()
        offsets: list[int] = []
        patterns = self._patterns

        def found(number: int, start: int, end: int, flags: int, context: object) -> None:
            if patterns[number].holds(body, end):
                offsets.append(end - 1)

        self._database.scan(body, match_event_handler=found)
        offsets.sort()
        return offsets

    def suspects(self, record: bytes) -> set[int]:
        """The conditions, by their numbers, that a record may satisfy; it satisfies no others."""
        suspects = set(self._unscreened)
        if self._database is not None:
            patterns = self._patterns

            def found(number: int, start: int, end: int, flags: int, context: object) -> None:
                if patterns[number].holds(record, end):
                    suspects.update(self._wanted_by[number])

            self._database.scan(record, match_event_handler=found)
        return suspects


def needles_of(expression: nodes.Expression | None) -> Needles | None:
    """The needles of which every satisfying record has one; None where nothing is certain."""
    derive = DERIVATIONS.get(type(expression))
    return derive(expression) if derive else None


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
            return _value(field, text.value, node.insensitive) if text.value else None
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


def _value(field: nodes.Field, value: nodes.Value, caseless: bool) -> Needles | None:
    if not isinstance(value, str) or not _has_bytes(value):
        return None
    return frozenset({_anchored(field, value, caseless)})


def _pattern(field: nodes.Field | None, pattern: str, caseless: bool) -> Needles | None:
    if not _has_bytes(pattern):
        return None
    pieces = re.split(r"[*?]+", pattern)
    if field is not None and pieces[0]:
        return frozenset({_anchored(field, pieces[0], caseless)})
    return _anywhere(max(pieces, key=len), caseless)


def _regexes(field: nodes.Field | None, patterns: Sequence[str], caseless: bool) -> Needles | None:
    literals = regex_literals(patterns)
    if literals is None or any(REPLACEMENT in text for text, _ in literals):
        return None
    return _all_of(
        _value(field, text, caseless) if field and is_start else _anywhere(text, caseless)
        for text, is_start in literals
    )


def _anywhere(text: nodes.Value, caseless: bool) -> Needles | None:
    if not isinstance(text, str) or not text or not _has_bytes(text):
        return None
    return frozenset({Needle(None, text, caseless)})


def _anchored(field: nodes.Field, text: str, caseless: bool) -> Needle:
    last_part = field.name.rpartition(".")[2]
    return Needle(last_part, text, caseless, field.name in COMMON_FIELDS)


def _rarest(options: Iterable[Needles | None]) -> Needles | None:
    usable = [needles for needles in options if needles is not None]
    return max(usable, key=_rarity, default=None)


def _rarity(needles: Needles) -> tuple[bool, int, int]:
    common, length = min((needle.rank for needle in needles), default=(True, NEVER))
    return common, length, -len(needles)


def _escaped(text: str) -> bytes:
    return _escaped_bytes(_bytes_of(text))


def _escaped_bytes(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in text)


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _has_bytes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What hyperscan looks for, and the needles that it stands for.

    ``behind`` is a field's name that has to stand before the text, of which the pattern holds only
    the ``size`` bytes themselves; empty where the expression says all.
    """

    expression: bytes
    caseless: bool
    needles: tuple[Needle, ...]
    behind: bytes = b""
    size: int = 0

    def holds(self, body: Body, end: int) -> bool:
        """Whether a find that ends there is one of the needles."""
        if not self.behind:
            return True
        text = end - self.size
        return any(
            text > width + len(self.behind)
            and body[text - width] in first_bytes
            and body[text - width - len(self.behind) : text - width] == self.behind
            for width, first_bytes in STRING_HEADERS
        )


def _patterns_of(needles: Sequence[Needle]) -> list[_Pattern]:
    """The patterns for some needles.

    Few are looked for with the end of the field's name before them, of many only the texts:
    names that many patterns begin with would make compiling and scanning slow. What is found is
    looked at more closely.
    """
    are_many = len(needles) > MANY
    patterns = [_pattern_for(needle, are_many) for needle in needles]
    fields: dict[str, list[Needle]] = {}
    for needle in needles:
        if needle.field is not None:
            fields.setdefault(needle.field, []).append(needle)
    patterns += [
        _Pattern(_escaped(field) + ARRAY_HEADER, False, tuple(those))
        for field, those in fields.items()
    ]
    return patterns


def _pattern_for(needle: Needle, is_one_of_many: bool) -> _Pattern:
    text = _escaped(needle.text)
    if needle.field is None:
        return _Pattern(text, needle.caseless, (needle,))
    field, size = _bytes_of(needle.field), len(_bytes_of(needle.text))
    if is_one_of_many and size >= LEAST_TEXT and not needle.is_common:
        return _Pattern(text, needle.caseless, (needle,), field, size)
    if needle.caseless:
        text = b"(?i:" + text + b")"
    name = field if is_one_of_many else field[-TAIL:]
    return _Pattern(_escaped_bytes(name) + STRING_HEADER + text, False, (needle,), field, size)


def _database(patterns: Sequence[_Pattern]) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern.expression for pattern in patterns],
        ids=list(range(len(patterns))),
        flags=[
            hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if pattern.caseless else 0)
            for pattern in patterns
        ],
    )
    return database
