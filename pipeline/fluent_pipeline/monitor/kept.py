"""The newest alerts, and how many there were in each minute of the last day: what a page shows."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from secrets import token_hex
from typing import Any

from fluent_eql.api import Evidence, Sighting
from fluent_eql.event_time import iso_8601
from fluent_pipeline.ndjson import to_line

MOST_BYTES = 64 * 1024 * 1024
LARGEST_RECORD = 256 * 1024
"""Bytes of a record above which it is not kept with its alert."""
MINUTE = 60 * 10**9
MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event of an alert: when it happened, its Fluent tag, and its record.

    ``time`` in nanoseconds since the epoch. ``raw`` is None for a record too large to be kept.
    """

    time: int
    tag: str
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as it is kept.

    ``number`` counts the alerts of the process from 1 on. ``line`` is its JSON for a list,
    ``about`` what there is to know of its rule, ``events`` what it rests on.
    """

    number: int
    id: str
    rule_id: str
    severity: str
    host: str
    line: bytes
    about: Mapping[str, Any]
    events: tuple[KeptEvent, ...]

    @property
    def size(self) -> int:
        """The bytes that it takes, roughly."""
        return len(self.line) + sum(len(event.raw or b"") for event in self.events)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are asked for; None for any. ``host`` and ``rule`` are found in any case.

    ``before`` is a number: only alerts with smaller ones.
    """

    rule: str | None = None
    host: str | None = None
    severities: frozenset[str] | None = None
    before: int | None = None

    def fits(self, kept: KeptAlert) -> bool:
        """Whether an alert is one of them. A rule is named by its id, a host by a part of its."""
        return (
            (self.before is None or kept.number < self.before)
            and (self.rule is None or kept.rule_id == self.rule)
            and (self.severities is None or kept.severity in self.severities)
            and (self.host is None or self.host.lower() in kept.host.lower())
        )


class KeptAlerts:
    """At most ``most`` alerts, the newest, and no more than :data:`MOST_BYTES` of them.

    ``clock`` gives nanoseconds since the epoch. ``run`` is a name of this process's numbers.
    """

    def __init__(self, most: int = 1000, clock: Callable[[], int] = time.time_ns) -> None:
        self.run = token_hex(4)
        self.last = 0
        self._most = most
        self._clock = clock
        self._kept: deque[KeptAlert] = deque()
        self._ids: set[str] = set()
        self._bytes = 0
        self._minutes: deque[tuple[int, Counter[str]]] = deque()
        self._readers: list[Callable[[KeptAlert], None]] = []

    def add(self, alert: Mapping[str, Any], evidence: Evidence | None) -> None:
        """Keep an alert; one that is kept already, whose events came twice, is passed over."""
        if str(alert.get("id")) in self._ids:
            return
        now = self._clock()
        self.last += 1
        kept = _kept(self.last, now, alert, evidence)
        self._count(now, kept.severity)
        self._kept.append(kept)
        self._ids.add(kept.id)
        self._bytes += kept.size
        while len(self._kept) > self._most or self._bytes > MOST_BYTES:
            self._forget_oldest()
        for reader in self._readers:
            reader(kept)

    def newest_first(self, wanted: Wanted) -> Iterator[KeptAlert]:
        """The kept alerts that are asked for."""
        return (kept for kept in reversed(self._kept) if wanted.fits(kept))

    def after(self, number: int) -> list[KeptAlert] | None:
        """The alerts after one, the oldest first; None where some of them are not kept any more."""
        count = self.last - number
        if not 0 <= count <= len(self._kept):
            return None
        return list(islice(reversed(self._kept), count))[::-1]

    def find(self, alert_id: str) -> KeptAlert | None:
        """The alert with that id."""
        if alert_id not in self._ids:
            return None
        return next((kept for kept in reversed(self._kept) if kept.id == alert_id), None)

    def per_minute(self) -> tuple[int, list[dict[str, int]]]:
        """The minute that it is, counted from the epoch, and the last day's alerts by severity.

        The list begins with that minute and goes back.
        """
        now = self._clock() // MINUTE
        counts: list[dict[str, int]] = [{} for _ in range(MINUTES)]
        for minute, counter in self._minutes:
            if 0 <= now - minute < MINUTES:
                counts[now - minute] = dict(counter)
        return now, counts

    def tell(self, reader: Callable[[KeptAlert], None]) -> Callable[[], None]:
        """Have each new alert told; the answer is what ends that."""
        self._readers.append(reader)
        return lambda: self._readers.remove(reader)

    def _count(self, now: int, severity: str) -> None:
        minute = now // MINUTE
        if not self._minutes or self._minutes[-1][0] < minute:
            self._minutes.append((minute, Counter()))
            if len(self._minutes) > MINUTES:
                self._minutes.popleft()
        self._minutes[-1][1][severity] += 1

    def _forget_oldest(self) -> None:
        oldest = self._kept.popleft()
        self._ids.discard(oldest.id)
        self._bytes -= oldest.size


def _kept(number: int, now: int, alert: Mapping[str, Any], evidence: Evidence | None) -> KeptAlert:
    rule = alert.get("rule")
    host = evidence.host if evidence else ""
    told = {"number": number, "found": iso_8601(now), "host": host}
    return KeptAlert(
        number,
        str(alert.get("id")),
        str(rule["id"]) if isinstance(rule, Mapping) and "id" in rule else "",
        str(alert.get("severity", "")),
        host,
        _line(told, alert),
        evidence.about if evidence else {},
        tuple(map(_kept_event, evidence.sightings)) if evidence else (),
    )


def _line(told: dict[str, Any], alert: Mapping[str, Any]) -> bytes:
    """An alert as JSON; one that cannot be written so, only by its id."""
    try:
        return to_line({**told, "alert": dict(alert)}).rstrip()
    except (TypeError, ValueError):
        return to_line({**told, "alert": {"id": str(alert.get("id"))}}).rstrip()


def _kept_event(sighting: Sighting) -> KeptEvent:
    time, event = sighting
    return KeptEvent(time, event.tag, event.raw if len(event.raw) <= LARGEST_RECORD else None)
