"""Rules' conditions on raw records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql import glance
from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields
from fluent_eql.glance import WORTH_PREPARING, Glances
from support.random_conditions import CATEGORIES, CONDITIONS, WRITERS, records
from support.rules import rule
from support.wire import Writer

SEQUENCE = 'sequence by k [n where a == 1] [f where b == "y"] until [u where true]'


def glances(*queries: str) -> Glances:
    return Glances([rule(query).query for query in queries])


def prepared(found: Glances, *numbers: int) -> Glances:
    """After as many questions as it takes for the answer not to be all of them."""
    for _ in range(WORTH_PREPARING - 1):
        assert found.satisfied(numbers, b"\x80") == numbers
    return found


@pytest.mark.parametrize(
    ("record", "holds"),
    [
        ({"event.category": "n", "a": 1}, True),
        ({"event": {"category": "f"}, "b": ["x", "y"]}, True),
        ({"event.category": "f", "a": 1}, False),
        ({"event.category": "u"}, True),
        ({}, False),
    ],
    ids=repr,
)
def test_a_record_is_looked_at_for_every_stage_and_for_what_ends_the_sequence(
    record: dict[str, Any], holds: bool
) -> None:
    found = prepared(glances(SEQUENCE), 0)
    assert found.satisfied((0,), encode_value(record)) == ((0,) if holds else ())


def test_only_the_rules_that_are_asked_for_are_looked_at_and_told_in_that_order() -> None:
    found = prepared(
        glances("any where a > 1", SEQUENCE, "any where a > 2", "any where true"), 2, 0, 1
    )
    assert found.satisfied((2, 0, 1), encode_value({"a": 3})) == (2, 0)
    assert found.satisfied((2, 0, 1), encode_value({"a": 2})) == (0,)


def test_rules_that_are_rarely_asked_for_together_are_not_looked_at() -> None:
    found = prepared(glances("any where a > 1", "any where a > 2"), 0)
    assert found.satisfied((0, 1), b"\x80") == (0, 1)
    assert found.satisfied((0,), b"\x80") == ()
    assert found.satisfied((0,), b"\x80") == ()


def test_no_more_is_prepared_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "MOST_PREPARED", 1)
    found = glances("any where a > 1", "any where a > 2")
    for number in (0, 1):
        assert prepared(found, number).satisfied((number,), b"\x80") == ()
    assert found.satisfied((1,), b"\x80") == ()
    assert found.satisfied((0,), b"\x80") == (0,)


def test_what_is_asked_for_in_ever_new_ways_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "MOST_PREPARED", 1)
    found = glances(*["any where a > 1"] * 30)
    for _ in range(3 * WORTH_PREPARING):
        for number in range(30):
            assert found.satisfied((number,), b"\x80") in ((number,), ())
            assert len(found._asked) <= 11


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x90", b"\x81\xa1a", b"\x80\x80"])
def test_what_is_no_map_is_refused(raw: bytes) -> None:
    found = prepared(glances("any where a > 1"), 0)
    with pytest.raises(ValueError, match="map"):
        found.satisfied((0,), raw)


STAGES = st.tuples(st.sampled_from(CATEGORIES), CONDITIONS)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(STAGES, min_size=2, max_size=3), max_size=3), records(), WRITERS)
def test_told_are_the_rules_of_which_the_whole_record_satisfies_a_condition(
    sequences: list[list[tuple[str, str]]], record: dict[str, Any], writer: Writer
) -> None:
    texts = [" ".join(f"[{name} where {text}]" for name, text in those) for those in sequences]
    queries = [rule(f"sequence {text}").query for text in texts]
    numbers, raw = tuple(range(len(queries))), writer.encode(record)
    fields = Fields(decode_record(raw))
    expected = tuple(
        number
        for number in numbers
        if any(condition.matches(fields) for condition in queries[number].conditions)
    )
    assert prepared(Glances(queries), *numbers).satisfied(numbers, raw) == expected
