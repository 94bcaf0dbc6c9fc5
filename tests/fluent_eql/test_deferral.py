"""Events that are filed under their join key unread."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.api import KEEP, Problem
from fluent_eql.deferral import MOST_TEXTS, Deferral, texts_of
from fluent_eql.detection import SequenceRule, typed_key
from fluent_eql.event import encode_value
from fluent_eql.fields import Fields
from fluent_eql.filter import EqlFilter
from fluent_eql.keys import NO_KEY
from fluent_eql.lang import SequenceQuery
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import Event, make_event
from support.events import SECOND, Record
from support.rules import driver_without_notes, rule
from support.sequences import happened, names, sequences

WINDOW = 2 * SECOND
TWO = """
sequence by k
  [network where label == "outside" and not x > 5]
  [file where label == "secret"]
"""


def deferral(query: str) -> Deferral | None:
    loaded = rule(query)
    assert isinstance(loaded.query, SequenceQuery)
    made = SequenceRule(0, loaded, loaded.query, EqlOptions())
    return Deferral.of(made.query, made.completing)


def texts(condition: str) -> tuple[bytes, ...]:
    [found] = rule(f"any where {condition}").query.conditions
    return texts_of(found.expression)


def raw(record: Record) -> bytes:
    return encode_value(record)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('a == "longer" and b == "text"', (b"longer", b"text")),
        ('a == "longest" and b == "longer" and c == "long"', (b"longest", b"longer")),
        ('a == "é€é"', ("é€é".encode(),)),
        ('a : "Text" and b == "other"', (b"other",)),
        ('a in ("first", "second")', ()),
        ('not a == "text"', ()),
        ("a > 5", ()),
    ],
)
def test_the_texts_of_a_condition_are_the_longest_that_a_match_must_have(
    condition: str, expected: tuple[bytes, ...]
) -> None:
    assert texts(condition) == expected
    assert len(expected) <= MOST_TEXTS


def test_keys_are_told_in_the_order_of_the_query() -> None:
    found = deferral("sequence by b, a.c, a.b [n where true] [file where true]")
    assert found is not None
    assert found.key_of(raw({"a": {"b": "1", "c": "2"}, "b": "3"})) == ("3", "2", "1")
    assert found.key_of(raw({"a.b": "1", "a": {"c": "2"}, "b": "3"})) is None
    assert found.key_of(b"\x81\xa1b\xa1\xff") is None
    assert found.key_of(raw({"a": {"b": "1", "c": "2"}})) == NO_KEY


def test_without_join_keys_no_key_is_told_and_every_event_is_read() -> None:
    query = 'sequence [network where label == "outside"] [file where label == "secret"]'
    found = deferral(query)
    assert found is None or found.key_of(raw({"k": "a"})) is None
    records = [network("n1", 0), file("f1", SECOND, k="b")]
    assert sequences(driver_without_notes(rule(query)), records) == [("n1", "f1")]


SCALARS = st.sampled_from(["alpha", "beta", "Alpha", "gamma delta", 1, True, None, b"alpha"])
RECORDS = st.dictionaries(
    st.sampled_from(["name", "other", "event.category", "k"]),
    st.one_of(SCALARS, st.lists(SCALARS, max_size=3)),
    max_size=4,
)
TESTS = st.sampled_from(
    [
        'name == "alpha"',
        'other : "ALPHA"',
        'name like "*delta"',
        'name in ("alpha", "beta")',
        'not other == "beta"',
        'name == "alpha" and other == "gamma delta"',
        'startsWith(name, "gamma") and other == "alpha"',
        "name == other",
    ]
)


@settings(deadline=None)
@given(TESTS, RECORDS)
def test_a_record_that_satisfies_a_condition_has_its_texts(test: str, record: Record) -> None:
    [found] = rule(f"any where {test}").query.conditions
    if found.matches(Fields(record)):
        assert all(text in raw(record) for text in texts_of(found.expression))


def test_what_cannot_complete_and_what_cannot_stand_are_told_from_bytes() -> None:
    found = deferral(TWO)
    assert found is not None
    network = raw({"event.category": "network", "label": "outside"})
    file = raw({"event.category": "file", "label": "secret"})
    other = raw({"event.category": "process", "name": "x"})
    assert [found.may_complete(one) for one in (network, file, other)] == [False, True, False]
    assert [found.may_stand(one) for one in (network, file, other)] == [True, False, False]


@pytest.mark.parametrize(
    "query",
    [
        "sequence by k [network where true] [any where x > 5]",
        "sequence [network where true] by a [process where true] by b [file where true] by a",
    ],
)
def test_nothing_is_filed_where_texts_or_one_key_are_missing(query: str) -> None:
    assert deferral(query) is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"k": "a"}, ("a",)),
        ({"k": 1}, typed_key((1,))),
        ({"k": ["a"]}, None),
        ({"k": ["a", "b"]}, None),
        ({"k": 1.0}, None),
        ({"k": True}, None),
        ({"x": 1}, NO_KEY),
        ({"k": None}, NO_KEY),
    ],
    ids=repr,
)
def test_an_event_is_filed_under_one_key_which_is_text_or_a_whole_number(
    record: Record, expected: Hashable | None
) -> None:
    found = deferral(TWO)
    assert found is not None
    assert found.key_of(raw(record)) == expected


def network(name: str, time: int, **fields: Any) -> Record:
    return happened(name, "network", time, **{"label": "outside", **fields})


def file(name: str, time: int, **fields: Any) -> Record:
    return happened(name, "file", time, **{"label": "secret", **fields})


def counted(found: EqlFilter, name: str) -> float:
    [value] = [m.value for m in found.metrics() if m.name == f"fluent_eql_{name}_total"]
    return value


def stage_matches(found: EqlFilter) -> float:
    return counted(found, "stage_matches")


def test_an_unread_event_is_read_when_one_comes_that_could_complete_the_sequence() -> None:
    found = EqlFilter([rule(TWO)], EqlOptions())
    events = [make_event(network("n1", 0)), make_event(network("n2", 1, x=9))]
    assert found.process(events, now=0).held == []
    assert (stage_matches(found), counted(found, "events_filed")) == (0, 2)
    last = make_event(file("f1", SECOND))
    found.process([last], now=1)
    [alert] = found.advance(1 + WINDOW).alerts
    assert names(alert) == ("n1", "f1")
    assert (stage_matches(found), counted(found, "events_filed")) == (2, 2)


def test_unread_events_are_put_into_event_order() -> None:
    records = [network("n2", 2), network("n1", 1), file("f1", 3)]
    assert sequences(driver_without_notes(rule(TWO)), records) == [("n2", "f1")]


def test_unread_events_with_whole_numbers_as_keys_are_found_again_and_true_is_not_one() -> None:
    records = [network("n1", 0, k=1), network("n2", 1, k=True), file("f1", 2, k=1)]
    runner = driver_without_notes(rule(TWO))
    assert sequences(runner, records) == [("n1", "f1")]
    assert runner.metric("fluent_eql_events_filed_total", **dict(rule(TWO).labels)) == 1


def test_an_event_without_a_key_is_not_even_filed() -> None:
    found = EqlFilter([rule(TWO)], EqlOptions())
    found.process([make_event(network("n1", 0, k=None))], now=0)
    assert (stage_matches(found), counted(found, "events_filed")) == (0, 0)


def test_an_event_of_a_key_that_has_been_run_is_read_at_once() -> None:
    runner = driver_without_notes(rule(TWO))
    runner.send([file("f1", 5 * SECOND)])
    runner.advance(WINDOW)
    result = runner.send([network("n1", SECOND)])
    assert result.alerts == []
    [alert] = runner.advance(WINDOW).alerts
    assert (names(alert), alert["late"]) == (("n1", "f1"), True)


def test_no_more_than_max_pending_stay_unread() -> None:
    found = EqlFilter([rule(TWO)], EqlOptions(max_pending=3))
    for number in range(10):
        found.process([make_event(network(f"n{number}", number))], now=0)
    assert stage_matches(found) == 7
    found.advance(WINDOW)
    assert stage_matches(found) == 10


def test_with_notes_every_event_is_read_when_it_comes() -> None:
    found = EqlFilter([rule(TWO)], EqlOptions())
    found.recall([], now=0)
    assert len(found.process([make_event(network("n1", 0))], now=0).notes) == 1


def test_a_record_that_cannot_be_read_is_a_problem_now_or_is_no_match_later() -> None:
    found = EqlFilter([rule(TWO)], EqlOptions())
    broken = Event("test", 0, raw(network("n1", 0, tail="x"))[:-1])
    outcome = found.process([broken], now=0)
    assert [type(problem) for problem in outcome.problems] == [Problem]
    assert (outcome.held, outcome.decided) == ([], [])
    found.process([last := make_event(file("f1", SECOND))], now=0)
    assert found.advance(WINDOW).decided == [(last, KEEP)]


def test_what_is_no_map_is_a_problem_whatever_it_holds() -> None:
    outcome = EqlFilter([rule(TWO)], EqlOptions()).process([Event("test", 0, b"\x05")], now=0)
    assert len(outcome.problems) == 1
