"""Whole frames kept unread, until one of their records is found to follow something."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from fluent_eql.api import Batch
from fluent_eql.columns import Columns, Row, array_of
from fluent_eql.detection import untyped
from fluent_eql.event import Event
from fluent_eql.followers import Follower
from fluent_eql.held import Held
from fluent_eql.keys import key_of
from fluent_eql.sieve import Sieve
from fluent_eql.value_sets import ValueSets

NO_RECORD = b"\x80"
"""In the place of the record of an entry that is none: an empty map."""


CHUNK = 32
"""Records that are read at once: their rows stay in a processor's cache."""


class Chunk(NamedTuple):
    """Some records of a frame: the number of the first, their entries as a msgpack array, and rows.

    There is None in place of a row for a record that cannot be read so.
    """

    first: int
    entries: bytes
    rows: list[Row | None]


class Wanted(NamedTuple):
    """Records that may follow: with this join key, the values of the fields ``names``.

    Of these ``rarest`` is the one, ``value`` its value, that the fewest records share. ``rule`` is
    the bit of the rule for which they follow, ``conditions`` are those that they may satisfy, as a
    sum of bits, see :class:`fluent_eql.sieve.Sieve`.
    """

    names: Sequence[str]
    key: Hashable
    rarest: str
    value: Any
    rule: int
    conditions: int

    @classmethod
    def of(cls, names: Sequence[str], key: Hashable, rule: int, conditions: int) -> Wanted:
        """Records with this key."""
        place = max(range(len(names)), key=lambda place: _variety(names[place]))
        return cls(names, key, names[place], untyped(key)[place], rule, conditions)


class FiledBatch:
    """The records of a frame that came at ``arrived``, and what is known of them.

    ``first`` is the number of its first record among all that came, ``seen`` how many of its
    records have been looked at. ``is_open`` says that the frame is held; so are those of its
    records that may turn out to complete something, of which ``on_held`` is told. ``masks`` are the
    conditions that the records may satisfy as far as the sieve has looked, sums of bits. ``unread``
    are the numbers of records that were rows once, and are none since the sieve reads others.
    """

    def __init__(
        self,
        batch: Batch,
        arrived: int,
        first: int,
        sieve: Sieve,
        on_held: Callable[[Held], None],
    ) -> None:
        self.batch = batch
        self.arrived = arrived
        self.first = first
        self.seen = 0
        self.is_open = False
        self.masks: list[int] = []
        self._on_held = on_held
        self._sieve = sieve
        self._first_chunk: tuple[Columns, Chunk] | None = None
        self._values: dict[str, list[Any]] = {}
        self.unread: frozenset[int] = frozenset()
        self._holds: list[Held] = []
        self._followers: dict[int, Follower] = {}
        self._taken: dict[int, int] = {}
        self._alone: set[int] = set()
        self._settled: set[int] = set()

    def __len__(self) -> int:
        return len(self.batch.ends)

    def chunks(self) -> Iterator[Chunk]:
        """The records in parts that stay in the processor's cache while they are looked at."""
        columns = self._sieve.columns
        ends = self.batch.ends
        for first in range(0, len(ends), CHUNK):
            kept = self._first_chunk if first == 0 else None
            if kept is None or kept[0] is not columns:
                part, start = ends[first : first + CHUNK], self._start(first)
                entries = array_of(self.batch.body, part, start)
                kept = columns, Chunk(first, entries, columns.rows(entries, part, start))
                if first == 0:
                    self._first_chunk = kept
            yield kept[1]

    def entry(self, number: int) -> bytes:
        """The bytes of an entry."""
        return bytes(self.batch.body[self._start(number) : self._start(number + 1)])

    def _start(self, number: int) -> int:
        return self.batch.ends[number - 1] if number else 0

    def raw(self, number: int) -> bytes:
        """A record's bytes; those of an empty one where the entry is none."""
        event = self.batch.event(number)
        return NO_RECORD if event is None else event.raw

    def take_alone(self, number: int) -> Event | None:
        """A record that is filed by itself from now on; None where the entry is none."""
        self._alone.add(number)
        return self.batch.event(number)

    def take(self, number: int, rules: int) -> None:
        """A record has been given to these rules, a sum of bits: it does not follow for them."""
        follower = self._followers.get(number)
        if follower is not None:
            follower.taken |= rules
        else:
            self._taken[number] = self._taken.get(number, 0) | rules

    def settle(self, number: int) -> None:
        """What becomes of a record has been decided."""
        self._settled.add(number)

    def follower(self, number: int) -> Follower | None:
        """A record by itself; None where the entry is none. It is held as long as its frame."""
        known = self._followers.get(number)
        if known is not None:
            return known
        event = self.batch.event(number)
        if event is None:
            return None
        held = Held(event, open=False)
        if self.is_open and number not in self._settled:
            held = Held(event, waiting=1)
            self._holds.append(held)
            self._on_held(held)
        made = Follower(event, self.arrived, self.first + number, 0, 0, held)
        made.taken = self._taken.pop(number, 0)
        self._followers[number] = made
        return made

    def following(self, wanted: Wanted) -> Iterator[Follower]:
        """The records that may follow for a rule: those that it has not taken.

        Only of those that have been looked at.
        """
        for number in self._having(wanted):
            if number in self._alone or self._taken.get(number, 0) & wanted.rule:
                continue
            follower = self.follower(number)
            if follower is not None and not follower.taken & wanted.rule:
                yield follower

    def release(self) -> list[Held]:
        """The frame has waited for long enough: those of its records that are held."""
        self.is_open = False
        holds, self._holds = self._holds, []
        return holds

    def note(self, name: str, chunk: Chunk) -> None:
        """Remember a field's values in a part of the records, those before being known."""
        known = self._values.setdefault(name, [])
        if len(known) == chunk.first:
            known += self._sieve.columns.values(chunk.rows, name)

    def end(self) -> None:
        """All of its records have been looked at."""
        self.seen = len(self)
        self._first_chunk = None

    def go_on_with(self, sieve: Sieve, rules: int) -> None:
        """Other rules run: of these, a sum of bits, is still known which have read a record."""
        self._sieve = sieve
        self._values.clear()
        self.masks = [-1] * len(self)
        self.unread = frozenset()
        for follower in self._followers.values():
            follower.taken &= rules
        self._taken = {number: taken & rules for number, taken in self._taken.items()}

    def values_of(self, name: str) -> list[Any]:
        """A field's values in the records, in their order; None as well where there is no row."""
        known = self._values.get(name)
        if known is None:
            known = []
            columns = self._sieve.columns
            for first, _, rows in self.chunks():
                known += columns.values(rows, name)
                if None in rows:
                    unread = {first + place for place, row in enumerate(rows) if row is None}
                    self.unread |= unread - self._alone
            self._values[name] = known
            self._first_chunk = None
        return known

    def _having(self, wanted: Wanted) -> Iterator[int]:
        values = self.values_of(wanted.rarest)
        yield from sorted(number for number in self.unread if number < self.seen)
        columns, conditions, value = self._sieve.columns, wanted.conditions, wanted.value
        values_of = columns.getter(wanted.names)
        for number in _places_of(value, values):
            if number >= self.seen:
                return
            if not self.masks[number] & conditions:
                continue
            row = columns.row(self.entry(number))
            if row is None or (
                key_of(values_of(row)) == wanted.key and self._sieve.of(row, conditions)
            ):
                yield number


