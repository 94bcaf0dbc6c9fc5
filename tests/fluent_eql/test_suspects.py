"""Which conditions a record may satisfy."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql import suspects as suspects_module
from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields
from fluent_eql.lang import Condition
from fluent_eql.needles import LONGEST_TEXT
from fluent_eql.suspects import Suspects
from support.random_conditions import (
    CATEGORIES,
    CONDITIONS,
    MORE,
    WRITERS,
    FloatWriter,
    categorised,
    condition,
    numbered,
    records,
)
from support.rules import rule
from support.wire import Writer

QUERIES = (
    'any where a == "first" and b == "second"',
    'any where a == "first" and label != null',
    'any where a : "FIRST*"',
    "any where c > 5",
    "any where false",
    'any where b == "second" or a == "third"',
)


def suspects(*queries: str, category_field: str = "event.category") -> Suspects[frozenset[int]]:
    conditions: list[Condition] = []
    for query in queries:
        conditions += rule(query).query.conditions
    return Suspects(conditions, frozenset, category_field)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(CONDITIONS, st.sampled_from(["any", "any", *CATEGORIES])), min_size=1, max_size=6
    ),
    st.lists(records(), min_size=1, max_size=3),
    WRITERS,
    MORE,
)
def test_a_record_satisfies_no_condition_that_is_not_suspected(
    queries: list[tuple[str, str]],
    drawn: list[dict[str, Any]],
    writer: Writer,
    more: list[Condition],
) -> None:
    conditions = [condition(text, category) for text, category in queries]
    found = Suspects([*conditions, *more], frozenset)
    for record in drawn:
        raw = writer.encode(record)
        suspected, fields = found.of(raw), Fields(decode_record(raw))
        for number, one in enumerate(conditions):
            assert number in suspected or not one.matches(fields), (queries[number], raw)


@settings(max_examples=200, deadline=None)
@given(numbered(), WRITERS)
def test_a_number_is_found_in_whatever_form(
    case: tuple[str, dict[str, Any]], writer: Writer
) -> None:
    found, raw = condition(case[0]), writer.encode(case[1])
    if found.matches(Fields(decode_record(raw))):
        assert Suspects([found], frozenset).of(raw) == {0}


EACH_CATEGORY = [condition("true", category) for category in CATEGORIES]


@settings(max_examples=400, deadline=None)
@given(categorised(), WRITERS)
def test_a_condition_on_a_category_is_suspected_wherever_a_record_has_it(
    record: dict[str, Any], writer: Writer
) -> None:
    raw = writer.encode(record)
    suspected, fields = Suspects(EACH_CATEGORY, frozenset).of(raw), Fields(decode_record(raw))
    for number, one in enumerate(EACH_CATEGORY):
        assert number in suspected or not one.matches(fields), raw


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {3}),
        ({"a": "first"}, {2, 3}),
        ({"a": "first", "b": "second"}, {0, 2, 3, 5}),
        ({"x": ["first", "second"]}, {0, 2, 3, 5}),
        ({"a": "first", "label": 1}, {1, 2, 3}),
        ({"a": "First name"}, {2, 3}),
        ({"a": "third"}, {3, 5}),
        ({"a": "the third"}, {3}),
        ({"b": "second "}, {3}),
    ],
    ids=repr,
)
def test_suspected_is_what_a_record_has_a_needle_of_each_group_of(
    record: dict[str, object], expected: set[int]
) -> None:
    assert suspects(*QUERIES).of(encode_value(record)) == expected


def test_suspected_are_the_conditions_whose_needles_a_record_has_and_those_without() -> None:
    found = suspects(
        *(f"any where {text}" for text in ('a == "x"', "b > 5", 'a == "y"', 'a : "X"'))
    )
    assert found.of(encode_value({"a": "x"})) == {0, 1, 3}
    assert found.of(encode_value({"b": 9})) == {1}


def test_of_no_conditions_none_is_suspected() -> None:
    assert suspects().of(encode_value({"a": 1})) == set()
    assert suspects().of(encode_value({"event.category": "file"})) == set()
    assert suspects().of(b"\x80") == set()


@pytest.mark.parametrize("size", [1, 31, 32, 33, 255, 256, 257, 70_000])
def test_a_whole_value_is_found_whatever_its_length(size: int) -> None:
    text = "ab" * (size // 2) + "c" * (size % 2)
    found = suspects(f'any where a == "{text}" and b == "second"')
    for value in (text, text.encode(), [text]):
        assert found.of(encode_value({"a": value, "b": "second"})) == {0}
    longer = found.of(encode_value({"a": f"{text}x", "b": "second"}))
    assert longer == (set() if size <= LONGEST_TEXT else {0})


@pytest.mark.parametrize(
    ("text", "suspected", "others"),
    [
        ("code == 5", [5, 5.0, [5], [9], ["x", 5]], [6, -5, "5", None, 5.5, True, 2**40 + 5]),
        ("code == -5", [-5, -5.0, [[-5]]], [5, -6, 251, "-5"]),
        ("code == 0", [0, 0.0, -0.0], [1, "0", None, False, 0.5]),
        ("code in (1, 70000)", [1, 70_000, 1.0, 70_000.0], [70_001, 2, 17, "1"]),
        ("code == 9007199254740992", [2**53, float(2**53)], [2**53 + 1, 2**53 - 1]),
    ],
    ids=str,
)
def test_a_number_is_found_in_every_form_under_its_field_and_no_other(
    text: str, suspected: list[Any], others: list[Any]
) -> None:
    found, one = suspects(f"any where {text}"), condition(text)
    for seed in range(20):
        encode = FloatWriter(Random(seed)).encode
        for value in suspected:
            for record in ({"code": value}, {"error": {"code": value}}, {"error.code": value}):
                assert found.of(encode(record)) == {0}, record
        for value in others:
            assert found.of(encode({"code": value, "other": suspected[0]})) == set(), value
            assert not one.matches(Fields({"code": value}))


OF_CATEGORIES = ('file where a == "first"', 'process where a == "first"', 'any where a == "first"')
BOTH = {0, 1, 2}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"event.category": "file"}, {0, 2}),
        ({"event": {"category": "file"}}, {0, 2}),
        ({"event": {"category": ["process"]}}, {1, 2}),
        ({"event": [{"category": "process"}]}, {1, 2}),
        ({"subcategory": "file"}, {0, 2}),
        ({"event.category": ["file", "process"]}, BOTH),
        ({"event": [{"category": "file"}, {"category": "process"}]}, BOTH),
        ({"event.category": "file", "event": {"category": "process"}}, BOTH),
        ({"event.category": "file", "x.category": "process"}, BOTH),
        ({"event.category": "process", "note": "a category"}, BOTH),
        ({"event.category": b"file"}, BOTH),
        ({"event.category": [["file"]]}, BOTH),
    ],
    ids=repr,
)
def test_of_a_record_of_one_category_the_conditions_on_others_are_not_suspected(
    record: dict[str, object], expected: set[int]
) -> None:
    assert suspects(*OF_CATEGORIES).of(encode_value({"a": "first", **record})) == expected


@pytest.mark.parametrize(
    "record",
    [{}, {"event.category": "other"}, {"event.category": None}, {"event.category": "x" * 40}],
    ids=repr,
)
def test_a_condition_on_any_category_is_suspected_whatever_a_record_has(
    record: dict[str, object],
) -> None:
    assert 2 in suspects(*OF_CATEGORIES).of(encode_value({"a": "first", **record}))


@pytest.mark.parametrize("values", [("file", "process"), ("process", "file")])
def test_of_two_equal_keys_either_may_count(values: tuple[str, str]) -> None:
    pairs = [("event.category", value) for value in values]
    raw = Writer(Random(0)).pairs([("a", "first"), *pairs])
    assert suspects(*OF_CATEGORIES).of(raw) == BOTH


def test_a_category_that_is_asked_for_beside_a_rules_own_is_one_of_the_two() -> None:
    found = suspects(
        'file where event.category == "process"', 'any where not event.category == "x"'
    )
    assert found.of(encode_value({"event.category": ["file", "process"]})) == {0, 1}
    assert found.of(encode_value({"event.category": "x"})) >= {1}


def test_the_category_may_be_another_field() -> None:
    conditions = [
        condition(f'kind.of == "{kind}" and a == "first"') for kind in ("file", "process")
    ]
    found = Suspects(conditions, frozenset, "kind.of")
    record = {"a": "first", "event.category": "file", "kind": {"of": "process"}}
    assert found.of(encode_value(record)) == {1}
    fields = Fields(record)
    assert [one.matches(fields) for one in conditions] == [False, True]


@pytest.mark.parametrize("size", range(14))
def test_a_record_that_is_cut_off_is_looked_at_as_well(size: int) -> None:
    raw = encode_value({"a": "first", "event.category": "file"})
    assert suspects(*OF_CATEGORIES).of(raw[: len(raw) - size]) <= BOTH


def test_what_is_to_be_known_is_made_once_of_the_numbers_in_their_order() -> None:
    made: list[tuple[int, ...]] = []

    def make(numbers: tuple[int, ...]) -> int:
        made.append(numbers)
        return len(made)

    texts = ('b == "second"', 'a == "first"', 'a == "first" or b == "second"')
    found = Suspects([condition(text) for text in texts], make)
    records = [{"a": "first", "n": 1}, {"b": "second"}, {"n": 2, "a": "first"}, {}]
    assert [found.of(encode_value(record)) for record in records] == [1, 2, 1, 3]
    assert made == [(1, 2), (0, 2), ()]


def test_no_more_kinds_of_records_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suspects_module, "MOST_KINDS", 2)
    made: list[tuple[int, ...]] = []

    def make(numbers: tuple[int, ...]) -> tuple[int, ...]:
        made.append(numbers)
        return numbers

    found = Suspects([condition('a == "first"'), condition('b == "second"')], make)
    raws = [encode_value(record) for record in ({}, {"a": "first"}, {"b": "second"})]
    assert [found.of(raw) for raw in (*raws, *raws)] == [(), (0,), (1,)] * 2
    assert len(made) > len(raws)
