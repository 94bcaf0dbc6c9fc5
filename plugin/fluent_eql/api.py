"""The contract between a pipeline and a filter.

A pipeline calls, in this order, for each frame of log records whose tag matches:

1. :meth:`Filter.screen` with the frame's body, the raw msgpack entries one after another. Its
   answer says which entries the filter needs to see. Most bodies hold none: they go on untouched
   and nothing in them is decoded.
2. :meth:`Filter.process` with those entries as events. The filter may decide an event at once,
   hold it, or say nothing of it, which keeps it as it is. A filter that takes :class:`WholeFrames`
   is given the frame instead, where its screen asked for every entry.
3. :meth:`Filter.advance` whenever :meth:`Filter.next_deadline` has come. It decides held events.
4. :meth:`Filter.flush` once, when the pipeline stops: everything held is decided.

Time comes in as ``now``, nanoseconds on a clock that never goes back and that every call shares.
A filter does no I/O, reads no clock and starts no thread. It reports trouble with a record in
:attr:`Outcome.problems` and never raises for what a record holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

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
    emission has been delivered, too. None where that event left earlier. ``note`` is to be kept
    once the emission has been delivered, see :class:`Stateful`.
    """

    tag: str
    time: int
    raw: bytes
    cause: Event | None = None
    note: Callable[[], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a filter has to know again of an event after a restart, see :class:`Stateful`.

    ``event`` is one that this call was given or that it decided. ``write`` makes the note, in a
    form of the filter's own; it is called at once, or never where nothing is kept.
    """

    event: Event
    write: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that could not be read as the filter expects. It goes on untouched."""

    event: Event
    reason: str


class Sighting(NamedTuple):
    """An event that an alert rests on, and when it happened, in nanoseconds since the epoch."""

    time: int
    event: Event


@dataclass(frozen=True, slots=True)
class Evidence:
    """What people may want to know beside an alert; none of it goes into a record.

    ``sightings`` are the alert's events in its order, ``host`` names where the last one happened
    ("" for unknown), ``about`` is what there is to know of the rule, as plain values.
    """

    sightings: tuple[Sighting, ...]
    host: str
    about: Mapping[str, Any]


@dataclass(slots=True)
class Outcome:
    """What one call decided.

    ``decided`` may name events of this call and events held by an earlier one. ``held`` are the
    events of this call that a later one decides; an event in neither is kept as it is.
    ``held_batches`` are frames none of whose records leaves until a later call has them among its
    ``released_batches``.
    ``alerts`` are what a detecting filter has to tell people, as plain values; the records carry
    already; ``evidence``, by the alerts' ids, is what some of them rest on. ``warnings`` are about
    the filter itself, for the log. ``notes`` are what a :class:`Stateful` filter has to know again.
    """

    decided: list[tuple[Event, Verdict]] = field(default_factory=list)
    held: list[Event] = field(default_factory=list)
    emitted: list[Emission] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    held_batches: list[Batch] = field(default_factory=list)
    released_batches: list[Batch] = field(default_factory=list)


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


class Batch(Protocol):
    """All entries of a frame.

    ``body`` are the raw entries one after another, ``ends`` where in it each ends. Batches compare
    by identity. A filter may keep one for as long as it likes.
    """

    @property
    def tag(self) -> str:
        """The frame's tag."""

    @property
    def body(self) -> Body:
        """The raw entries."""

    @property
    def ends(self) -> Sequence[int]:
        """Ascending offsets into ``body``, the last one its length."""

    def event(self, number: int) -> Event | None:
        """The entry of that number, from 0 on; None where it is no log record.

        Always the same event. As long as the batch is held, it may be held and decided as well.
        """


@runtime_checkable
class WholeFrames(Protocol):
    """What a filter has, too, that would rather take a frame as a whole than each of its entries.

    A pipeline calls it in the place of :meth:`Filter.process` where :meth:`Filter.screen` asked for
    every entry.
    """

    def process_batch(self, batch: Batch, now: int) -> Outcome:
        """Take the entries of a frame. An event of it that is to be decided later is held."""


@runtime_checkable
class Stateful(Protocol):
    """What a filter has, too, whose state is to survive a restart, by whatever ended the process.

    The state is what the events of :attr:`Outcome.notes` have made of it. A pipeline keeps a note
    when everything made of the event's frame has been delivered and before it acknowledges the
    frame: what is not noted comes again from its sender.
    """

    @property
    def memory(self) -> int:
        """For how long a note is of use, in nanoseconds; 0 where the filter writes none."""

    def recall(self, notes: Iterable[tuple[int, bytes]], now: int) -> list[str]:
        """Know noted events again, before anything else is called, and write notes from now on.

        Each note comes with its age in nanoseconds, the oldest first. What cannot be used, because
        rules have changed or the note is none, is left out; the answer tells people of that. What
        the notes leave to be decided is due at the next :meth:`Filter.advance`.
        """


@runtime_checkable
class Reloadable(Protocol):
    """What a filter has, too, that can be changed while it runs.

    A pipeline makes another filter of the changed options, asks whether there is an
    :meth:`objection` and, where there is none, has the filter go on as that one.
    """

    def objection(self, successor: Any) -> str | None:
        """Why it cannot go on as ``successor``, a filter of the same type; None where it can."""

    def go_on_as(self, successor: Any, now: int) -> Outcome:
        """Do from now on what ``successor`` would do, which is never used again.

        The filter keeps of its state what is still of use.
        """


@runtime_checkable
class Noticing(Protocol):
    """What a filter has, too, that has to tell people something once it has been made."""

    @property
    def notices(self) -> Sequence[str]:
        """Texts for the log."""


class Insight(Protocol):
    """Looks into a filter, for people."""

    def rules(self) -> Iterable[Mapping[str, Any]]:
        """Each rule: its ``id``, ``name`` and ``severity``, and what else there is to know."""

    def screening(self, rule_id: str) -> Sequence[Sequence[Mapping[str, Any]] | None]:
        """What a rule's records must hold, for each of its conditions; None for nothing."""

    def candidates(self, rule_id: str | None, value: str | None) -> Iterator[Mapping[str, Any]]:
        """What the filter remembers, entity by entity: ``rule``, ``by``, ``events``, ``renewed``.

        Only that of one rule, and of entities named by one value, where these are not None.
        """


@runtime_checkable
class Inspectable(Protocol):
    """What a filter has, too, that people may look into while it runs."""

    @property
    def inspection(self) -> Insight:
        """A look at it as it is now."""


class FilterPlugin(Protocol):
    """What an entry point of the group ``fluent_eql.filters`` names.

    ``Options`` is a frozen dataclass whose fields are made with
    :func:`fluent_eql.options.option`: the configuration section becomes an instance of it.
    """

    Options: type[Any]

    def create(self, options: Any) -> Filter:
        """Make a filter. Raises FluentEqlError where the options name something unusable."""
