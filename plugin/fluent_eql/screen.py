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

NEVER = 99
"""The rank of what no record has: rarer than any text."""

STRING_HEADER = rb"(?:[\xa0-\xbf]|[\xd9\xc4].|[\xda\xc5]..|[\xdb\xc6]....)"
ARRAY_HEADER = rb"(?:[\x90-\x9f]|\xdc..|\xdd....)"


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

    def expression(self) -> bytes:
        """The needle as a regular expression over bytes."""
        text = _escaped(self.text)
        if self.caseless:
            text = b"(?i:" + text + b")"
        if self.field is None:
            return text
        name = _escaped(self.field)
        return name + b"(?:" + STRING_HEADER + text + b"|" + ARRAY_HEADER + b")"

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
        self._database: Any = _database(self.needles) if self.needles else None
        self._unscreened = [n for n, needles in enumerate(derived) if needles is None]
        wanted_by: dict[Needle, list[int]] = {needle: [] for needle in self.needles}
        for number, needles in enumerate(derived):
            for needle in needles or ():
                wanted_by[needle].append(number)
        self._wanted_by = [wanted_by[needle] for needle in self.needles]

    def offsets(self, body: Body) -> Sequence[int] | None:
        """Where in ``body`` a needle was found, ascending; None where every record is a hit."""
        if self.always:
            return None
        if self._database is None or not len(body):
            return ()
        offsets: list[int] = []

        def found(needle: int, start: int, end: int, flags: int, context: object) -> None:
            offsets.append(end - 1)

        self._database.scan(body, match_event_handler=found)
        offsets.sort()
        return offsets

    def suspects(self, record: bytes) -> set[int]:
        """The conditions, by their numbers, that a record may satisfy; it satisfies no others."""
        suspects = set(self._unscreened)
        if self._database is not None:
            seen: set[int] = set()

            def found(needle: int, start: int, end: int, flags: int, context: object) -> None:
                seen.add(needle)

            self._database.scan(record, match_event_handler=found)
            for needle in seen:
                suspects.update(self._wanted_by[needle])
        return suspects


def needles_of(expression: nodes.Expression | None) -> Needles | None:
    """The needles of which every satisfying record has one; None where nothing is certain."""
    derive = DERIVATIONS.get(type(expression))
    return derive(expression) if derive else None


def _of_and(node: nodes.And) -> Needles | None:
    usable = [needles for part in node.operands if (needles := needles_of(part)) is not None]
    return max(usable, key=_rarity, default=None)


def _of_or(node: nodes.Or) -> Needles | None:
    return _all_of([needles_of(part) for part in node.operands])


def _of_comparison(node: nodes.Comparison) -> Needles | None:
    if node.operator != "==":
        return None
    sides = (node.left, node.right)
    for field, literal in (sides, sides[::-1]):
        if isinstance(field, nodes.Field) and isinstance(literal, nodes.Literal):
            return _value(field, literal.value, caseless=False)
    return None


def _of_membership(node: nodes.Membership) -> Needles | None:
    if not isinstance(node.operand, nodes.Field):
        return None
    values = [part.value if isinstance(part, nodes.Literal) else None for part in node.values]
    return _all_of([_value(node.operand, value, node.insensitive) for value in values])


def _of_pattern(node: nodes.PatternMatch) -> Needles | None:
    if node.operator.startswith("regex") or not isinstance(node.operand, nodes.Field):
        return None
    patterns = [pattern.value for pattern in node.patterns]
    return _all_of([_pattern(node.operand, text, node.insensitive) for text in patterns])


def _of_literal(node: nodes.Literal) -> Needles | None:
    return frozenset() if node.value is False else None


DERIVATIONS: dict[type, Callable[[Any], Needles | None]] = {
    nodes.And: _of_and,
    nodes.Or: _of_or,
    nodes.Comparison: _of_comparison,
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


def _pattern(field: nodes.Field, pattern: nodes.Value, caseless: bool) -> Needles | None:
    if not isinstance(pattern, str) or not _has_bytes(pattern):
        return None
    pieces = re.split(r"[*?]+", pattern)
    if pieces[0]:
        return frozenset({_anchored(field, pieces[0], caseless)})
    longest = max(pieces, key=len)
    return frozenset({Needle(None, longest, caseless)}) if longest else None


def _anchored(field: nodes.Field, text: str, caseless: bool) -> Needle:
    last_part = field.name.rpartition(".")[2]
    return Needle(last_part, text, caseless, field.name in COMMON_FIELDS)


def _rarity(needles: Needles) -> tuple[bool, int, int]:
    common, length = min((needle.rank for needle in needles), default=(True, NEVER))
    return common, length, -len(needles)


def _escaped(text: str) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in text.encode("utf-8", "surrogateescape"))


def _has_bytes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _database(needles: Sequence[Needle]) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=[needle.expression() for needle in needles],
        ids=list(range(len(needles))),
        flags=[hyperscan.HS_FLAG_DOTALL] * len(needles),
    )
    return database
