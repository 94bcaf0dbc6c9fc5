from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event import encode_value
from fluent_eql.fields import Fields
from fluent_eql.sources import SourceFields, SourceMapping, SourceReader
from fluent_eql.sources.mapping import (
    Alternative,
    Fixed,
    Flagged,
    Joined,
    Kind,
    Place,
    Resolved,
    has,
    path,
    places,
    when,
)
from fluent_eql.sources.transforms import BASENAME, NUMBER


def seen(record: dict[str, Any], *alternatives: Alternative) -> tuple[Any, ...]:
    return SourceFields(record, SourceMapping("x", fields={"f": alternatives}))["f"]


def kinds(*kinds: Kind) -> SourceMapping:
    return SourceMapping("x", kinds=kinds)


def test_the_first_place_with_a_value_counts() -> None:
    both = places("a.b", "c")
    assert seen({"a": {"b": "x"}, "c": "y"}, *both) == ("x",)
    assert seen({"a": {"b": None}, "c": ["y", "z"]}, *both) == ("y", "z")
    assert seen({"a.b": [], "c": {}}, *both) == ()


def test_a_field_that_no_place_has_is_read_under_its_own_name() -> None:
    assert seen({"f": "x"}, *places("a")) == ("x",)
    assert seen({"f": "x", "a": "y"}, *places("a")) == ("y",)
    assert SourceFields({"g": {"h": 1}}, SourceMapping("x"))["g.h"] == (1,)


def test_a_fixed_value_is_that_of_every_record_without_another() -> None:
    assert seen({}, *places("a"), Fixed("linux")) == ("linux",)
    assert seen({"a": "windows"}, *places("a"), Fixed("linux")) == ("windows",)


def test_a_transform_is_done_to_each_value() -> None:
    assert seen({"a": ["/x/y", "/", "z"]}, Place(path("a"), BASENAME)) == ("y", "z")


def test_values_that_a_map_names_become_what_it_has_for_them() -> None:
    mapped = Place(path("a"), values={"conn": "network", "3": "file", "true": True})
    assert seen({"a": ["conn", 3, "other", True, None]}, mapped) == ("network", "file", True)
    assert seen({"a": b"conn"}, mapped) == ("network",)
    assert seen({"a": "x"}, mapped, *places("b")) == ()


def test_a_map_is_asked_for_what_the_transform_made() -> None:
    assert seen({"a": "/x/y"}, Place(path("a"), BASENAME, {"y": "z"})) == ("z",)
    assert seen({"a": "5.0"}, Place(path("a"), NUMBER, {"5.0": "five"})) == ("five",)


def test_joined_values_are_one_text_where_all_are_there() -> None:
    joined = Joined((path("a"), path("b")), "-")
    assert seen({"a": 7, "b": [True, "x"]}, joined) == ("7-true",)
    assert seen({"a": 7}, joined, *places("a")) == (7,)


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("/tmp/x", "/home", ("/tmp/x",)),
        ("x", "/home", ("/home/x",)),
        ("./x", "/home/", ("/home/x",)),
        ("../x", "/home", ("/home/../x",)),
        ("x", "/", ("/x",)),
        ("x", None, ()),
        ("/x", None, ("/x",)),
        (5, "/home", ()),
    ],
)
def test_a_relative_path_is_one_in_its_folder(
    name: Any, folder: Any, expected: tuple[str, ...]
) -> None:
    record = {"name": name, "folder": folder}
    assert seen(record, Resolved(path("name"), path("folder"))) == expected


def test_a_selection_takes_the_objects_with_that_value() -> None:
    (chosen,) = places("list[kind=x].value.in")
    record = {
        "list": [
            {"kind": "y", "value": {"in": 1}},
            {"kind": "x", "value.in": 2},
            [{"kind": ["z", "x"], "value": [{"in": 3}, {"in": 4}]}],
            "x",
            {"value": {"in": 5}},
        ]
    }
    assert seen(record, chosen) == (2, 3, 4)
    assert seen({"list": {"kind": "x", "value": {"in": 6}}}, chosen) == (6,)
    assert seen({"list": "x"}, chosen) == seen({}, chosen) == ()


def test_a_selection_finds_its_array_in_every_spelling() -> None:
    (chosen,) = places("a.b[k=1].v")
    for record in ({"a": {"b": [{"k": 1, "v": 2}]}}, {"a.b": {"k": "1", "v": 2}}):
        assert seen(record, chosen) == (2,)
    assert seen({"a": [{"b": {"k": 1, "v": 2}}, {"b": [{"k": 1, "v": 3}]}]}, chosen) == (2, 3)


def test_arrays_nested_ever_so_deep_are_read_without_recursion() -> None:
    array: Any = {"k": "x", "v": 1}
    for _ in range(10_000):
        array = [array]
    assert seen({"a": array}, *places("a[k=x].v")) == (1,)


FIRST = Kind((when("a", "b", is_one_of=("x", "3")), has("c")), {"what": "first", "n": 1})
SECOND = Kind((when("a", is_one_of=("x", "true")),), {"what": "second"})
BIT = Kind((Flagged((path("flags"),), "O_CREAT", 64),), {"what": "bit"})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"a": "x", "c": 0}, ("first",)),
        ({"b": 3, "c": False}, ("first",)),
        ({"a": ["y", "x"]}, ("second",)),
        ({"a": True}, ("second",)),
        ({"a": "y", "c": 1}, ()),
        ({"flags": 65}, ("bit",)),
        ({"flags": 1}, ()),
        ({"flags": "O_RDWR|O_CREAT"}, ("bit",)),
        ({"flags": "O_RDWR"}, ()),
        ({"flags": 64.0}, ()),
        ({}, ()),
    ],
)
def test_a_record_is_of_the_first_kind_that_fits(
    record: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert SourceFields(record, kinds(FIRST, SECOND, BIT))["what"] == expected


def test_what_a_kind_does_not_give_is_looked_for_elsewhere() -> None:
    fields = SourceFields({"a": "x", "n": 7}, kinds(FIRST, SECOND))
    assert (fields["what"], fields["n"]) == (("second",), (7,))


def test_values_are_looked_up_once() -> None:
    fields = SourceFields({"a": ["x"]}, SourceMapping("x", fields={"f": places("a")}))
    assert fields["f"] is fields["f"]


@given(
    st.dictionaries(
        st.sampled_from(["a", "a.b", "b"]),
        st.recursive(
            st.none() | st.booleans() | st.text(max_size=2) | st.integers(-3, 3),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner)
            ),
        ),
    )
)
def test_without_a_table_the_view_is_the_record_itself(record: dict[str, Any]) -> None:
    fields, own = SourceFields(record, SourceMapping("x")), Fields(record)
    for name in ("a", "a.b", "b", "b.a"):
        assert repr(fields[name]) == repr(own[name])


def test_a_reader_reads_raw_records() -> None:
    reader = SourceReader(SourceMapping("x", fields={"f": places("a")}))
    assert reader.fields(encode_value({"a": b"x"}))["f"] == ("x",)


@pytest.mark.parametrize("raw", [b"", b"\x90", msgpack.packb({})[:0] + b"\x81\xa1a"])
def test_a_reader_refuses_what_is_no_map(raw: bytes) -> None:
    with pytest.raises(ValueError, match="map"):
        SourceReader(SourceMapping("x")).fields(raw)
