"""Which of many conditions the records of a body may satisfy, by the fields that most ask for.

Records are read as rows (see :mod:`fluent_eql.columns`). For each value of a field the sieve
remembers which conditions it leaves possible, and for fields that have few values, for all of
them together: then a record costs one look. A field turns out to have many while records come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from fluent_eql.columns import Columns, Row, Value, fitting, values_of
from fluent_eql.fields import Projection, Values
from fluent_eql.keys import KeyReader, key_of
from fluent_eql.lang import Condition, nodes
from fluent_eql.lang.compile import condition_of, parts_of
from fluent_eql.lang.resolve import all_of
from fluent_eql.needles import LISTS
from fluent_eql.suspects import Suspects
from fluent_eql.verdicts import ByValue, Joint, numbers_of, top_of

USUAL_SHARE = 20
"""A field that one condition in so many asks for is read of every record."""

VARIED_SHARE = 16
"""A field that has a new value in one record of so many is looked at by itself."""

MISSED_SHARE = 100
"""A field that one record in so many is tested for becomes one that rows have.

To look it up in a record takes as long as to read it in so many; one with several values counts as
so many fields."""

MOST_MORE = 8
"""Such fields that are added at once."""

FAILED_SHARE = 50
"""What a condition asks for that one record in so many does not satisfy is looked for in bytes."""

UNFIT_SHARE = 500
"""Where one record in so many cannot be read as a row, the field that it is for is left out."""

MOST_UNREAD = 16
"""Of such records that are looked at for that."""

ANY_RECORD = Columns((), (), ())
"""Has rows of all entries with a record."""

FIRST_LOOK = 1_000
"""The number of records after which fields are chosen anew for the first time."""

DEAR_JOINT = 8
"""What values cost that are new together, where one new value of one field costs 1."""

DEAR = 1
"""What new values may cost for each record before single events cost less."""

LEAST_DEAR = 4_000
"""Records for which they cost more, one after another, until the sieve rests."""

RESTING = 64_000
"""The records for which it does, before it is tried again."""

LISTED = (*LISTS, "ip", "mac")
"""The last name parts of fields with several values in many records: no keys that rows have."""


class Sieve:
    """Tells of rows which of these conditions they may satisfy, as a sum of bits.

    The bit of each is ``1 << number``, in their order. ``keys`` are the fields of join keys, which
    rows have, too. ``columns`` read the rows; they change while the sieve learns. ``everything``
    are all conditions, ``live`` those that rows are looked at for, which others may set.
    """

    def __init__(self, conditions: Sequence[Condition], keys: Collection[str]) -> None:
        self._conditions = conditions
        self.everything = (1 << len(conditions)) - 1
        self.live = self.everything
        self._asked = Counter(name for condition in conditions for name in condition.fields)
        least = len(conditions) / USUAL_SHARE
        usual = [name for name, count in self._asked.items() if count >= least]
        fit = frozenset(fitting({*usual, *keys}))
        self._names = [name for name in usual if name in fit]
        tops = {top_of(name) for name in usual}
        objects = self._objects() - tops
        self.keys = frozenset(
            name
            for name in fit.intersection(keys)
            if _last_part(name) not in LISTED and top_of(name) not in objects
        )
        self._varied: set[str] = set()
        self._by_value: dict[str, ByValue] = {}
        self._missed = _Missed()
        self._failed: Counter[int] = Counter()
        self._absent: Counter[int] = Counter()
        self._common: set[int] = set()
        self._unfit: set[str] = set()
        self._records = 0
        self._unread: list[bytes] = []
        self._unread_records = 0
        self._next_look = FIRST_LOOK
        self._new_values = self._dear = self._rest = 0
        self._joint = Joint((), (), ())
        self._prepare()
        self._look_for(())

    def of(self, row: Row, conditions: int) -> int:
        """The conditions that the row may satisfy; 0 where none of these is among them."""
        left = self._joint[self._joint_values(row)]
        if not left & conditions:
            return 0
        for value_of, by_value in self._alone:
            left &= by_value[value_of(row)]
        return left if left & conditions else 0

    def sift(
        self, rows: Sequence[Row | None], absent: int, masks: list[int]
    ) -> Iterator[tuple[int, Row | None, int]]:
        """The rows that may satisfy one of the conditions in :attr:`live` when it is their turn.

        The number of each, it, and the conditions that it may satisfy; all of them where there is
        no row. It satisfies none of those in ``absent``. What the fields together say of each row
        is appended to ``masks``.
        """
        possible = ~absent
        joint, joint_values, alone = self._joint, self._joint_values, self._alone
        add = masks.append
        for number, row in enumerate(rows):
            if row is None:
                add(self.everything)
                yield number, None, self.everything
                continue
            left = joint[joint_values(row)]
            add(left)
            left &= possible
            if left & self.live:
                for value_of, by_value in alone:
                    left &= by_value[value_of(row)]
                if left & self.live:
                    yield number, row, left

    def absent_from(self, entries: bytes) -> int:
        """Conditions that no record in these bytes satisfies, of those that most often fail."""
        absent = self._rare.of(entries)
        self._parts += 1
        for number in self._looked_for:
            if absent >> number & 1:
                self._absent[number] += 1
        return absent

    def satisfied(
        self, row: Row, conditions: int, entry: Callable[[], bytes], raw: Callable[[], bytes]
    ) -> int:
        """Those of these conditions, which :meth:`of` gave, that the record of the row satisfies.

        ``entry`` gives bytes that the record is in, ``raw`` the record, where a field is asked for
        that the row does not have. Raises ValueError where that is not one msgpack map.
        """
        for number in numbers_of(conditions & ~self._decided):
            rest = self._rest_of(number)
            if rest is not None:
                condition, others = rest
                fields = _RowFields(row, self._getters, entry, raw, others, self._missed)
                if not condition.matches(fields):
                    conditions ^= 1 << number
                    self._failed[number] += 1
        return conditions

    def _rest_of(self, number: int) -> tuple[Condition, Projection] | None:
        """The part of a condition that the sieve does not decide; None for nothing.

        With it what reads the fields that rows do not have.
        """
        if number not in self._rests:
            expression = self._conditions[number].expression
            parts = [part for part in parts_of(expression) if not self._decides(part)]
            self._rests[number] = None
            if not parts:
                self._decided |= 1 << number
            else:
                rest = condition_of(all_of(parts, expression.position))
                others = Projection(set(rest.fields).difference(self.columns.names))
                self._rests[number] = rest, others
        return self._rests[number]

    def _decides(self, part: nodes.Expression) -> bool:
        names = set(nodes.field_names(part))
        if not names:
            return False
        return names <= self._together or (len(names) == 1 and names <= self._alone_names)

    def keys_of(self, row: Row, reader: KeyReader) -> Sequence[Hashable | None]:
        """What the reader would read of the record of the row."""
        getters = self._key_getters.get(reader)
        if getters is None:
            getters = self._key_getters[reader] = [
                self.columns.getter(names) if all(name in self.keys for name in names) else None
                for names in reader.keys
            ]
        return [None if get is None else key_of(get(row)) for get in getters]

    def rests(self, records: int) -> bool:
        """Whether so many records that come now had better be looked at one by one.

        That is for a while after many have come each of which was unlike all before.
        """
        if self._rest <= 0:
            return False
        self._rest -= records
        return True

    def learn(self, records: int, unread: Sequence[bytes]) -> None:
        """So many more records were seen, of which some entries could not be read as rows."""
        self._weigh(records)
        self._records += records
        odd = [entry for entry in unread if ANY_RECORD.row(entry) is not None]
        self._unread_records += len(odd)
        self._unread += odd[: MOST_UNREAD - len(self._unread)]
        if self._records < self._next_look:
            return
        since = self._records - self._next_look // 2
        self._next_look = 2 * self._records
        before = list(self._names), set(self._varied)
        if self._unread_records * UNFIT_SHARE > since:
            self._unfit.update(name for name in self._names if self._is_unfit(name))
        self._names += self._often_missed(since)
        self._names = [name for name in self._names if name not in self._unfit]
        self._missed.clear()
        self._unread.clear()
        self._unread_records = 0
        for name in self._names:
            by_value = self._by_value.get(name)
            if by_value is None or name in self._varied:
                continue
            if by_value.missed * VARIED_SHARE > self._records:
                by_value.scan_for_tests()
                self._varied.add(name)
        if before != (self._names, self._varied):
            self._prepare()
        often = {number for number, count in self._failed.items() if count * FAILED_SHARE > since}
        self._failed.clear()
        self._common |= {n for n in self._looked_for if 2 * self._absent[n] < self._parts}
        self._look_for((self._looked_for | often) - self._common)

    def _weigh(self, records: int) -> None:
        """Rest where new values have cost too much for long enough."""
        alone = sum(by_value.missed for by_value in self._by_value.values())
        new_values = alone + DEAR_JOINT * self._joint.missed
        is_dear = new_values - self._new_values > DEAR * records
        self._new_values = new_values
        self._dear = self._dear + records if is_dear else 0
        if self._dear >= LEAST_DEAR:
            self._dear, self._rest = 0, RESTING

    def _look_for(self, numbers: Collection[int]) -> None:
        """Look in the bytes of many records for what these conditions ask for besides."""
        rests = [(number, self._rest_of(number)) for number in sorted(numbers)]
        known = [(number, rest[0]) for number, rest in rests if rest is not None]
        self._looked_for = frozenset(number for number, _ in known)
        everything = sum(1 << number for number, _ in known)

        def absent(places: tuple[int, ...]) -> int:
            return everything ^ sum(1 << known[place][0] for place in places)

        self._rare = Suspects([rest for _, rest in known], absent)
        self._absent.clear()
        self._parts = 0

    def _objects(self) -> set[str]:
        return set(fitting({top_of(name) for name in self._asked if "." in name}))

    def _is_unfit(self, name: str) -> bool:
        """Whether it is this field for which records cannot be read as rows."""
        row = Columns([name], (), ()).row
        return any(row(entry) is None for entry in self._unread)

    def _often_missed(self, records: int) -> list[str]:
        """Fields that conditions were tested for in these, but that rows do not have."""
        often = self._missed.often(records)
        known = {*self._names, *self.keys}
        fit = frozenset(fitting({*known, *often}))
        return [
            name
            for name in often
            if name in fit
            and name not in known
            and name not in self._unfit
            and not any(name.startswith(f"{one}.") for one in known)
        ][:MOST_MORE]

    def _prepare(self) -> None:
        for name in self._names:
            if name not in self._by_value:
                self._by_value[name] = ByValue(name, self._conditions)
        tops = {top_of(name) for name in (*self._names, *self.keys)}
        objects = sorted(self._objects() - tops)
        others = [name for name in self._asked if top_of(name) in objects]
        self.columns = Columns(self._names, self.keys, objects, others)
        together = [name for name in self._names if name not in self._varied]
        self._together = frozenset(together)
        self._alone_names = self._varied.intersection(self._names)
        self._rests: dict[int, tuple[Condition, Projection] | None] = {}
        self._decided = 0
        self._alone = [
            (self.columns.value(name), self._by_value[name])
            for name in self._names
            if name in self._varied
        ]
        self._joint_values = self.columns.getter(together, objects)
        fields = [self._by_value[name] for name in together]
        self._joint = Joint(self._conditions, fields, objects, self._joint.missed)
        self._key_getters: dict[KeyReader, list[Any]] = {}
        self._getters = {name: self.columns.value(name) for name in self.columns.names}


class _Missed:
    """Fields that conditions were tested for, but that rows do not have."""

    def __init__(self) -> None:
        self._records: Counter[str] = Counter()
        self._values: Counter[str] = Counter()

    def add(self, name: str, values: Values) -> None:
        """A record's field was asked for and had these values."""
        self._records[name] += 1
        self._values[name] += len(values)

    def often(self, records: int) -> list[str]:
        """The names that were asked for so often, in these records, that rows had better have them.

        To read one costs the more the more values it has.
        """
        return [
            name
            for name, count in self._records.items()
            if count * MISSED_SHARE > records * (1 + self._values[name] / count)
        ]

    def clear(self) -> None:
        """Begin anew."""
        self._records.clear()
        self._values.clear()


class _RowFields(dict[str, Values]):
    """The fields of one record, by a row as far as that has them."""

    __slots__ = ("_row", "_getters", "_entry", "_raw", "_others", "_missed")

    def __init__(
        self,
        row: Row,
        getters: Mapping[str, Callable[[Row], Value]],
        entry: Callable[[], bytes],
        raw: Callable[[], bytes],
        others: Projection,
        missed: _Missed,
    ) -> None:
        super().__init__()
        self._row = row
        self._missed = missed
        self._getters = getters
        self._entry = entry
        self._raw = raw
        self._others = others

    def __missing__(self, name: str) -> Values:
        getter = self._getters.get(name)
        found = self._read(name) if getter is None else values_of(getter(self._row))
        self[name] = found
        return found

    def _read(self, name: str) -> Values:
        entry = self._entry()
        is_there = all(part in entry for part in _parts_of(name))
        found = self._others.fields(self._raw())[name] if is_there else ()
        self._missed.add(name, found)
        return found


@lru_cache(maxsize=1024)
def _parts_of(name: str) -> tuple[bytes, ...]:
    return tuple(part.encode("utf-8", "surrogateescape") for part in name.split("."))


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]
