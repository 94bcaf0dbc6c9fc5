"""What workers and the hub say to each other: msgpack arrays, the first element says which.

Events are named by numbers that their worker gave them. Times are pairs of seconds and
nanoseconds, for one number may be larger than msgpack's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgpack

from fluent_eql.api import KEEP, Drop, Emission, Metric, Note, Outcome, Problem, Replace, Verdict
from fluent_eql.event import Event, encode_value

EVENTS, RECALL, READY, FLUSH, REPORT = "events", "recall", "ready", "flush", "report"
"""What a worker says."""
OUTCOME, FLUSHED, RELOADED = "outcome", "flushed", "reloaded"
"""What the hub says."""
SECOND = 10**9
LONGEST = 2**31 - 1

Plain = Any
"""What msgpack can hold."""


def encode(*parts: Plain) -> bytes:
    """One message."""
    return encode_value(parts)


class Decoder:
    """Messages from bytes, however they are split."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(
            strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=LONGEST
        )

    def messages(self, data: bytes) -> Iterator[list[Any]]:
        """The messages that are whole with these bytes."""
        self._unpacker.feed(data)
        yield from self._unpacker


def plain_event(number: int, event: Event) -> Plain:
    """An event and its number."""
    return [number, event.tag, *divmod(event.time, SECOND), event.raw]


def event_of(plain: Plain) -> tuple[int, Event]:
    """The number of an event, and the event."""
    number, tag, seconds, nanoseconds, raw = plain
    return number, Event(tag, seconds * SECOND + nanoseconds, raw)


def plain_outcome(outcome: Outcome, number_of: Mapping[Event, int]) -> Plain:
    """The parts of an outcome that are about these events, and its emissions."""
    return [
        [[number_of[event], _plain_verdict(v)] for event, v in outcome.decided],
        [_plain_emission(emission, number_of) for emission in outcome.emitted],
        [[number_of[problem.event], problem.reason] for problem in outcome.problems],
        [[number_of[note.event], note.write()] for note in outcome.notes],
    ]


def add_outcome(plain: Plain, event_by: Callable[[int], Event], outcome: Outcome) -> None:
    """Put what an outcome says into another."""
    decided, emitted, problems, notes = plain
    outcome.decided += [(event_by(number), _verdict_of(verdict)) for number, verdict in decided]
    outcome.emitted += [_emission_of(emission, event_by) for emission in emitted]
    outcome.problems += [Problem(event_by(number), reason) for number, reason in problems]
    outcome.notes += [Note(event_by(number), _giving(data)) for number, data in notes]


def plain_metric(metric: Metric) -> Plain:
    return [metric.name, metric.help, metric.kind, metric.value, metric.labels]


def metric_of(plain: Plain) -> Metric:
    name, help, kind, value, labels = plain
    return Metric(name, help, kind, value, tuple((key, text) for key, text in labels))


def _plain_verdict(verdict: Verdict) -> Plain:
    if isinstance(verdict, Replace):
        time = None if verdict.time is None else divmod(verdict.time, SECOND)
        return [list(verdict.records), time]
    return not isinstance(verdict, Drop)


def _verdict_of(plain: Plain) -> Verdict:
    if isinstance(plain, list):
        records, time = plain
        return Replace(tuple(records), None if time is None else time[0] * SECOND + time[1])
    return KEEP if plain else Drop()


def _plain_emission(emission: Emission, number_of: Mapping[Event, int]) -> Plain:
    cause = number_of[emission.cause] if emission.cause is not None else None
    note = emission.note() if emission.note is not None else None
    return [emission.tag, *divmod(emission.time, SECOND), emission.raw, cause, note]


def _emission_of(plain: Plain, event_by: Callable[[int], Event]) -> Emission:
    tag, seconds, nanoseconds, raw, cause, note = plain
    return Emission(
        tag,
        seconds * SECOND + nanoseconds,
        raw,
        None if cause is None else event_by(cause),
        None if note is None else _giving(note),
    )


def _giving(data: bytes) -> Callable[[], bytes]:
    return lambda: data
