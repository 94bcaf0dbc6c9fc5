"""One rule against one event."""

from __future__ import annotations

from typing import Any

import pytest

from fluent_eql.detection import (
    LEAST_TTL,
    MOST_JOIN_VALUES,
    EventRule,
    Observation,
    Observer,
    SequenceRule,
    typed_key,
    untyped,
)
from fluent_eql.event import Event
from fluent_eql.event_time import iso_8601
from fluent_eql.lang import EventQuery, SequenceQuery
from fluent_eql.match.machine import StageMatch, Undecided, order_of
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from support.events import SECOND, START, Record
from support.rules import rule
from support.sequences import happened

TWO = "sequence by k [n where x > 1] [f where true]"


NAMES = ("event.category", "k", "j", "a", "b", "x", "y", "z.deep")
READS_ALL = rule(f"any where {' or '.join(f'{name} == null' for name in NAMES)}").query


def observer(**settings: Any) -> Observer:
    return Observer([READS_ALL], EqlOptions(**settings))


def seen(record: Record, *, time: int = 0, **settings: Any) -> Observation:
    return observer(**settings).observe(make_event(record, time=time))


def sequence_rule(query: str, **settings: Any) -> SequenceRule:
    loaded = rule(query)
    assert isinstance(loaded.query, SequenceQuery)
    return SequenceRule(0, loaded, loaded.query, EqlOptions(**settings))


def event_rule(query: str) -> EventRule:
    loaded = rule(query)
    assert isinstance(loaded.query, EventQuery)
    return EventRule(loaded, loaded.query)


def test_the_time_of_an_event_is_that_of_its_timestamp_field() -> None:
    found = seen({"@timestamp": "2027-01-15T08:00:00.000000001Z"}, time=5)
    assert found.time == START + 1
    assert found.timestamp == "2027-01-15T08:00:00.000000001Z"


