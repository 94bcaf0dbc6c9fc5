"""Rows: what is read of all the records of a body at once."""

from __future__ import annotations

from itertools import accumulate, pairwise
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.columns import Columns, Row, array_of, fitting, values_of
from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields
from support.wire import Writer

NAMES = ("a.b.c", "a.d", "a.e.f", "b.c", "d")
KEYS = ("k", "a.k")
OBJECTS = ("o", "p")
PARTS = ("a", "b", "c", "d", "k", "o", "p", "a.b", "b.c", "o.d", "d.", "e.f", "unread")
OTHERS = tuple(f"{name}.{part}" for name in OBJECTS for part in PARTS)
COLUMNS = Columns(NAMES, KEYS, OBJECTS, OTHERS)
NONE = Columns((), (), ())

EVENT_TIME = msgpack.packb(msgpack.ExtType(0, bytes(8)))
TIMES = {
    "event time": EVENT_TIME,
    "event time, 8-bit length": b"\xc7\x08\x00" + bytes(8),
    "seconds": b"\xce" + bytes(4),
    "small number": b"\x05",
    "float": msgpack.packb(1.5),
    "time and metadata": b"\x92" + EVENT_TIME + b"\x81\xa1m\xa1a",
    "seconds and metadata": b"\xdc\x00\x02\x05\x80",
}


class PairWriter(Writer):
    """A writer that writes plain tuples of pairs as maps, equal keys included."""

    def encode(self, value: Any) -> bytes:
        return self.pairs(value) if type(value) is tuple else super().encode(value)


def entry(raw: bytes, time: bytes = EVENT_TIME) -> bytes:
    return b"\x92" + time + raw


def row(record: Any, columns: Columns = COLUMNS) -> Row | None:
    return columns.row(entry(encode_value(record)))


def values(found: Row, name: str, columns: Columns = COLUMNS) -> tuple[Any, ...]:
    return values_of(columns.value(name)(found))


def assert_right(found: Row | None, raw: bytes) -> None:
    """What a row says of a record is what is true of it."""
    if found is None:
        return
    record = decode_record(raw)
    fields = Fields(record)
    for name in (*NAMES, *KEYS):
        assert repr(values(found, name)) == repr(fields[name]), name
    for name, is_there in zip(OBJECTS, COLUMNS.getter((), OBJECTS)(found), strict=True):
        assert is_there or not any(fields[f"{name}.{key}"] for key in PARTS), name


USUAL = st.sampled_from(["x", "y", "a.b", "ü", "", 0, -1, 2**31, 2**64 - 1, -(2**63), None])
RARE = st.sampled_from(
    [True, False, 1.0, -0.0, b"x", b"\xff", "\udcff", msgpack.ExtType(5, b"x"), [["x"], "y"], {}]
)
LEAVES = st.one_of(USUAL, USUAL, USUAL, st.lists(USUAL, max_size=3), RARE)
KEY = st.sampled_from([*PARTS[:7]] * 3 + [*PARTS, b"a", b"o.d", 1, None, "\udcff"])
USUAL_LEAVES = st.one_of(USUAL, st.lists(USUAL, max_size=3))


