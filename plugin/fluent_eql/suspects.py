"""Which of many conditions a record may satisfy, by the bytes that are in it.

A record is scanned once. Each condition has groups of needles, and a record that satisfies it has a
needle of each: the rarest group says which conditions to look at, the others rule most of them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fluent_eql.lang import Condition
from fluent_eql.needle_patterns import database_of, loose_patterns, scannable
from fluent_eql.needles import Needle, Needles, groups_of, rarity


class Suspects:
    """Scans single records for the needles of conditions. Each group of needles is a bit."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        groups = [groups_of(condition.expression) for condition in conditions]
        bits = _bits_of(groups)
        self._needed = [sum(bits[group] for group in those) for those in groups]
        self._unscreened = [number for number, those in enumerate(groups) if not those]
        by_rarest: dict[Needles, list[int]] = {}
        for number, those in enumerate(groups):
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

    def of(self, record: bytes) -> set[int]:
        """The conditions, by their numbers, that a record may satisfy; it satisfies no others."""
        if self._database is None:
            return set(self._unscreened)
        found: list[tuple[int, list[int]]] = []
        finds = self._finds

        def on_find(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append(finds[number])

        self._database.scan(scannable(record), match_event_handler=on_find)
        held = 0
        candidates = list(self._unscreened)
        for bits, numbers in found:
            held |= bits
            candidates += numbers
        needed, lacking = self._needed, ~held
        return {number for number in candidates if not needed[number] & lacking}


def _bits_of(groups: Iterable[Iterable[Needles]]) -> dict[Needles, int]:
    distinct = dict.fromkeys(group for those in groups for group in those)
    return {group: 1 << place for place, group in enumerate(distinct)}
