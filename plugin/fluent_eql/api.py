"""The contract between a pipeline and a filter.

A pipeline calls, in this order, for each frame of log records whose tag matches:

1. :meth:`Filter.screen` with the frame's body, the raw msgpack entries one after another. Its
   answer says which entries the filter needs to see. Most bodies hold none: they go on untouched
   and nothing in them is decoded.
2. :meth:`Filter.process` with those entries as events. The filter may decide an event at once,
   hold it, or say nothing of it, which keeps it as it is.
3. :meth:`Filter.advance` whenever :meth:`Filter.next_deadline` has come. It decides held events.
4. :meth:`Filter.flush` once, when the pipeline stops: everything held is decided.

Time comes in as ``now``, nanoseconds on a clock that never goes back and that every call shares.
A filter does no I/O, reads no clock and starts no thread. It reports trouble with a record in
:attr:`Outcome.problems` and never raises for what a record holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from fluent_eql.event import Event

Body = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Keep:
    """Let the record go on exactly as it came."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Take the record out of the stream."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Put other records in the record's place.

    ``records`` are raw msgpack maps, at least one. ``time`` is their time in nanoseconds since
    the epoch, None to keep the entry's own.
    """

    records: tuple[bytes, ...]
    time: int | None = None


Verdict = Keep | Drop | Replace

KEEP = Keep()
DROP = Drop()


@dataclass(frozen=True, slots=True)
class Emission:
    """A new record, to be sent under its own tag.

    ``raw`` is one msgpack map, ``time`` nanoseconds since the epoch. ``cause`` is the event of
    this outcome that the record belongs to: the event's chunk is acknowledged only when the
    emission has been delivered, too. None where that event left earlier.
    """

    tag: str
    time: int
    raw: bytes
    cause: Event | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that could not be read as the filter expects. It goes on untouched."""

    event: Event
    reason: str


@dataclass(slots=True)
class Outcome:
    """What one call decided.

    ``decided`` may name events of this call and events held by an earlier one. ``held`` are the
    events of this call that a later one decides; an event in neither is kept as it is.
    ``alerts`` are what a detecting filter has to tell people, as plain values; the records carry
    them already. ``warnings`` are about the filter itself, for the log.
    """

    decided: list[tuple[Event, Verdict]] = field(default_factory=list)
    held: list[Event] = field(default_factory=list)
    emitted: list[Emission] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Metric:
    """One sample for a metrics page: Prometheus naming, ``kind`` is ``counter`` or ``gauge``."""

    name: str
    help: str
    kind: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Filter(Protocol):
    """What a pipeline calls. See the module's text for the order of the calls."""

    def screen(self, body: Body) -> Sequence[int] | None:
        """Offsets into ``body``, ascending, at least one inside each entry to be processed.

        None asks for every entry. A screen may ask for too many entries, never for too few.
        """

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        """Take events in the order of their frame."""

    def advance(self, now: int) -> Outcome:
        """Decide what is due at ``now``."""

    def next_deadline(self) -> int | None:
        """When :meth:`advance` has work to do next; None while nothing is held."""

    def flush(self, now: int) -> Outcome:
        """Decide everything that is held, as at the end of the stream."""

    def metrics(self) -> Iterable[Metric]:
        """The filter's counters and gauges, as they stand."""


@runtime_checkable
class Stateful(Protocol):
    """What a filter has, too, whose state is to survive a restart.

    A pipeline calls :meth:`save` after :meth:`Filter.flush`, and :meth:`restore` on a fresh filter
    before anything else.
    """

    def save(self, now: int) -> bytes:
        """The state, in a form of the filter's own."""

    def restore(self, state: bytes, now: int, elapsed: int) -> list[str]:
        """Take up a saved state; ``elapsed`` nanoseconds have passed since it was saved.

        What it says no more, because rules have changed, is left out. The answer is what to tell
        people of that. Raises ValueError where ``state`` is none.
        """


class FilterPlugin(Protocol):
    """What an entry point of the group ``fluent_eql.filters`` names.

    ``Options`` is a frozen dataclass whose fields are made with
    :func:`fluent_eql.options.option`: the configuration section becomes an instance of it.
    """

    Options: type[Any]

    def create(self, options: Any) -> Filter:
        """Make a filter. Raises FluentEqlError where the options name something unusable."""
