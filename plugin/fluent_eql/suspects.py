"""Which of many conditions a record may satisfy, by the bytes that are in it.

A record is scanned once. Each condition has groups of needles, and a record that satisfies it has a
needle of each: the rarest group says which conditions to look at, the others rule most of them out.

Conditions that ask for one event category are looked for only in records of that category, where
those have one that is told from a few bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from fluent_eql.lang import Condition, nodes
from fluent_eql.needle_patterns import database_of, loose_patterns, scannable
from fluent_eql.needles import USUAL_PARTS, Needle, Needles, groups_of, rarity

Made = TypeVar("Made")

MOST_KINDS = 10_000
"""Of records, by what is found in them, for which the answer is remembered."""

USUAL_VALUES = ("endpoint", "linux", "/usr/bin/", "/usr/sbin/", "/etc/", "host", "id", "ip", "pid")
"""Texts of next to all records besides the names of fields."""

SHORT_STRINGS = range(0xA0, 0xC0)
"""The headers of strings of up to 31 bytes."""


class Suspects(Generic[Made]):
    """Tells for single records which conditions they may satisfy.

    What is to be known of these is ``made`` of their numbers, once for all records in which the
    same is found. ``category_field`` is the field of the event category.
    """

    def __init__(
        self,
        conditions: Iterable[Condition],
        made: Callable[[tuple[int, ...]], Made],
        category_field: str = "event.category",
    ) -> None:
        numbered = list(enumerate(conditions))
        categories = {
            number: _category_asked_for(condition.expression, category_field)
            for number, condition in numbered
        }
        self._name = category_field.rpartition(".")[2].encode()
        self._all = _Scan(numbered, made)
        self._by_category = {
            category.encode("utf-8", "surrogateescape"): _Scan(
                [one for one in numbered if categories[one[0]] in (category, None)], made
            )
            for category in set(categories.values())
            if category is not None
        }

    def of(self, record: bytes) -> Made:
        """What was made of the conditions that a record may satisfy; it satisfies no others."""
        category = _category_of(record, self._name)
        scan = self._all if category is None else self._by_category.get(category, self._all)
        return scan.of(record)


class _Scan(Generic[Made]):
    """Scans records for the needles of numbered conditions. Each group of needles is a bit."""

    def __init__(
        self, conditions: Sequence[tuple[int, Condition]], made: Callable[[tuple[int, ...]], Made]
    ) -> None:
        self._made = made
        groups = {number: _telling(groups_of(one.expression)) for number, one in conditions}
        bits = _bits_of(groups.values())
        self._needed = {
            number: sum(bits[group] for group in those) for number, those in groups.items()
        }
        self._unscreened = [number for number, those in groups.items() if not those]
        by_rarest: dict[Needles, list[int]] = {}
        for number, those in groups.items():
            if those:
                by_rarest.setdefault(max(those, key=rarity), []).append(number)
        by_needle: dict[Needle, list[Needles]] = {}
        for group in bits:
            for needle in group:
                by_needle.setdefault(needle, []).append(group)
        patterns = loose_patterns(by_needle)
        self._database: Any = database_of(patterns, once=True) if patterns else None
        self._finds: list[tuple[int, list[int]]] = []
        """For each pattern the bits that a find sets, and the conditions to look at then."""
        for pattern in patterns:
            found = {group for needle in pattern.needles for group in by_needle[needle]}
            numbers = [number for group in found for number in by_rarest.get(group, ())]
            self._finds.append((sum(bits[group] for group in found), numbers))
        self._known: dict[tuple[int, ...], Made] = {}

    def of(self, record: bytes) -> Made:
        found: list[int] = []

        def on_find(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append(number)

        if self._database is not None:
            self._database.scan(scannable(record), match_event_handler=on_find)
        finds = tuple(found)
        known = self._known.get(finds)
        return self._learn(finds) if known is None else known

    def _learn(self, finds: tuple[int, ...]) -> Made:
        """What is found in one order is mostly found in another, too."""
        if len(self._known) >= MOST_KINDS:
            self._known.clear()
        in_order = tuple(sorted(finds))
        if in_order not in self._known:
            self._known[in_order] = self._made(self._suspected(finds))
        made = self._known[finds] = self._known[in_order]
        return made

    def _suspected(self, finds: Iterable[int]) -> tuple[int, ...]:
        held = 0
        candidates = set(self._unscreened)
        for number in finds:
            bits, numbers = self._finds[number]
            held |= bits
            candidates.update(numbers)
        return tuple(number for number in sorted(candidates) if not self._needed[number] & ~held)


def _category_asked_for(expression: nodes.Expression, field: str) -> str | None:
    """The one category that a condition's records have; None where that is not said."""
    parts = expression.operands if isinstance(expression, nodes.And) else (expression,)
    for part in parts:
        match part:
            case nodes.Comparison("==", nodes.Field(name), nodes.Literal(str(value))) if (
                name == field
            ):
                return value
    return None


def _category_of(record: bytes, name: bytes) -> bytes | None:
    """The value behind the one place where the field's name stands; None where it is not one.

    A record in which the name stands nowhere else has no other category, however it spells fields.
    """
    at = record.find(name)
    if at < 0 or record.find(name, at + 1) >= 0:
        return None
    at += len(name)
    header = record[at : at + 2]
    if header[:1] == b"\x91":
        at, header = at + 1, header[1:]
    if not header or header[0] not in SHORT_STRINGS:
        return None
    return record[at + 1 : at + 1 + header[0] - SHORT_STRINGS.start]


def _telling(groups: list[Needles]) -> list[Needles]:
    """Those that say something of a record; all where none does."""
    return [group for group in groups if not any(map(_is_usual, group))] or groups


def _is_usual(needle: Needle) -> bool:
    """Whether it would be found in next to every record: its text stands in a usual one."""
    text = needle.text.lower() if needle.caseless else needle.text
    if needle.is_whole:
        return text in USUAL_PARTS or text in USUAL_VALUES
    return needle.field is None and any(text in usual for usual in (*USUAL_PARTS, *USUAL_VALUES))


def _bits_of(groups: Iterable[Iterable[Needles]]) -> dict[Needles, int]:
    distinct = dict.fromkeys(group for those in groups for group in those)
    return {group: 1 << place for place, group in enumerate(distinct)}
