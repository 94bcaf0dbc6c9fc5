"""The EQL filter as a pipeline calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluent_eql.api import KEEP, Filter, Replace
from fluent_eql.errors import RuleErrors
from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.registry import check_plugin
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver, make_event
from support.events import SECOND, START, Scene, with_fields
from support.rules import SHIPPED_SLUG, driver, rule, rule_file
from support.sequences import happened, names

TWO = "sequence by k [n where true] [f where true]"
WINDOW = 2 * SECOND


def eql(*rules: str, **settings: Any) -> EqlFilter:
    loaded = [rule(query, name=f"Rule {number}") for number, query in enumerate(rules, start=1)]
    return EqlFilter(loaded, EqlOptions(**settings))


def network(time: int = 0, **fields: Any) -> Event:
    return make_event(happened("n1", "n", time, **fields))


def file(time: int = SECOND, **fields: Any) -> Event:
    return make_event(happened("f1", "f", time, **fields))


def test_the_filter_honours_the_contract() -> None:
    check_plugin(EqlFilter, culprit="eql")
    assert isinstance(eql(TWO), Filter)


def test_the_screen_asks_for_the_entries_that_could_match() -> None:
    found = eql('f where file.name == "secret"')
    body = encode_value({"file": {"name": "other"}}) + encode_value({"file.name": "secret"})
    [offset] = found.screen(body) or ()
    assert offset >= len(encode_value({"file": {"name": "other"}}))
    assert found.screen(b"") == ()
    assert eql("any where x > 1").screen(body) is None


def test_one_condition_without_a_screen_asks_for_every_entry() -> None:
    assert eql('f where file.name == "secret"', "any where not x == 1").screen(b"\x80") is None


def test_an_event_that_could_complete_a_sequence_is_held() -> None:
    found, event = eql(TWO), file()
    outcome = found.process([event], now=100)
    assert (outcome.held, outcome.decided) == ([event], [])
    assert found.next_deadline() == 100 + WINDOW


def test_all_other_events_are_left_alone() -> None:
    found = eql(TWO)
    outcome = found.process([network(), make_event({"x": 1})], now=0)
    assert (outcome.held, outcome.decided, outcome.alerts) == ([], [], [])


def test_a_held_event_is_decided_at_its_deadline() -> None:
    found, event = eql(TWO), file()
    found.process([event], now=0)
    assert found.advance(WINDOW - 1).decided == []
    assert found.advance(WINDOW).decided == [(event, KEEP)]
    assert found.next_deadline() is None


def test_a_completing_event_is_replaced_by_one_enriched_record() -> None:
    found, event = eql(TWO), file()
    found.process([network(), event], now=0)
    [(decided, verdict)] = found.advance(WINDOW).decided
    assert decided is event
    assert isinstance(verdict, Replace)
    assert verdict.time is None
    [raw] = verdict.records
    assert decode_record(raw)["eql.alerts"][0]["sequence"]["span_ns"] == SECOND


def test_a_call_of_process_decides_what_is_due_as_well() -> None:
    found, held = eql(TWO), file()
    found.process([held], now=0)
    outcome = found.process([make_event({"x": 1})], now=WINDOW)
    assert outcome.decided == [(held, KEEP)]


def test_flush_decides_everything_that_is_held() -> None:
    found, events = eql(TWO), [file(1), file(2, k="b")]
    found.process(events, now=0)
    assert [event for event, _ in found.flush(now=1).decided] == events
    assert found.flush(now=1).decided == []


def test_what_time_has_to_decide_is_waited_for_once_however_many_events_follow() -> None:
    found = eql("sequence by k with maxspan=5m [n where true] ![m where true]")
    for number in range(10):
        found.process([make_event(happened(f"m{number}", "m", number))], now=number)
    found.process([make_event(happened("n1", "n", 10))], now=10)
    for number in range(11, 20):
        found.process([make_event(happened(f"late{number}", "m", number - 11))], now=number)
    found.advance(WINDOW + 20)
    assert len(found._agenda) == 1
    assert found.next_deadline() == 300 * SECOND + 10 + 1 + WINDOW


def test_an_emission_names_the_event_that_caused_it() -> None:
    found, event = eql(TWO, alert_copies=True), file()
    found.process([network(), event], now=0)
    [copy] = found.advance(WINDOW).emitted
    assert copy.cause is event


def test_a_late_emission_has_no_cause_for_its_event_has_left() -> None:
    found = eql(TWO, reorder_window=0)
    found.process([file()], now=0)
    [emission] = found.process([network()], now=1).emitted
    assert emission.cause is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\x01",
        b"\x90",
        b"\x81\xa1a",
        b"\x81\x90\x01",
        b"\x81\xa1a" + b"\x91" * 5000 + b"\xc0",
    ],
    ids=lambda raw: repr(raw[:8]),
)
def test_a_record_that_cannot_be_read_is_a_problem_and_goes_on(raw: bytes) -> None:
    found, broken, good = eql("f where true"), Event("t", 0, raw), file()
    outcome = found.process([broken, good], now=0)
    [problem] = outcome.problems
    assert problem.event is broken
    assert "map" in problem.reason
    assert outcome.held == []
    assert [event for event, _ in outcome.decided] == [good]


@pytest.mark.parametrize(
    "odd",
    [
        {1: {"a": 1}},
        {None: {}, True: {}, 1.5: {}},
        {"\udcff": b"\xff", "x": msgpack.ExtType(5, b"abc")},
        {"when": msgpack.Timestamp(5, 6)},
        {"eql": [1], "tags": {"a": 1}, "rule": 5, "threat": None},
        {"k": ["a", None, {}, ["b"]]},
        {"event.sequence": float("nan")},
        {"@timestamp": "9" * 5000},
        {"deep": [[[[[[[[{}]]]]]]]]},
    ],
    ids=lambda odd: repr(odd)[:40],
)
def test_a_completing_record_of_any_content_is_enriched(odd: dict[Any, Any]) -> None:
    found = eql(TWO)
    completing = make_event({**happened("f1", "f", SECOND), **odd}, time=START + SECOND)
    outcome = found.process([network(), completing], now=0)
    assert outcome.problems == []
    [(_, verdict)] = found.advance(WINDOW).decided
    assert isinstance(verdict, Replace)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.sampled_from(["n", "f", "2026", "9" * 30, "\udcff"]),
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=3)),
)
NAMES = st.sampled_from(["@timestamp", "event", "id", "sequence", "category", "k", "tags", "eql"])
FLAT_NAMES = st.sampled_from(["event.id", "event.sequence", "event.category", "rule", "eql.alerts"])
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NAMES, FLAT_NAMES, st.integers(0, 9)), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(st.one_of(NAMES, FLAT_NAMES), JUNK, max_size=6).map(
            lambda junk: {"event.category": ["n", "f"], "k": "a", **junk}
        ),
        min_size=1,
        max_size=5,
    )
)
@example([{"event.category": ["n", "f"], "k": "a", "@timestamp": 1.8446744073709552e22}])
def test_whatever_records_hold_the_filter_decides_each_and_never_raises(
    records: list[dict[str, Any]],
) -> None:
    runner = driver(rule(TWO), rule("f where k == null or tags != 5", name="Single"))
    out = [record for record in records for record in runner.send([record]).out]
    out += runner.advance(WINDOW).out
    assert len(out) == len(records)
    assert runner.filter.next_deadline() is None


def test_a_span_of_centuries_is_told_as_the_longest_that_a_record_can_hold() -> None:
    runner = driver(rule(TWO))
    dates = {"n": "0001-01-01", "f": "9999-12-31"}
    runner.send([{**happened(kind, kind, 0), "@timestamp": date} for kind, date in dates.items()])
    [alert] = runner.flush().alerts
    assert alert["sequence"]["span_ns"] == 2**64 - 1


def test_a_tiebreaker_that_is_not_a_number_holds_nothing_back() -> None:
    scene, runner = Scene(), driver()
    files = [
        with_fields(scene.file(), {"event.sequence": tiebreaker})
        for tiebreaker in (None, float("nan"), 1, float("nan"), 1)
    ]
    runner.send(files)
    assert len(runner.advance(WINDOW).out) == len(files)


TEMPLATE = """
[rule]
rule_id = "{id}"
name = "{name}"
severity = "low"
risk_score = 1
query = "{query}"
"""


def test_create_loads_the_rules_that_the_options_name(tmp_path: Path) -> None:
    text = TEMPLATE.format(id="r1", name="Mine", query="f where x == 1")
    path = rule_file(tmp_path, "mine.toml", text)
    found = EqlFilter.create(EqlOptions(rules=(path,), event_category_field="kind"))
    assert [loaded.id for loaded in found.rules] == ["r1"]
    assert found.process([make_event({"kind": "f", "x": 1})], now=0).alerts
    assert not found.process([make_event({"event.category": "f", "x": 1})], now=0).alerts


def test_create_tells_every_error_in_the_rules(tmp_path: Path) -> None:
    for number in (1, 2):
        text = TEMPLATE.format(id=f"r{number}", name="Wrong", query="f where")
        rule_file(tmp_path, f"{number}.toml", text)
    with pytest.raises(RuleErrors) as raised:
        EqlFilter.create(EqlOptions(rules=(tmp_path,)))
    assert len(raised.value.errors) == 2


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("eql.alert.${rule.slug}", "eql.alert.rule_1"),
        ("${tag}.alerts", "edge.alerts"),
        ("x.${rule.id}", "x.id-Rule 1"),
        ("fixed", "fixed"),
        ("${unknown}", "${unknown}"),
    ],
)
def test_the_alert_tag_knows_its_names(template: str, expected: str) -> None:
    found = eql("f where true", alert_copies=True, alert_tag=template)
    event = make_event(happened("f1", "f", 0), tag="edge")
    assert [emission.tag for emission in found.process([event], 0).emitted] == [expected]


def test_one_copy_goes_out_for_each_tag() -> None:
    found = eql("f where true", "f where x == 1", alert_copies=True, alert_tag="alerts")
    outcome = found.process([make_event(happened("f1", "f", 0, x=1))], 0)
    [emission] = outcome.emitted
    assert len(decode_record(emission.raw)["eql.alerts"]) == 2


TEST_RULE = {"rule": "test_rule", "rule_id": "id-Test rule"}


def test_the_metrics_count_what_happened() -> None:
    runner = driver(rule(TWO), rule("x where true", name="Other"))
    runner.send([happened("n1", "n", 0), happened("f1", "f", 1), happened("x1", "x", 2)])
    runner.send([happened("nothing", "y", 3)])
    runner.flush()
    assert runner.metric("fluent_eql_events_decoded_total") == 3
    assert runner.metric("fluent_eql_stage_matches_total", **TEST_RULE) == 2
    assert runner.metric("fluent_eql_alerts_total", **TEST_RULE, late="false") == 1
    assert (
        runner.metric("fluent_eql_alerts_total", rule="other", rule_id="id-Other", late="false")
        == 1
    )
    assert runner.metric("fluent_eql_entities", **TEST_RULE) == 1
    assert runner.metric("fluent_eql_entities_evicted_total", **TEST_RULE) == 0


def test_past_the_most_entities_the_least_recent_is_forgotten_and_counted() -> None:
    runner = driver(rule(TWO), reorder_window=0, max_entities=2)
    for number, key in enumerate("abc"):
        runner.send([happened(f"n{key}", "n", number, k=key)])
    assert runner.send([happened("fa", "f", 10, k="a")]).alerts == []
    [alert] = runner.send([happened("fc", "f", 11, k="c")]).alerts
    assert names(alert) == ("nc", "fc")
    assert runner.metric("fluent_eql_entities_evicted_total", **TEST_RULE) >= 1


def test_forgetting_is_warned_of_once_a_minute() -> None:
    minute = 60 * SECOND
    found = EqlFilter([rule(TWO)], EqlOptions(reorder_window=0, max_entities=1))

    def warnings_at(now: int, key: str) -> list[str]:
        return found.process([make_event(happened(f"n{key}", "n", 0, k=key))], now).warnings

    assert warnings_at(0, "a") == []
    (warning,) = warnings_at(1, "b")
    assert warning.startswith("Test rule: 1 join keys forgotten")
    assert warnings_at(2, "c") == warnings_at(3, "d") == []
    assert found.advance(minute).warnings == []
    (warning,) = found.advance(minute + 1).warnings
    assert warning.startswith("Test rule: 2 join keys forgotten")


def test_every_counter_stands_at_zero_before_anything_has_happened() -> None:
    runner = driver(rule(TWO))
    for late in ("false", "true"):
        assert runner.metric("fluent_eql_alerts_total", **TEST_RULE, late=late) == 0
    assert runner.metric("fluent_eql_stage_matches_total", **TEST_RULE) == 0


def test_time_of_is_the_event_time_that_sequences_go_by() -> None:
    found = eql(TWO)
    assert found.time_of(file(5)) == START + 5
    assert found.time_of(make_event({}, time=9)) == 9
    with pytest.raises(ValueError, match="map"):
        found.time_of(Event("t", 0, b"\x01"))


def test_the_decoded_record_is_let_go_once_decided() -> None:
    found, event = eql(TWO), file()
    found.process([network(), event], now=0)
    found.advance(WINDOW)
    assert event._record is None


def test_the_driver_of_the_plugin_runs_the_shipped_rule() -> None:
    runner, scene = FilterDriver.of(EqlFilter, reorder_window="0"), Scene()
    [alert] = runner.send([scene.network(), scene.file()]).alerts
    assert alert["rule"]["name"].lower().replace(" ", "_") == SHIPPED_SLUG
