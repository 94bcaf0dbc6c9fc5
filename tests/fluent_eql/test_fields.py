from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql import fields
from fluent_eql.event import decode_record
from fluent_eql.fields import MOST_AT_ONCE, Fields, Projection
from support.wire import Writer

NAME = "process.parent.executable"


def values(record: Mapping[str, Any], name: str = NAME) -> tuple[Any, ...]:
    return Fields(record)[name]


@pytest.mark.parametrize(
    "record",
    [
        {"process": {"parent": {"executable": "x"}}},
        {"process.parent.executable": "x"},
        {"process.parent": {"executable": "x"}},
        {"process": {"parent.executable": "x"}},
    ],
)
def test_a_field_is_found_nested_flat_and_mixed(record: dict[str, Any]) -> None:
    assert values(record) == ("x",)


def test_the_values_of_all_forms_add_up() -> None:
    record = {
        "process": {"parent": {"executable": "a"}, "parent.executable": "b"},
        "process.parent": {"executable": "c"},
        "process.parent.executable": ["d", "e"],
    }
    assert values(record) == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", ("x",)),
        ("", ("",)),
        (0, (0,)),
        (False, (False,)),
        (1.5, (1.5,)),
        (2**64 - 1, (2**64 - 1,)),
        (None, ()),
        ([], ()),
        ([None], ()),
        ([None, "x", None], ("x",)),
        (["a", "b"], ("a", "b")),
        (["a", ["b", [["c"], "d"]], "e"], ("a", "b", "c", "d", "e")),
        ([[], [[]]], ()),
        ({}, ()),
        ({"x": 1}, ()),
        (["a", {"x": 1}, 2], ("a", 2)),
        (b"x", ("x",)),
        ([b"\xff"], ("\udcff",)),
        (msgpack.ExtType(1, b"x"), ()),
        (msgpack.Timestamp(1, 2), ()),
    ],
)
def test_a_field_holds_its_scalars_in_order(value: Any, expected: tuple[Any, ...]) -> None:
    for record in ({"a": {"b": value}}, {"a.b": value}):
        assert values(record, "a.b") == expected


@pytest.mark.parametrize(
    "record",
    [{}, {"a": None}, {"a": "x"}, {"a": ["x", 1]}, {"a": {}}, {"a": {"b": {"c": 1}}}, {"b": 1}],
)
def test_a_missing_field_has_no_values(record: dict[str, Any]) -> None:
    assert values(record, "a.b") == ()


def test_arrays_of_objects_on_the_way_give_the_values_of_all() -> None:
    record = {"a": [{"b": 1}, {"b": [2, 3]}, "x", [{"b": 4}, {"c": 5}]]}
    assert values(record, "a.b") == (1, 2, 3, 4)


def test_a_dotted_name_is_not_taken_for_the_field_it_starts() -> None:
    assert values({"a.bc": 1, "a": {"b.c": 2}}, "a.b") == ()


def test_keys_that_are_no_strings_do_no_harm() -> None:
    record = decode_record(msgpack.packb({1: "x", b"a": {b"b": "y"}, None: 2}))
    assert values(record, "a.b") == ("y",)


def test_values_are_looked_up_once() -> None:
    fields = Fields({"a": ["x"]})
    assert fields["a"] is fields["a"]
    assert fields["b"] is fields["b"] == ()


def test_arrays_nested_ever_so_deep_are_read_without_recursion() -> None:
    array: Any = "x"
    for _ in range(10_000):
        array = [array]
    assert values({"a": array}, "a") == ("x",)


SCALARS = st.one_of(st.text(max_size=3), st.integers(), st.booleans())
NAMES = ("a", "b.c", "b.d.e")


@given(st.fixed_dictionaries({}, optional={name: st.lists(SCALARS) for name in NAMES}), st.data())
def test_any_rendering_of_a_record_has_the_same_values(
    flat: dict[str, list[Any]], data: st.DataObject
) -> None:
    rendered = render(flat, data)
    for name in NAMES:
        assert values(rendered, name) == tuple(flat.get(name, ()))


def render(flat: dict[str, list[Any]], data: st.DataObject) -> dict[str, Any]:
    """The record with each name cut into nested keys at places of Hypothesis's choice."""
    record: dict[str, Any] = {}
    for name, array in flat.items():
        first, *rest = name.split(".")
        keys = [first]
        for part in rest:
            if data.draw(st.booleans()):
                keys.append(part)
            else:
                keys[-1] += f".{part}"
        inner = record
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = array
    return record


