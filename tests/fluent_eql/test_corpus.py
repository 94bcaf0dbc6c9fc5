"""The corpus of queries, streams and alerts, see tests/corpus/README.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from fluent_eql.errors import SourceError
from fluent_eql.event import Event
from fluent_eql.fields import Fields
from fluent_eql.lang import EventQuery, SequenceQuery, compile_query
from fluent_eql.rules import Rule
from fluent_eql.testing import FilterDriver, make_event
from support.corpus import Alert, Alerts, Case, Refused, cases, index
from support.events import Record
from support.rules import driver, rule

CASES = cases()
ANSWERED = [case for case in CASES if isinstance(case.expected, Alerts)]
REFUSED = [case for case in CASES if isinstance(case.expected, Refused)]


def flat(record: Mapping[str, Any]) -> Record:
    """The same fields with dotted names; as it is where a name has two values then."""
    pairs = list(_pairs(record, ""))
    return dict(pairs) if len(dict(pairs)) == len(pairs) else dict(record)


def _pairs(record: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in record.items():
        name = f"{prefix}{key}"
        found += _pairs(value, f"{name}.") if isinstance(value, dict) and value else [(name, value)]
    return found


def nested(record: Mapping[str, Any]) -> Record:
    """The same fields as objects in objects; as it is where a field would be both."""
    root: Record = {}
    for name, value in flat(record).items():
        *parents, last = name.split(".")
        inner = root
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                return dict(record)
        if last in inner:
            return dict(record)
        inner[last] = value
    return root


SPELLINGS: dict[str, Callable[[Mapping[str, Any]], Record]] = {
    "written": dict,
    "flat": flat,
    "nested": nested,
}


def named(record: Mapping[str, Any], number: int) -> Record:
    """The record with its number as its id, spelled as its other event fields are."""
    event = record.get("event")
    if isinstance(event, dict):
        return {**record, "event": {**event, "id": str(number)}}
    return {**record, "event.id": str(number)}


def events_of(case: Case, spelling: str) -> list[Event]:
    spell = SPELLINGS[spelling]
    return [
        make_event(named(spell(record), number), time=time)
        for number, (record, time) in enumerate(
            zip(case.stream, case.entry_times, strict=True), start=1
        )
    ]


def numbers(alert: Record) -> Alert:
    events = alert["sequence"]["events"] if "sequence" in alert else alert["events"]
    return tuple(int(event["event.id"]) for event in events)


def alerts_of(runner: FilterDriver, events: list[Event]) -> list[Alert]:
    """What is found in events that arrive one by one, the end of the stream included."""
    alerts = [alert for event in events for alert in runner.send([event]).alerts]
    return sorted(map(numbers, (*alerts, *runner.flush().alerts)))


@cache
def loaded(query: str) -> Rule:
    return rule(query)


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_a_query_finds_what_the_corpus_says_however_the_fields_are_spelled(case: Case) -> None:
    assert isinstance(case.expected, Alerts)
    tested = loaded(case.query)
    runner = driver(tested, reorder_window=None)
    for spelling in SPELLINGS:
        found = alerts_of(runner, events_of(case, spelling))
        assert found == list(case.expected.found), spelling
        if isinstance(tested.query, SequenceQuery):
            runner = driver(tested, reorder_window=None)
    warning = case.expected.warning
    assert warning is None or any(warning in told for told in tested.query.warnings)


def test_a_condition_alone_says_the_same_as_a_filter_that_screens() -> None:
    for case in ANSWERED:
        query = loaded(case.query).query
        if isinstance(query, EventQuery):
            matches = query.condition.matches
            found = [
                (number,)
                for number, record in enumerate(case.stream, start=1)
                if matches(Fields(record))
            ]
            assert isinstance(case.expected, Alerts)
            assert found == list(case.expected.found), case


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_query_is_refused_as_the_corpus_says(case: Case) -> None:
    assert isinstance(case.expected, Refused)
    with pytest.raises(SourceError) as error:
        compile_query(case.query)
    assert case.expected.part in error.value.message


def test_every_row_of_the_index_has_cases_and_every_case_a_row() -> None:
    rows = {(case.section, case.row) for case in CASES}
    listed = index()
    assert len(listed) == len(set(listed))
    assert set(listed) == rows


def test_a_case_is_strict_in_both_directions() -> None:
    for case in ANSWERED:
        assert isinstance(case.expected, Alerts)
        assert case.expected.found, f"{case}: no alert"
        if isinstance(loaded(case.query).query, EventQuery):
            assert len(case.expected.found) < len(case.stream), f"{case}: every record matches"


def test_no_case_is_another_one_again() -> None:
    assert len({(case.query, str(case.stream)) for case in CASES}) == len(CASES)
    assert len(CASES) >= 350


def test_the_spellings_differ() -> None:
    record = {"a.b": 1, "c": {"d": 2}}
    assert flat(record) == {"a.b": 1, "c.d": 2}
    assert nested(record) == {"a": {"b": 1}, "c": {"d": 2}}
    both = {"a.b": 1, "a": {"b": 2}}
    assert flat(both) == nested(both) == both
