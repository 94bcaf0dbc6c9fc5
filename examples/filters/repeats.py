"""A filter that lets a message pass once, and says afterwards how often it was repeated.

The first record with certain values in certain fields passes. Further ones with the same tag and
values are dropped for as long as ``window`` says; then one record tells how many there were. Try
it with::

    - name: repeats
      match: 'app.*'
      fields: [host, message]
      window: 30s

docs/writing-a-filter.md says how a filter becomes known under its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fluent_eql.api import DROP, Body, Emission, Filter, Metric, Outcome, Problem
from fluent_eql.errors import FilterError
from fluent_eql.event import Event, encode_value
from fluent_eql.options import duration, integer, option, text

Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class RepeatsOptions:
    fields: tuple[str, ...] = option(
        "fields",
        text,
        "top-level fields that make two records the same",
        default=("message",),
        many=True,
    )
    window: int = option("window", duration, "how long repetitions are dropped", default=30 * 10**9)
    summary_tag: str = option(
        "summary_tag", text, "the tag of the records that tell the number", default="repeats"
    )
    max_keys: int = option(
        "max_keys", integer(1), "how many messages are remembered at once", default=10_000
    )


@dataclass(slots=True)
class Seen:
    """A message that has passed: its event, when it is forgotten, how many were dropped since."""

    event: Event
    until: int
    dropped: int = 0


class Repeats:
    Options = RepeatsOptions

    def __init__(self, options: RepeatsOptions) -> None:
        self._options = options
        self._needle = re.compile(re.escape(options.fields[0].encode()))
        self._seen: dict[Key, Seen] = {}
        self._dropped = 0

    @classmethod
    def create(cls, options: RepeatsOptions) -> Filter:
        if not options.fields:
            raise FilterError("repeats: fields names no field")
        return cls(options)

    def screen(self, body: Body) -> Sequence[int] | None:
        # A record that has a field contains its name, so no record of interest is missed.
        return [found.start() for found in self._needle.finditer(body)]

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        outcome = self.advance(now)
        for event in events:
            try:
                key = self._key(event)
            except ValueError as error:
                outcome.problems.append(Problem(event, str(error)))
                continue
            if key is not None:
                self._take(key, event, now, outcome)
        return outcome

    def advance(self, now: int) -> Outcome:
        outcome = Outcome()
        while self._seen and self._oldest().until <= now:
            self._forget_oldest(outcome)
        return outcome

    def next_deadline(self) -> int | None:
        return self._oldest().until if self._seen else None

    def flush(self, now: int) -> Outcome:
        outcome = Outcome()
        while self._seen:
            self._forget_oldest(outcome)
        return outcome

    def metrics(self) -> Iterable[Metric]:
        yield Metric(
            name="repeats_dropped_total",
            help="Records dropped as repetitions.",
            kind="counter",
            value=self._dropped,
        )

    def _key(self, event: Event) -> Key | None:
        record = event.record
        values: list[Any] = [record.get(name) for name in self._options.fields]
        return None if None in values else (event.tag, encode_value(values))

    def _take(self, key: Key, event: Event, now: int, outcome: Outcome) -> None:
        seen = self._seen.get(key)
        if seen is not None:
            seen.dropped += 1
            self._dropped += 1
            outcome.decided.append((event, DROP))
            return
        if len(self._seen) == self._options.max_keys:
            self._forget_oldest(outcome)
        self._seen[key] = Seen(event, now + self._options.window)

    def _oldest(self) -> Seen:
        # One window for all keys: the order in which they came is the order in which they go.
        return next(iter(self._seen.values()))

    def _forget_oldest(self, outcome: Outcome) -> None:
        key = next(iter(self._seen))
        seen = self._seen.pop(key)
        if seen.dropped:
            summary = encode_value({**seen.event.record, "repeated": seen.dropped})
            tag = self._options.summary_tag
            outcome.emitted.append(Emission(tag, seen.event.time, summary))