def with_some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of these fields, in any order, as pairs."""
    some = st.fixed_dictionaries({}, optional=fields)
    return some.flatmap(lambda found: st.permutations(list(found.items()))).map(tuple)


def nested(scalars: st.SearchStrategy[Any], others: st.SearchStrategy[Any]) -> Any:
    """Records that spell fields as most do, with ``others`` where nothing is read."""
    leaves = st.one_of(scalars, st.lists(scalars, max_size=3))
    a = with_some(b=with_some(c=leaves, x=others), d=leaves, k=scalars, x=others)
    b, o = with_some(c=leaves), with_some(d=others, x=others)
    return with_some(a=a, b=b, d=leaves, k=scalars, o=o, unread=others)


NESTED = nested(USUAL, LEAVES)
ANY = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.lists(st.tuples(KEY, inner), max_size=3).map(tuple)
    ),
    max_leaves=8,
)
RECORDS = st.one_of(
    NESTED,
    st.lists(st.tuples(KEY, ANY), max_size=4).map(tuple),
    st.tuples(NESTED, st.tuples(KEY, ANY)).map(lambda both: (*both[0], both[1])),
)
WRITERS = st.builds(PairWriter, st.integers(0, 999).map(Random)) | st.builds(
    PairWriter, st.integers(0, 999).map(Random), bin_share=st.just(0.1)
)


@settings(max_examples=300)
@given(RECORDS, WRITERS, st.sampled_from(sorted(TIMES)))
def test_a_row_has_the_values_that_the_record_has(
    record: Any, writer: PairWriter, time: str
) -> None:
    raw = writer.encode(record)
    assert_right(COLUMNS.row(entry(raw, TIMES[time])), raw)


UNDOTTED = USUAL.map(lambda value: "ab" if value == "a.b" else value)


@given(nested(UNDOTTED, st.one_of(UNDOTTED, RARE)), st.sampled_from(sorted(TIMES)))
def test_of_a_record_that_spells_fields_as_most_do_there_is_a_row(record: Any, time: str) -> None:
    raw = PairWriter(Random(1)).encode(record)
    assert COLUMNS.row(entry(raw, TIMES[time])) is not None


@settings(max_examples=150)
@given(st.lists(RECORDS, min_size=1, max_size=6), WRITERS, st.data())
def test_a_body_has_the_rows_of_its_entries_whatever_the_parts_it_is_read_in(
    records: list[Any], writer: PairWriter, data: st.DataObject
) -> None:
    entries = [entry(writer.encode(record)) for record in records]
    expected = [COLUMNS.row(one) for one in entries]
    body, ends = b"".join(entries), list(accumulate(map(len, entries)))
    cuts = sorted({0, len(entries), *data.draw(st.lists(st.integers(0, len(entries))))})
    found: list[Row | None] = []
    for first, end in pairwise(cuts):
        part = ends[first:end], ends[first - 1] if first else 0
        found += COLUMNS.rows(array_of(body, *part), *part)
    assert found == expected


@pytest.mark.parametrize(
    ("record", "name", "expected"),
    [
        ({"a": {"b": {"c": "x"}}}, "a.b.c", ("x",)),
        ({"a": {"d": ["x", None, 5]}}, "a.d", ("x", 5)),
        ({"a": {"d": []}}, "a.d", ()),
        ({"d": None}, "d", ()),
        ({}, "a.b.c", ()),
        ({"d": 2**64 - 1}, "d", (2**64 - 1,)),
        ({"d": -(2**63)}, "d", (-(2**63),)),
        ({"k": "x"}, "k", ("x",)),
        ({"a": {"k": 7, "other": True}}, "a.k", (7,)),
        ({"d": "x", "unread": {"x": [1.5, b"\xff", msgpack.Timestamp(1, 2)]}}, "d", ("x",)),
        ({"\udcff": "x", "d": "x"}, "d", ("x",)),
        ({"d": "x", "unread": {1: 2, b"b": "\udcff"}}, "d", ("x",)),
    ],
    ids=repr,
)
def test_a_row_has_text_whole_numbers_and_lists_of_them(
    record: dict[str, Any], name: str, expected: tuple[Any, ...]
) -> None:
    found = row(record)
    assert found is not None
    assert values(found, name) == expected


@pytest.mark.parametrize(
    "record",
    [
        *({"d": value} for value in (True, 1.0, b"x", {"x": 1}, [["x"]], [True], "\udcff")),
        *({"d": value} for value in (msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 2))),
        *({"k": value} for value in (["x"], [], True, 1.0)),
        *({"a": value} for value in (None, "x", [], [{"d": "x"}])),
        *({"o": value} for value in ("x", 5, [], [{"d": "x"}])),
        *({"a.d": "x"}, {"a": {"e.f": "x"}}, {"a.b": {"c": "x"}}, {"o.d": "x"}, {"p.d": "x"}),
        *({b"d": "x"}, {1: "x"}, {"a": {b"d": "x"}}),
        {"unread": {"d": "b.c"}},
    ],
    ids=repr,
)
def test_a_record_that_has_it_otherwise_is_no_row(record: dict[Any, Any]) -> None:
    assert row(record) is None


@pytest.mark.parametrize(
    "whole",
    [
        *(b"", b"\xc1", b"\x80", b"\x90", b"\x91\x05", entry(b"\x90"), entry(b"\x05")),
        *(entry(b"\x80", b"\xa1x"), entry(b"\x80", b"\xc0"), entry(b"\x80\x80")),
        *(entry(b"\x81\xa1d"), entry(b"\x81\xa1d\xc1"), entry(b"\x81\xa1d" + b"\x91" * 20_000)),
    ],
    ids=lambda whole: repr(whole[:20]),
)
def test_what_is_no_entry_with_a_record_is_no_row(whole: bytes) -> None:
    assert COLUMNS.row(whole) is None


def test_one_entry_that_is_no_row_leaves_the_others_theirs() -> None:
    records = [{"d": "x"}, {"d": True}, {"d": "y"}, {"a.d": "z"}, {"d": 5}]
    entries = [entry(encode_value(record)) for record in records]
    ends = list(accumulate(map(len, entries)))
    for body in (b"".join(entries), bytearray().join(entries), memoryview(b"".join(entries))):
        found = COLUMNS.rows(array_of(body, ends), ends)
        expected = [("x",), None, ("y",), None, (5,)]
        assert [None if one is None else values(one, "d") for one in found] == expected


def test_a_row_tells_which_objects_are_there() -> None:
    get = COLUMNS.getter(["d"], ["o", "p"])
    assert get(row({"d": "x", "o": {}})) == ("x", True, False)
    assert get(row({"o": {"d": 1}, "p": None})) == (None, True, False)


def test_a_getter_gives_a_tuple_of_as_many_values_as_it_is_asked_for() -> None:
    found = row({"d": "x", "k": 5})
    assert COLUMNS.getter([])(found) == ()
    assert COLUMNS.getter(["k"])(found) == (5,)
    assert COLUMNS.getter(["k", "d"])(found) == (5, "x")


def test_values_of_many_rows_have_none_where_there_is_no_row_or_no_value() -> None:
    rows = [row({"d": "x"}), None, row({"k": 5}), row({"d": 7})]
    assert COLUMNS.values(rows, "d") == ["x", None, None, 7]
    assert COLUMNS.values([], "d") == []


def test_columns_of_nothing_have_rows_of_all_records() -> None:
    raw = encode_value({"a.b": True, "d": [[1.5]]})
    assert NONE.row(entry(raw)) is not None
    assert NONE.names == frozenset()
    assert NONE.row(entry(b"\x05")) is None


def test_the_names_are_those_of_fields_and_keys() -> None:
    assert COLUMNS.names == {*NAMES, *KEYS}


def test_a_name_may_have_any_letters_that_are_fit() -> None:
    columns = Columns(list(fitting(["gr\u00f6\u00dfe.\u4e2d", "a b.x-y", "f0.f1"])), (), ())
    found = row({"gr\u00f6\u00dfe": {"\u4e2d": "x"}, "a b": {"x-y": 1}, "f0": {"f1": 2}}, columns)
    assert found is not None
    read = [values(found, name, columns) for name in ("gr\u00f6\u00dfe.\u4e2d", "a b.x-y", "f0.f1")]
    assert read == [("x",), (1,), (2,)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b.c", "d"], ["a", "b.c", "d"]),
        (["a", "a.b", "a.b.c", "ab"], ["a.b.c", "ab"]),
        (["a..b", ".a", "b.", "", "."], []),
        (['a"b', "a\\b.c", "a\n", "a\x1f.b", "c"], ["c"]),
    ],
    ids=repr,
)
def test_of_names_those_fit_that_begin_no_other_and_have_no_odd_parts(
    names: list[str], expected: list[str]
) -> None:
    assert list(fitting(names)) == expected


@given(
    st.lists(
        st.text(st.sampled_from('ab.\\"\x00\x7f\u00e9\u2028 '), min_size=1, max_size=7), unique=True
    )
)
def test_names_that_fit_are_columns_together(names: list[str]) -> None:
    fit = list(fitting(names))
    columns = Columns(fit, (), ())
    for name in fit:
        record: Any = "x"
        for part in reversed(name.split(".")):
            record = {part: record}
        found = row(record, columns)
        assert found is not None
        assert {one: values(found, one, columns) for one in fit} == {
            one: ("x",) if one == name else () for one in fit
        }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ("",)),
        (0, (0,)),
        ((), ()),
        ((None,), ()),
        (("x", None, 0), ("x", 0)),
    ],
)
def test_the_values_of_a_rows_value_are_those_that_a_field_has(
    value: Any, expected: tuple[Any, ...]
) -> None:
    assert values_of(value) == expected