def test_the_timestamp_is_told_as_the_record_wrote_it_where_it_is_text() -> None:
    assert seen({"@timestamp": "2027-01-15T09:00+01:00"}).timestamp == "2027-01-15T09:00+01:00"
    assert seen({"@timestamp": START // 10**6}).timestamp == iso_8601(START)


@pytest.mark.parametrize("value", [None, "yesterday", [], {}, True, float("nan")], ids=repr)
def test_without_a_usable_timestamp_the_fluent_time_counts(value: Any) -> None:
    found = seen({"@timestamp": value}, time=START + 7)
    assert (found.time, found.timestamp) == (START + 7, iso_8601(START + 7))


def test_the_first_usable_timestamp_field_counts() -> None:
    record = {"b": "no time", "c": {"d": ["x", START // 10**6]}, "@timestamp": "2020"}
    found = seen(record, timestamp_fields=("a", "b", "c.d", "@timestamp"))
    assert found.time == START


def test_an_event_is_the_same_by_its_id_its_time_and_its_tiebreaker() -> None:
    first = happened("e1", "n", 0, event__sequence=1)
    assert seen(first).identity == seen({**first, "other": 1}).identity
    for change in ({"event.id": "e2"}, {"event.sequence": 2}, {"@timestamp": "2020"}):
        assert seen({**first, **change}).identity != seen(first).identity


@pytest.mark.parametrize("value", [None, [], {}])
def test_an_event_without_an_id_has_no_identity(value: Any) -> None:
    assert seen({"event.id": value}).identity is None


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x90", b"\x81\xa1a", b"\x80\x80", b"\x81\x90\x01"])
def test_a_record_that_is_no_map_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="map"):
        observer().observe(Event("t", 0, raw))


def test_a_rule_of_a_single_event_tells_the_fields_that_it_tested() -> None:
    found = event_rule('n where x > 1 and not y == "b" or z.deep == null')
    source = make_event({**happened("e1", "n", 0), "x": [2, 3], "y": "a", "unused": 1})
    event = observer().observe(source)
    assert found.matches(event)
    alert = found.alert(event, source)
    assert alert.sightings == ((event.time, source),)
    assert alert.events == (
        {
            "stage": 0,
            "@timestamp": event.timestamp,
            "event.id": "e1",
            "event.category": "n",
            "x": [2, 3],
            "y": "a",
        },
    )
    assert not found.matches(seen({**happened("e1", "f", 0), "x": 2, "z.deep": 1}))


def test_an_event_has_the_stages_that_it_satisfies() -> None:
    found = sequence_rule(TWO)
    [network] = found.stages_of(seen(happened("e1", "n", 0, x=2)))
    [file] = found.stages_of(seen(happened("e2", "f", 0)))
    assert (network.stages, file.stages, network.key) == ((0,), (1,), file.key)
    assert network.by == ("a",)
    assert found.stages_of(seen(happened("e3", "n", 0, x=1))) == []


def test_the_stages_of_an_event_come_last_first() -> None:
    found = sequence_rule("sequence by k [any where true] [f where true] [any where true]")
    [file] = found.stages_of(seen(happened("e1", "f", 0)))
    assert file.stages == (2, 1, 0)
    [other] = found.stages_of(seen(happened("e1", "g", 0)))
    assert other.stages == (2, 0)


def test_stages_with_unlike_keys_are_told_apart() -> None:
    found = sequence_rule("sequence [n where true] by a [n where true] by b")
    stages = found.stages_of(seen(happened("e1", "n", 0, a=1, b=2)))
    assert [(match.by, match.stages) for match in stages] == [((2,), (1,)), ((1,), (0,))]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (0, False, False),
        (1, "1", False),
        ("a", "A", False),
        ("", None, False),
        (2**64 - 1, 2**64 - 1, True),
    ],
    ids=repr,
)
def test_keys_are_equal_only_for_equal_values_of_one_type(one: Any, other: Any, same: bool) -> None:
    found = sequence_rule("sequence by ?k [n where true] [f where true]")
    keys = [found.stages_of(seen({**happened("e", "n", 0), "k": k}))[0].key for k in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_several_join_values_are_combined() -> None:
    found = sequence_rule("sequence by k, j [n where true] [f where true]")
    stages = found.stages_of(seen(happened("e1", "n", 0, k=["a", "b"], j=[1, True])))
    assert [match.by for match in stages] == [("a", 1), ("a", True), ("b", 1), ("b", True)]
    assert len({match.key for match in stages}) == 4


def test_equal_join_values_are_one_key() -> None:
    found = sequence_rule(TWO)
    [match] = found.stages_of(seen(happened("e1", "f", 0, k=["a", "a"])))
    assert match.stages == (1,)


def test_the_combinations_of_join_values_are_bounded() -> None:
    found = sequence_rule("sequence by k, j [n where true] [f where true]")
    many = list(range(1000))
    assert len(found.stages_of(seen(happened("e1", "n", 0, k=many, j=many)))) == MOST_JOIN_VALUES


def test_an_alert_tells_its_keys_its_span_and_what_each_stage_tested() -> None:
    found = sequence_rule(TWO)
    sources = [
        make_event(happened("e1", "n", 0, x=2)),
        make_event(happened("e2", "f", SECOND, x=3)),
    ]
    first, last = map(observer().observe, sources)
    alert = found.alert(("a",), [first, last], sources, late=True)
    assert alert.sightings == ((first.time, sources[0]), (last.time, sources[1]))
    assert (alert.by, alert.span, alert.late) == ({"k": "a"}, SECOND, True)
    assert [(event["stage"], event.get("x")) for event in alert.events] == [(0, 2), (1, None)]


def test_the_copies_of_a_repeated_stage_are_stages_of_their_own() -> None:
    found = sequence_rule("sequence by k [n where true] with runs=3 [f where true]")
    [network] = found.stages_of(seen(happened("e1", "n", 0)))
    assert (network.stages, found.last_stage) == ((2, 1, 0), 3)


def test_the_event_that_ends_a_sequence_has_the_number_after_the_last_stages() -> None:
    found = sequence_rule("sequence by k [n where true] [f where true] until [any where true]")
    [ending] = found.stages_of(seen(happened("e1", "x", 0)))
    assert (ending.stages, found.last_stage) == ((2,), 1)
    [both] = found.stages_of(seen(happened("e2", "n", 0)))
    assert both.stages == (2, 0)


def test_events_that_only_end_or_miss_stand_in_no_alert_and_leave_their_record() -> None:
    found = sequence_rule(
        "sequence by k with maxspan=5s [n where true] ![m where true] until [x where true]"
    )
    event = make_event({"k": "a"})
    kept = {
        kind: found.kept(event, found.stages_of(seen(happened("e", kind, 0)))[0]) for kind in "nmx"
    }
    assert kept["n"] is event
    assert (kept["m"].raw, kept["x"].raw) == (b"", b"")
    assert (kept["m"].tag, kept["m"].time) == (event.tag, event.time)
    assert found.last_stage == 0


def test_an_alert_numbers_its_events_as_the_stages_and_leaves_missing_ones_out() -> None:
    found = sequence_rule(
        "sequence with maxspan=5s ![m where true] by j [n where x > 1] by k"
        " ![m where true] by j [f where true] by k"
    )
    sources = [make_event(happened("e1", "n", 0, x=2)), make_event(happened("e2", "f", SECOND))]
    first, last = map(observer().observe, sources)
    alert = found.alert(("a",), [first, last], sources, late=False)
    assert (alert.by, alert.span) == ({"k": "a"}, SECOND)
    assert [event["stage"] for event in alert.events] == [1, 3]


TRAILING = "sequence by k with maxspan=5s [n where true] ![m where true]"


@pytest.mark.parametrize(
    ("query", "window", "expected"),
    [
        (TRAILING, 5 * SECOND, True),
        (TRAILING, 5 * SECOND - 1, False),
        (TRAILING, None, True),
        ("sequence by k with maxspan=5s ![m where true] [n where true]", None, False),
        (TWO, 5 * SECOND, False),
    ],
)
def test_a_record_waits_in_place_for_no_longer_than_the_reorder_window(
    query: str, window: int | None, expected: bool
) -> None:
    assert sequence_rule(query, reorder_window=window).waits_in_place is expected


def test_time_decides_when_the_slowest_event_of_the_sequence_could_have_been_followed() -> None:
    found = sequence_rule(TRAILING, reorder_window=2)
    slow = StageMatch(order_of(100, None, 0), (0,), None, arrived=1100, subject=None)
    fast = StageMatch(order_of(103, None, 1), (1,), None, arrived=1101, subject=None)
    for sequence in ((slow, fast), (fast, slow)):
        assert found.due(Undecided(sequence, 105)) == 1105 + 2 + 1
    timeless = sequence_rule(TRAILING, reorder_window=None)
    assert timeless.due(Undecided((slow, fast), 105)) == 105


def _remembers(found: SequenceRule, age: int) -> bool:
    match = StageMatch(order_of(0, None, 0), (0,), "e1", arrived=0, subject=None)
    found.matcher.add("key", match)
    found.matcher.expire(age)
    return found.matcher.entities == 1


@pytest.mark.parametrize(
    ("maxspan", "settings", "ttl"),
    [
        ("5s", {}, LEAST_TTL),
        ("1h", {}, 7200 * SECOND),
        ("5m", {}, LEAST_TTL),
        ("1h", {"state_ttl": 60 * SECOND}, 60 * SECOND),
    ],
)
def test_a_key_is_remembered_for_ten_minutes_or_twice_maxspan(
    maxspan: str, settings: dict[str, int], ttl: int
) -> None:
    query = f"sequence by k with maxspan={maxspan} [n where true] [f where true]"
    assert _remembers(sequence_rule(query, **settings), ttl)
    assert not _remembers(sequence_rule(query, **settings), ttl + 1)


def test_what_time_has_to_decide_is_remembered_until_then() -> None:
    found = sequence_rule(TRAILING, state_ttl=SECOND, reorder_window=2 * SECOND)
    assert found.matcher.ttl == 11 * SECOND
    assert sequence_rule(TRAILING, reorder_window=None).matcher.ttl == LEAST_TTL


def test_the_metrics_count_the_keys_remembered_and_forgotten() -> None:
    found = sequence_rule(TWO, max_entities=2)
    for number in range(5):
        match = StageMatch(order_of(0, None, number), (0,), None, arrived=0, subject=None)
        found.matcher.add(number, match)
    values = {metric.name: (metric.value, metric.labels) for metric in found.metrics()}
    assert values == {
        "fluent_eql_stage_matches_total": (0, found.rule.labels),
        "fluent_eql_events_filed_total": (0, found.rule.labels),
        "fluent_eql_entities": (2, found.rule.labels),
        "fluent_eql_entities_evicted_total": (3, found.rule.labels),
    }


@pytest.mark.parametrize("by", [(), ("a",), ("a", None), (True, 1, "x"), (1.5,)], ids=repr)
def test_a_join_key_gives_the_values_that_it_was_made_of(by: tuple[Any, ...]) -> None:
    assert list(map(repr, untyped(typed_key(by)))) == list(map(repr, by))