class FiledBatches:
    """The frames filed, the latest ones: those with ``most`` records together.

    Those that came no more than ``window`` ago are kept in any case; with None all, until the end.
    """

    def __init__(self, most: int, window: int | None) -> None:
        self._most = most
        self._window = window
        self._kept: deque[FiledBatch] = deque()
        self._waiting: deque[FiledBatch] = deque()
        self._values: dict[str, ValueSets] = {}
        """Of fields that were asked for, those in each of the frames kept."""
        self._odd: list[FiledBatch] = []
        """Frames with unread records."""
        self._records = 0
        self.current: FiledBatch | None = None
        """The frame whose records are being looked at."""

    def note(self, chunk: Chunk) -> None:
        """Remember values of a part of the current frame's records."""
        if self.current is not None:
            for name in self._values:
                self.current.note(name, chunk)

    def add(self, filed: FiledBatch) -> None:
        """Keep a frame whose records have been looked at."""
        self.current = None
        self._kept.append(filed)
        for name, values in self._values.items():
            values.append(filed.values_of(name))
        if filed.is_open:
            self._waiting.append(filed)
        self._records += len(filed)
        if self._window is None:
            return
        while self._records > self._most and self._kept[0].arrived < filed.arrived - self._window:
            dropped = self._kept.popleft()
            self._records -= len(dropped)
            if dropped in self._odd:
                self._odd.remove(dropped)
            for values in self._values.values():
                values.popleft()

    def following(self, wanted: Wanted, since: int) -> Iterator[Follower]:
        """The records that may follow, of the frames that came at that time or later."""
        values = self._values.get(wanted.rarest)
        if values is None:
            values = ValueSets(filed.values_of(wanted.rarest) for filed in self._kept)
            self._values[wanted.rarest] = values
            self._odd = [filed for filed in self._kept if filed.unread]
        having = [self._kept[place] for place in values.places(wanted.value)]
        current = [] if self.current is None else [self.current]
        for filed in dict.fromkeys((*having, *self._odd, *current)):
            if filed.arrived >= since:
                yield from filed.following(wanted)

    def next_deadline(self) -> int | None:
        """When the next one has waited for long enough; None if none waits, or all for the end."""
        if self._window is None or not self._waiting:
            return None
        return self._waiting[0].arrived + self._window

    def due(self, now: int) -> Iterator[FiledBatch]:
        """Take out those that have waited for long enough."""
        if self._window is None:
            return
        while self._waiting and self._waiting[0].arrived + self._window <= now:
            yield self._waiting.popleft()

    def all(self) -> Iterator[FiledBatch]:
        """Take out all that wait."""
        while self._waiting:
            yield self._waiting.popleft()

    def go_on_with(self, sieve: Sieve | None, rules: int) -> None:
        """Other rules run: see :meth:`FiledBatch.go_on_with`."""
        self._values.clear()
        self._odd.clear()
        for filed in self._kept:
            if sieve is not None:
                filed.go_on_with(sieve, rules)


def _places_of(value: Any, values: list[Any]) -> Iterator[int]:
    place = -1
    with suppress(ValueError):
        while True:
            place = values.index(value, place + 1)
            yield place


def _variety(name: str) -> tuple[bool, bool]:
    """Greater for fields of which few records share a value."""
    return name.endswith("entity_id"), not name.startswith("host.")