PARTS = ("a", "b", "b.c", "c", "a.b", "d", "unread")
NAME_OF_SEVEN = "a.b.c.d.e.f.g"
READ = ("a.b.c", "a.d", "b.c", "d", "c.a.b.d")
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.just("\udcff"),
    st.just(msgpack.ExtType(5, b"x")),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(PARTS) | st.sampled_from([b"a", b"b.c", 1, None])


def same(one: object, other: object) -> bool:
    """Equal, also where it is not a number, and of the same types."""
    return repr(one) == repr(other)


OTHERS = {
    "few fields": [],
    "many fields": [f"other.x{number}" for number in range(MOST_AT_ONCE)],
    "a name too long for the struct": [NAME_OF_SEVEN],
    "a name that begins another": ["a.d.e", "b"],
    "a name too long, and odd": ['a"b.c.d.e.f.g', "a.d.e"],
}


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
@given(record=st.dictionaries(KEYS, VALUES, max_size=6), seed=st.integers(0, 99))
def test_a_projection_reads_what_is_read_of_the_whole_record(
    others: list[str], record: dict[Any, Any], seed: int
) -> None:
    raw = Writer(random.Random(seed)).encode(record)
    found, whole = Projection([*READ, *others]).fields(raw), Fields(decode_record(raw))
    for name in (*READ, *others):
        assert same(found[name], whole[name]), name


def leaves(record: dict[Any, Any], *names: str) -> tuple[Any, ...] | None:
    """What stands where the names end, in their order, without the two more that come with it."""
    projection = Projection(names)
    found = projection.leaves(msgpack.packb(record, unicode_errors="surrogateescape"))
    assert projection.names == tuple(sorted(names))
    return None if found is None else found[: len(names)]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"a": {"b": "x"}, "c": 1}, ("x", 1)),
        ({"c": None}, (None, None)),
        ({"a": {}, "c": [1, None]}, (None, [1, None])),
        ({"a": {"b": {"x": 1}}, "c": b"x"}, ({"x": 1}, b"x")),
        ({"c": True, "a": {"other": 5}}, (None, True)),
    ],
    ids=repr,
)
def test_leaves_are_what_stands_where_the_names_end(
    record: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    assert leaves(record, "c", "a.b") == expected


@pytest.mark.parametrize(
    "record",
    [
        {"a.b": "x"},
        {"a.b": "x", "a": {"b": "y"}},
        {"a": None},
        {"a": [{"b": "x"}]},
        {"a": "x"},
        {"c": "\udcff"},
    ],
    ids=repr,
)
def test_of_a_record_that_spells_a_name_in_a_rare_way_no_leaves_are_told(
    record: dict[str, Any],
) -> None:
    assert leaves(record, "a.b", "c") is None


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"\x90", b"\x81\xa1a", b"\x80\x80", b"\x81\xa1a\xc1"]
)
def test_of_what_is_no_map_no_leaves_are_told(raw: bytes) -> None:
    assert Projection(["a", "b.c"]).leaves(raw) is None


@pytest.mark.parametrize("others", list(OTHERS.values())[1:], ids=list(OTHERS)[1:])
def test_of_many_names_and_of_those_that_fit_no_struct_no_leaves_are_told(
    others: list[str],
) -> None:
    projection = Projection([*READ, *others])
    assert projection.leaves(msgpack.packb({"d": 1})) is None


@given(record=st.dictionaries(KEYS, VALUES, max_size=6), seed=st.integers(0, 99))
def test_leaves_hold_the_values_of_the_fields(record: dict[Any, Any], seed: int) -> None:
    raw = Writer(random.Random(seed)).encode(record)
    projection = Projection(READ)
    found, whole = projection.leaves(raw), Fields(decode_record(raw))
    for name, leaf in zip(projection.names, found or (), strict=False):
        assert same(Fields({"x": leaf})["x"], whole[name]), name


def test_a_name_that_fits_no_struct_costs_only_those_who_ask_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[bytes] = []

    def decode(raw: bytes) -> dict[str, Any]:
        decoded.append(raw)
        return decode_record(raw)

    monkeypatch.setattr(fields, "decode_record", decode)
    found = Projection(["d", NAME_OF_SEVEN]).fields(msgpack.packb({"d": 1, NAME_OF_SEVEN: 2}))
    assert (found["d"], decoded) == ((1,), [])
    assert (found[NAME_OF_SEVEN], len(decoded)) == ((2,), 1)


