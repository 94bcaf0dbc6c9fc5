from __future__ import annotations

from typing import Any

from fluent_eql.api import Evidence, Insight, Inspectable
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from support.events import SECOND, Record, Scene
from support.rules import rule
from support.sequences import happened

TWO = "sequence by k with maxspan=5s [n where true] [f where true]"


def eql(*rules: Rule, **settings: Any) -> EqlFilter:
    return EqlFilter(rules, EqlOptions(**{"reorder_window": 0, **settings}))


def looking_at(found: object) -> Insight:
    assert isinstance(found, Inspectable)
    return found.inspection


def candidates(
    found: EqlFilter, rule_id: str | None = None, value: str | None = None
) -> list[tuple[str, dict[str, Any], int]]:
    told = looking_at(found).candidates(rule_id, value)
    return [(one["rule"]["id"], dict(one["by"]), one["events"]) for one in told]


def the_evidence(found: EqlFilter, *records: Record) -> Evidence:
    outcome = found.process([make_event(record) for record in records], now=0)
    [alert] = outcome.alerts
    assert list(outcome.evidence) == [alert["id"]]
    return outcome.evidence[alert["id"]]


def test_the_rules_are_told_and_the_texts_that_their_records_must_hold() -> None:
    found = looking_at(eql(rule('file where process.name == "curl"'), rule(TWO, name="Two")))
    assert [known["kind"] for known in found.rules()] == ["event", "sequence"]
    assert found.screening("id-Test rule") == [
        [{"field": "name", "text": "curl", "caseless": False}]
    ]
    assert len(found.screening("id-Two")) == 2
    assert found.screening("id-Other") == []


def test_a_rule_for_which_every_record_is_decoded_says_so() -> None:
    found = looking_at(eql(rule("any where a == null"), rule(TWO, name="Two")))
    assert [known["screened"] for known in found.rules()] == [False, True]
    assert found.screening("id-Test rule") == [None]


def test_candidates_are_told_by_join_key_the_newest_first() -> None:
    found = eql(rule(TWO))
    events = [happened(f"n{n}", "n", n, k=k) for n, k in enumerate(["a", "b", "b"])]
    found.process([make_event(event) for event in events], now=7)
    assert candidates(found) == [("id-Test rule", {"k": "b"}, 2), ("id-Test rule", {"k": "a"}, 1)]
    assert [one["renewed"] for one in looking_at(found).candidates(None, None)] == [7, 7]


def test_candidates_can_be_asked_for_by_rule_and_by_value() -> None:
    found = eql(rule(TWO), rule(TWO, name="Other"))
    found.process([make_event(happened(k, "n", 0, k=k)) for k in ("a", "b")], now=0)
    assert [by["k"] for _, by, _ in candidates(found, "id-Other")] == ["b", "a"]
    assert candidates(found, "id-Other", "a") == [("id-Other", {"k": "a"}, 1)]
    assert candidates(found, value="c") == []


def test_join_values_that_are_no_text_are_told_as_they_are() -> None:
    found = eql(rule(TWO))
    for value in (True, 1):
        found.process([make_event(happened(f"n{value}", "n", 0, k=value))], now=0)
    assert [by["k"] for _, by, _ in candidates(found)] == [1, True]


def test_what_has_been_run_and_waits_for_its_next_event_is_a_candidate() -> None:
    found = eql(rule("sequence by k [n where true] [f where true] [g where true]"))
    events = [happened("n1", "n", 0), happened("f1", "f", 1), happened("g1", "g", 2)]
    found.process([make_event(event) for event in events[:2]], now=0)
    assert [events for _, _, events in candidates(found)] == [2]
    found.process([make_event(events[2])], now=0)
    assert candidates(found) == []


def test_evidence_has_the_events_their_times_the_host_and_the_rule() -> None:
    scene = Scene()
    network, file = scene.network(0), scene.file(SECOND)
    evidence = the_evidence(EqlFilter.create(EqlOptions(reorder_window=0)), network, file)
    assert [sighting.event.record for sighting in evidence.sightings] == [network, file]
    assert evidence.sightings[1].time - evidence.sightings[0].time == SECOND
    assert evidence.host == file["host"]["name"]
    assert evidence.about["maxspan_ns"] == 5 * SECOND


def test_a_host_without_a_name_is_told_by_its_id() -> None:
    single = eql(rule("any where x == 1"))
    assert the_evidence(single, {"x": 1, "host": {"id": "h1"}}).host == "h1"


def test_evidence_of_an_event_that_names_no_host_has_none() -> None:
    evidence = the_evidence(eql(rule("any where x == 1")), {"x": 1})
    assert (evidence.host, len(evidence.sightings)) == ("", 1)


def test_a_mapping_says_where_the_host_is() -> None:
    found = eql(rule('process where event.type == "start"'), source="tetragon")
    record = {
        "process_exec": {"process": {"exec_id": "e", "binary": "/bin/sh", "pid": 3}},
        "node_name": "node-7",
        "time": "2027-01-15T08:00:00Z",
    }
    assert the_evidence(found, record).host == "node-7"
