"""Which conditions records may satisfy, by the fields of them that are read as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql import sieve as sieve_module
from fluent_eql.columns import Row, array_of
from fluent_eql.detection import join_values, typed_key
from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields
from fluent_eql.keys import KeyReader
from fluent_eql.lang import Condition, JoinKey
from fluent_eql.sieve import Sieve
from fluent_eql.verdicts import ByValue
from support.random_conditions import CATEGORIES, CONDITIONS, WRITERS, condition
from support.rows import body_of, nested, rowed_records
from support.wire import Writer

KEYS = ("k", "a.c", "process.name", "labels.other", "host.id")
TEXTS = st.lists(
    st.tuples(
        CONDITIONS | st.sampled_from(["true", "false"]),
        st.sampled_from(["any", "any", *CATEGORIES]),
    ),
    min_size=1,
    max_size=6,
)
SETTINGS: dict[str, dict[str, float]] = {
    "as it is": {},
    "fields that few ask for are not read at first": {"USUAL_SHARE": 2},
    "no field is read at first": {"USUAL_SHARE": 0.1},
    "every field is varied": {"USUAL_SHARE": 2, "VARIED_SHARE": 1_000},
    "every field is soon unfit": {"MOST_UNREAD": 1, "VARIED_SHARE": 4},
}
"""Numbers of the sieve that are others, besides that it learns soon."""


class Seen:
    """Some records as a sieve sees them: rows, bytes, and which conditions they do satisfy."""

    def __init__(self, sieve: Sieve, conditions: Sequence[Condition], raws: Sequence[bytes]):
        self.sieve = sieve
        self.raws = raws
        self.body, self.ends = body_of(raws)
        self.rows = sieve.columns.rows(array_of(self.body, self.ends), self.ends)
        self.satisfied = []
        for raw in raws:
            fields = Fields(decode_record(raw))
            found = (1 << number for number, one in enumerate(conditions) if one.matches(fields))
            self.satisfied.append(sum(found))

    @property
    def unread(self) -> list[bytes]:
        """The entries that are no rows."""
        begins = (0, *self.ends)
        return [
            self.body[begins[n] : begins[n + 1]] for n, row in enumerate(self.rows) if row is None
        ]

    def decided(self, number: int, conditions: int) -> int:
        """Those of the conditions that the sieve says the record satisfies."""
        row, sieve = self.rows[number], self.sieve
        return sieve.satisfied(
            row, sieve.of(row, conditions), lambda: self.body, lambda: self.raws[number]
        )

    def sifted(self, absent: int) -> tuple[dict[int, tuple[Row | None, int]], list[int]]:
        """What the sieve gives of each of the records that it gives, and the masks of all."""
        masks: list[int] = []
        found = self.sieve.sift(self.rows, absent, masks)
        return {number: (row, left) for number, row, left in found}, masks

    def learn(self) -> None:
        """The sieve is told of the records."""
        self.sieve.learn(len(self.raws), self.unread)


@pytest.fixture(autouse=True, scope="module")
def _learns_soon() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve_module, "FIRST_LOOK", 3)
        yield


BODIES = st.lists(st.lists(rowed_records(), min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.mark.parametrize("numbers", SETTINGS.values(), ids=SETTINGS)
@settings(max_examples=30)
@given(TEXTS, st.sets(st.sampled_from(KEYS)), BODIES, WRITERS, st.data())
def test_no_condition_is_lost_that_a_record_satisfies_whatever_the_sieve_has_learned(
    numbers: dict[str, float],
    texts: list[tuple[str, str]],
    keys: set[str],
    bodies: list[list[dict[str, Any]]],
    writer: Writer,
    data: st.DataObject,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in numbers.items():
            patch.setattr(sieve_module, name, value)
        assert_none_is_lost(texts, keys, bodies, writer, data)


def assert_none_is_lost(
    texts: list[tuple[str, str]],
    keys: set[str],
    bodies: list[list[dict[str, Any]]],
    writer: Writer,
    data: st.DataObject,
) -> None:
    conditions = [condition(text, category) for text, category in texts]
    sieve = Sieve(conditions, keys)
    some = st.integers(0, sieve.everything)
    for drawn in bodies:
        seen = Seen(sieve, conditions, [writer.encode(record) for record in drawn])
        sieve.live = data.draw(some)
        absent = sieve.absent_from(seen.body)
        given_rows, masks = seen.sifted(absent)
        assert len(masks) == len(drawn)
        for number, (row, satisfied) in enumerate(zip(seen.rows, seen.satisfied, strict=True)):
            assert not absent & satisfied
            assert not satisfied & ~masks[number]
            left = given_rows.get(number, (row, 0))
            if row is None:
                assert left == (None, sieve.everything)
                continue
            assert left[0] is row
            if number in given_rows:
                assert left[1] & sieve.live
                assert not satisfied & ~left[1]
                assert not left[1] & absent
            else:
                assert not satisfied & sieve.live
            asked = data.draw(some)
            assert not satisfied & asked & ~sieve.of(row, asked)
            assert seen.decided(number, asked) & asked == satisfied & asked
        seen.learn()


KEY_NAMES = ("k", "a.c", "process.name", "process.args", "host.ip")
KEY_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["x", "5", 5, -1, 2**63, None, 5.0, True, ["x"], ["x", "y"], [], {}]
)


@st.composite
def records_with_keys(draw: st.DrawFn) -> dict[str, Any]:
    """Records that mostly have the key fields, and mostly plain."""
    record: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(KEY_NAMES), unique=True)):
        top, _, last = name.partition(".")
        value = draw(st.sampled_from(["x", "y", 5]) | KEY_VALUES)
        if last and draw(st.integers(0, 9)):
            record.setdefault(top, {})[last] = value
        else:
            record[name] = value
    return record


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(st.sampled_from(KEY_NAMES), min_size=1, max_size=3).map(tuple),
        min_size=1,
        max_size=3,
    ),
    st.lists(records_with_keys(), min_size=1, max_size=4),
    st.integers(0, 99).map(Random),
)
def test_the_keys_of_a_row_are_those_that_a_reader_reads_of_the_record(
    names: list[tuple[str, ...]], records: list[dict[str, Any]], random: Random
) -> None:
    sieve = Sieve([condition('k == "x"'), condition('process.name : "x*"')], KEY_NAMES)
    reader = KeyReader(names)
    for raw in map(Writer(random).encode, records):
        [row] = Seen(sieve, [], [raw]).rows
        if row is None:
            continue
        found, told = sieve.keys_of(row, reader), reader.keys_of(raw)
        for key, other, those in zip(found, told, names, strict=True):
            if not sieve.keys.issuperset(those):
                assert key is None
                continue
            assert other in (key, None)
            if key is not None:
                by = [JoinKey(name, optional=False) for name in those]
                joined = join_values(Fields(decode_record(raw)), by)
                assert [typed_key(values) for values in joined] == ([key] if key else [])


def test_fields_that_mostly_have_several_values_are_no_keys_of_rows() -> None:
    assert Sieve([condition("k == 1")], KEY_NAMES).keys == {"k", "a.c", "process.name"}


def test_a_key_in_an_object_that_is_only_looked_for_is_no_key_of_rows() -> None:
    conditions = [condition(f"x == {number}") for number in range(40)]
    sieve = Sieve([*conditions, condition("process.pid == 1")], ["process.name", "host.id"])
    assert sieve.keys == {"host.id"}
    assert sieve.columns.names == {"x", "host.id"}


def raws_of(records: Iterable[dict[str, Any]]) -> list[bytes]:
    return [encode_value(record) for record in records]


COMMON = [condition(f'kind == "kind {number}" and size == {number}') for number in range(40)]
"""Conditions that ask for two fields, as next to all do."""


def with_rare(*texts: str) -> tuple[Sieve, list[Condition]]:
    """A sieve of many conditions, of which only these ask for something else."""
    conditions = [*map(condition, texts), *COMMON]
    return Sieve(conditions, ()), conditions


def test_fields_that_one_condition_in_many_asks_for_are_not_read() -> None:
    assert with_rare("rare == 1")[0].columns.names == {"kind", "size"}


def test_the_bits_are_in_the_order_of_the_conditions() -> None:
    sieve, conditions = with_rare('kind == "kind 7"')
    seen = Seen(sieve, conditions, raws_of([{"kind": "kind 7", "size": 7}, {"kind": "x"}]))
    assert sieve.everything == (1 << 41) - 1
    assert [sieve.of(row, sieve.everything) for row in seen.rows] == [1 | 1 << 8, 0]
    assert [sieve.of(row, 2) for row in seen.rows] == [0, 0]


def test_rows_are_given_for_the_conditions_that_are_live_when_it_is_their_turn() -> None:
    sieve, conditions = with_rare('kind == "x"')
    records: list[dict[str, Any]] = [{"kind": "x"}, {"kind": "kind 3", "size": 3}, {"kind": True}]
    seen = Seen(sieve, conditions, raws_of([*records, records[1], records[0]]))
    sieve.live = 1
    masks: list[int] = []
    found: list[tuple[int, int]] = []
    for number, _, left in sieve.sift(seen.rows, 0, masks):
        found.append((number, left))
        if number == 2:
            sieve.live = 1 << 4
    assert found == [(0, 1), (2, sieve.everything), (3, 1 << 4)]
    assert masks == [1, 1 << 4, sieve.everything, 1 << 4, 1]


def test_what_is_absent_is_not_given() -> None:
    sieve, conditions = with_rare('kind == "x"')
    seen = Seen(sieve, conditions, raws_of([{"kind": "x"}]))
    assert seen.sifted(1) == ({}, [1])


def read_for(sieve: Sieve, row: Row, conditions: int, raw: bytes) -> tuple[int, list[str]]:
    """The conditions that are satisfied, and what bytes of the record were asked for to tell."""
    asked: list[str] = []

    def entry() -> bytes:
        asked.append("entry")
        return body_of([raw])[0]

    def record() -> bytes:
        asked.append("record")
        return raw

    return sieve.satisfied(row, conditions, entry, record), asked


def test_a_record_is_read_only_for_fields_that_its_row_lacks_and_its_bytes_may_have() -> None:
    sieve, conditions = with_rare('kind == "x" and o.rare == 1', 'kind == "x"')
    for record, expected in (
        ({"kind": "x", "o": {"rare": 1}}, (0b11, ["entry", "record"])),
        ({"kind": "x", "o": {"rare": 2}}, (0b10, ["entry", "record"])),
        ({"kind": "x", "o": {"other": 1}}, (0b10, ["entry"])),
    ):
        [raw] = raws_of([record])
        [row] = Seen(sieve, conditions, [raw]).rows
        assert read_for(sieve, row, sieve.of(row, 0b11), raw) == expected
        assert read_for(sieve, row, 0b10, raw) == (0b10, [])


def test_a_record_without_an_object_satisfies_nothing_that_is_asked_of_its_fields() -> None:
    sieve, conditions = with_rare('kind == "x" and o.rare == 1', "kind == o.rare")
    seen = Seen(sieve, conditions, raws_of([{"kind": "x"}, {"kind": "x", "o": {}}]))
    assert [sieve.of(row, sieve.everything) for row in seen.rows] == [0, 0b11]


def test_what_is_no_map_is_refused_where_it_has_to_be_read() -> None:
    sieve, conditions = with_rare('kind == "x" and rare == 1')
    raw = b"\x82\xa4kind\xa1x\xa4rare\x81\x80\x01"
    row = sieve.columns.row(body_of([raw])[0])
    assert row is not None
    with pytest.raises(ValueError, match="map"):
        read_for(sieve, row, sieve.of(row, 1), raw)


def teach(sieve: Sieve, conditions: list[Condition], records: Iterable[dict[str, Any]]) -> None:
    """Let the sieve see records as a filter does, and what it says of each is right."""
    for raw in raws_of(records):
        seen = Seen(sieve, conditions, [raw])
        absent = sieve.absent_from(seen.body)
        given_rows, _ = seen.sifted(absent)
        for row, left in given_rows.values():
            if row is not None:
                found, _ = read_for(sieve, row, left, raw)
                assert found == seen.satisfied[0]
        seen.learn()


def test_a_field_that_many_records_are_tested_for_is_read_from_then_on() -> None:
    sieve, conditions = with_rare('kind == "x" and rare.name == "y"', "kind == 5 and other == 1")
    before = sieve.columns
    teach(sieve, conditions, [{"kind": "x", "rare": {"name": "z"}}] * 6)
    assert sieve.columns is not before
    assert sieve.columns.names == {"kind", "size", "rare.name"}
    [raw] = raws_of([{"kind": "x", "rare": {"name": "y"}}])
    [row] = Seen(sieve, conditions, [raw]).rows
    assert read_for(sieve, row, sieve.of(row, 1), raw) == (1, [])


@pytest.mark.parametrize("name", ["kind.of", 'a"b'])
def test_a_field_that_does_not_fit_beside_others_is_not_read_however_often_asked_for(
    name: str,
) -> None:
    sieve, conditions = with_rare(f'kind == "x" and `{name}` == "y"')
    teach(sieve, conditions, [nested({"kind": "x", name: "y"}), {"kind": "x", "size": name}] * 6)
    assert sieve.columns.names == {"kind", "size"}


@pytest.mark.parametrize(("values", "is_read"), [(0, True), (30, True), (3_000, False)])
def test_a_field_with_many_values_has_to_be_asked_for_more_often_to_be_read(
    values: int, is_read: bool
) -> None:
    sieve, conditions = with_rare('kind == "x" and process.args == "y"')
    args = [str(number) for number in range(values)]
    teach(sieve, conditions, [nested({"kind": "x", "process.args": args}), {"kind": 5}] * 3)
    assert ("process.args" in sieve.columns.names) is is_read


def test_no_more_than_some_fields_are_added_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve_module, "MOST_MORE", 2)
    sieve, conditions = with_rare(*(f'kind == "x" and rare{n} != 1' for n in range(5)))
    record = {"kind": "x", **{f"rare{n}": 2 for n in range(5)}}
    grown: list[int] = []
    for _ in range(4):
        teach(sieve, conditions, [record] * 6)
        grown.append(len(sieve.columns.names) - 2)
    assert 0 < grown[0] <= 4
    assert grown == sorted(grown)


def test_a_field_with_many_values_is_looked_at_apart_from_those_with_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sieve_module, "FIRST_LOOK", 50)
    scanned: list[str] = []
    monkeypatch.setattr(ByValue, "scan_for_tests", lambda field: scanned.append(field.name))
    sieve, conditions = with_rare('kind == "x" and size == 1000')
    seen = Seen(sieve, conditions, raws_of([{"kind": "x", "size": 999}]))
    assert seen.sifted(0) == ({}, [0])
    teach(sieve, conditions, ({"kind": "x", "size": number} for number in range(100)))
    seen = Seen(sieve, conditions, raws_of([{"kind": "x", "size": 999}]))
    assert seen.sifted(0) == ({}, [1])
    seen = Seen(sieve, conditions, raws_of([{"kind": "x", "size": 1000}]))
    assert seen.sifted(0) == ({0: (seen.rows[0], 1)}, [1])
    assert scanned == ["size"]


def test_what_two_fields_with_many_values_say_together_is_tested_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sieve_module, "FIRST_LOOK", 50)
    sieve, conditions = with_rare("kind != size and length(kind) == 2")
    records = [{"kind": f"k{number}", "size": f"s{number}"} for number in range(99)]
    teach(sieve, conditions, records)
    alike = [{"kind": "ab", "size": "ab"}, {"kind": "ab", "size": "cd"}]
    seen = Seen(sieve, conditions, raws_of(alike))
    assert [sieve.of(row, 1) for row in seen.rows] == [1, 1]
    assert [seen.decided(number, 1) for number in range(2)] == [0, 1]


def test_a_field_that_records_mostly_have_otherwise_is_left_out() -> None:
    sieve, conditions = with_rare('kind == "x"')
    records = [{"kind": "x", "size": 1.5}, {"kind": "y", "size": True}]
    assert Seen(sieve, conditions, raws_of(records)).rows == [None, None]
    teach(sieve, conditions, records * 3)
    assert sieve.columns.names == {"kind"}
    seen = Seen(sieve, conditions, raws_of([*records, {"kind": "kind 1", "size": 1.0}]))
    assert None not in seen.rows
    assert [seen.decided(n, sieve.everything) for n in range(3)] == [1, 0, 1 << 2]


def test_a_field_that_was_left_out_is_not_added_again() -> None:
    sieve, conditions = with_rare('kind == "x" and size != 3')
    teach(sieve, conditions, [{"kind": "x", "size": 1.5}] * 40)
    assert sieve.columns.names == {"kind"}


TEXT = 'kind == "x" and o.args == "some text"'
ARGS = ["other"] * 200
"""More than are worth reading of every record."""


def test_what_many_records_fail_is_looked_for_in_the_bytes_of_all() -> None:
    sieve, conditions = with_rare(TEXT, 'kind == "x"')
    others, _ = body_of(raws_of([{"kind": "x", "o": {"args": ARGS}}] * 3))
    having, _ = body_of(raws_of([{"kind": "x", "o": {"args": ["y", "some text"]}}]))
    assert sieve.absent_from(others) == 0
    teach(sieve, conditions, [{"kind": "x", "o": {"args": ARGS}}] * 6)
    assert sieve.absent_from(others) == 1
    assert sieve.absent_from(others + having + others) == 0


def test_what_is_in_the_bytes_of_most_is_not_looked_for_any_more() -> None:
    sieve, conditions = with_rare(TEXT)
    failing = {"kind": "x", "o": {"args": ARGS}}
    misleading = {"kind": "x", "o": {"args": ARGS, "note": "some text"}}
    teach(sieve, conditions, [failing] * 6)
    entries, _ = body_of(raws_of([failing]))
    assert sieve.absent_from(entries) == 1
    teach(sieve, conditions, [misleading] * 20)
    assert sieve.absent_from(entries) == 0


def test_keys_are_read_of_the_rows_that_there_are_since_the_sieve_has_learned() -> None:
    conditions = [condition('kind == "x" and rare != 1'), *COMMON]
    sieve, reader = Sieve(conditions, ["host.id", "k"]), KeyReader([("k",), ("host.id", "k")])
    record = {"kind": "x", "k": "key", "host": {"id": "h"}, "rare": 2}
    for names in ({"kind", "size"}, {"kind", "size", "rare"}):
        assert sieve.columns.names == {*names, "host.id", "k"}
        [row] = Seen(sieve, conditions, raws_of([record])).rows
        assert sieve.keys_of(row, reader) == [("key",), ("h", "key")]
        teach(sieve, conditions, [record] * 6)


def test_entries_without_a_record_leave_the_fields_as_they_are() -> None:
    sieve, _ = with_rare('kind == "x"')
    for entry in (b"\x92\x05\x90", b"\x92\xa1x\x80", b"\x05", b"\x91\x05"):
        assert sieve.columns.row(entry) is None
        sieve.learn(4, [entry] * 4)
    assert sieve.columns.names == {"kind", "size"}


def test_records_that_are_few_among_many_leave_the_fields_as_they_are() -> None:
    sieve, _ = with_rare('kind == "x"')
    entry, _ = body_of(raws_of([{"kind": True, "size": 1.5}]))
    for _ in range(200):
        sieve.learn(1_000, [entry])
    assert sieve.columns.names == {"kind", "size"}


def test_it_rests_for_a_while_once_many_records_were_unlike_all_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sieve_module, "LEAST_DEAR", 40)
    monkeypatch.setattr(sieve_module, "RESTING", 30)
    conditions = [condition('a == "first" and b == "second"')]
    alike, unlike = Sieve(conditions, ()), Sieve(conditions, ())
    for number in range(8):
        teach(alike, conditions, [{"a": "same", "b": "same"}] * 10)
        assert unlike.rests(10) is (number in (4, 5, 6))
        made = [{name: f"{number} {place}" for name in "ab"} for place in range(10)]
        if number not in (4, 5, 6):
            teach(unlike, conditions, made)
    assert not alike.rests(10)