@pytest.mark.parametrize(
    "names", [["a", "a.b"], ["a.b.c.d.e.f.g"], ['a"b'], ["a\\b", "c"], [], [".", "a..b"]], ids=repr
)
def test_names_that_fit_no_struct_are_read_all_the_same(names: list[str]) -> None:
    record = {"a": {"b": {"c": {"d": {"e.f.g": "x"}}}}} | {name: ["x"] for name in names}
    fields = Projection(names).fields(msgpack.packb(record))
    for name in names:
        assert fields[name] == Fields(record)[name] != ()


def test_a_timestamp_is_no_value() -> None:
    assert Projection(READ).fields(msgpack.packb({"d": msgpack.Timestamp(1, 2)}))["d"] == ()


def test_the_last_of_two_equal_keys_counts() -> None:
    raw = b"\x83\xa1a\x81\xa1d\x01\xa1a\x81\xa1d\x02\xa1d\x03"
    assert Projection(READ).fields(raw)["a.d"] == Fields(decode_record(raw))["a.d"] == (2,)


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x90", b"\x81\xa1a", b"\x80\x80", b"\x81\x90\x01"])
def test_a_projection_refuses_what_is_no_map(raw: bytes) -> None:
    with pytest.raises(ValueError, match="map"):
        Projection(READ).fields(raw)


PLAIN_LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(-9, 2**64 - 1), st.floats(), st.text(max_size=3)),
    *(st.lists(st.text(max_size=2), max_size=2), st.just(msgpack.ExtType(5, b"x"))),
)
OBJECTS = st.dictionaries(
    st.sampled_from(PARTS),
    st.recursive(
        PLAIN_LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner),
        max_leaves=6,
    ),
    max_size=4,
)
WITH_ARRAYS = st.dictionaries(
    st.sampled_from(["a", "b", "a.b", "c", "unread"]),
    st.lists(OBJECTS | st.lists(OBJECTS, max_size=2), min_size=1, max_size=3),
    min_size=1,
)
"""Records with arrays of objects."""


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
@settings(max_examples=40)
@given(arrays=WITH_ARRAYS, record=OBJECTS, seed=st.integers(0, 99))
def test_of_a_record_with_arrays_of_objects_all_names_have_their_values(
    others: list[str], arrays: dict[str, Any], record: dict[str, Any], seed: int
) -> None:
    raw = Writer(random.Random(seed)).encode(record | arrays)
    found, whole = Projection([*READ, *others]).fields(raw), Fields(decode_record(raw))
    for name in (*READ, *others):
        assert same(found[name], whole[name]), name


def decoded_whole(record: dict[Any, Any], ask_for: str, *names: str) -> int:
    """How often a record is decoded whole for the values of a field, which are right."""
    raw = msgpack.packb(record, unicode_errors="surrogateescape")
    decoded: list[bytes] = []

    def decode(raw: bytes) -> dict[str, Any]:
        decoded.append(raw)
        return decode_record(raw)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "decode_record", decode)
        found = Projection(names).fields(raw)[ask_for]
    assert found == Fields(decode_record(raw))[ask_for] != ()
    return len(decoded)


ARRAY = [{"d": "x"}, {"d": ["y"]}]


@pytest.mark.parametrize(
    "record",
    [{"a": ARRAY}, {"a": [ARRAY]}, {"a": ARRAY, "unread": {"x": [1.5]}}, {"a": ARRAY, "a.d": "z"}],
    ids=repr,
)
def test_a_record_with_an_array_of_objects_is_not_decoded_whole(record: dict[str, Any]) -> None:
    assert decoded_whole(record, "a.d", "a.d", "b") == 0


@pytest.mark.parametrize(
    "record",
    [
        {"a": ARRAY, "b": "\udcff"},
        {"a": [{"d": b"x"}]},
        {"a": ARRAY, b"b": "x"},
        {"a": ARRAY, 1: "x"},
        {"a": [{"d": 1, "\udcff": 2}]},
    ],
    ids=repr,
)
def test_a_record_that_holds_anything_odd_besides_is_decoded_whole(record: dict[Any, Any]) -> None:
    assert decoded_whole(record, "a.d", "a.d", "b") == 1


def test_beside_an_array_of_objects_an_odd_name_costs_only_those_who_ask_for_it() -> None:
    odd = 'a"b.c.d.e.f.g'
    record = {"a": ARRAY, odd: "x", NAME_OF_SEVEN: "y"}
    assert decoded_whole(record, "a.d", "a.d", odd, NAME_OF_SEVEN) == 0
    assert decoded_whole(record, odd, "a.d", odd) == 1
    assert decoded_whole(record, NAME_OF_SEVEN, "a.d", NAME_OF_SEVEN) == 0
