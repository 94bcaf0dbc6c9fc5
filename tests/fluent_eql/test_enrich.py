"""What an alert adds to a record, and what it leaves alone."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.alert import Alert, summary
from fluent_eql.enrich import enrich, flattened, is_flat, rule_fields, threat_fields
from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.rules import Rule
from support.events import Record, Scene, flat, mixed
from support.rules import THREATS, rule
from support.wire import Writer

RULE = rule(
    "any where true",
    name="A rule",
    threats=THREATS,
    version="3",
    ruleset="tests",
    references=("https://example.org/a", "https://example.org/b"),
)
OTHER = rule("any where true", name="Another")
ADDED = {"tags", "rule", "threat", "eql"}


def alert(of: Rule = RULE, event_id: str = "e1") -> Alert:
    return Alert(of, None, None, (summary(0, "2026-11-24T00:00:00Z", (event_id,), {}),))


def enriched(record: Record, *alerts: Alert) -> Record:
    return decode_record(enrich(Event("t", 0, encode_value(record)), alerts or [alert()]))


def test_a_nested_record_gains_nested_fields() -> None:
    record = Scene().file()
    result = enriched(record)
    assert {key: result[key] for key in record} == record
    assert set(result) - set(record) == ADDED
    assert result["tags"] == ["eql-alert", "a_rule"]
    assert result["rule"] == {
        "id": RULE.id,
        "name": "A rule",
        "ruleset": "tests",
        "version": "3",
        "reference": "https://example.org/a",
    }
    assert result["eql"] == {"alerts": [alert().to_dict()]}


def test_threats_become_arrays_in_step() -> None:
    threat = enriched({"a": {}})["threat"]
    assert threat == {
        "framework": "MITRE ATT&CK",
        "tactic": {
            "id": ["TA1", "TA2"],
            "name": ["Tactic one", "Tactic two"],
            "reference": ["https://example.org/TA1", "https://example.org/TA2"],
        },
        "technique": {
            "id": ["T1", "T2"],
            "name": ["Technique one", "Technique two"],
            "reference": ["https://example.org/T1", "https://example.org/T2"],
            "subtechnique": {
                "id": ["T1.001"],
                "name": ["Part one"],
                "reference": ["https://example.org/T1/001"],
            },
        },
    }


def test_what_a_rule_does_not_say_is_left_out() -> None:
    assert rule_fields(OTHER) == {"id": OTHER.id, "name": "Another"}
    assert threat_fields(OTHER) == {}
    assert set(enriched({"a": {}}, alert(OTHER))) == {"a", "tags", "rule", "eql"}


def test_a_flat_record_gains_flat_fields() -> None:
    record = flat(Scene().file())
    result = enriched(record)
    assert {key: result[key] for key in record} == record
    added = set(result) - set(record)
    assert not added & {"rule", "threat", "eql"}
    assert {"tags", "rule.id", "rule.reference", "threat.framework", "eql.alerts"} <= added
    assert result["threat.technique.subtechnique.id"] == ["T1.001"]
    assert result["eql.alerts"] == [alert().to_dict()]


def test_flat_and_nested_fields_say_the_same() -> None:
    nested, flattened_record = enriched({"a": {}}), enriched({"a.b": 1})
    assert dict(flattened("threat", nested["threat"])) == {
        key: value for key, value in flattened_record.items() if key.startswith("threat.")
    }


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, False),
        ({"a": 1}, False),
        ({"a": {"b": 1}}, False),
        ({"a.b": 1}, True),
        ({"a.b": {"c": 1}}, True),
        ({"a.b": 1, "c": {}}, True),
        ({"a.b": 1, "c": {}, "d": {}}, False),
        ({1: {}, "a.b": 1}, True),
        ({1: {}, None: {}, "a.b": 1}, False),
        ({1.5: 1}, False),
    ],
    ids=repr,
)
def test_a_record_is_flat_by_the_majority_of_its_keys(
    record: dict[Any, Any], expected: bool
) -> None:
    assert is_flat(record) is expected


def test_a_mixed_record_gains_what_most_of_its_keys_are_like() -> None:
    record = mixed(Scene().file())
    result = enriched(record)
    assert {key: result[key] for key in record} == record
    assert "eql.alerts" in result
    assert "eql" not in result


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([], ["eql-alert", "a_rule"]),
        (None, ["eql-alert", "a_rule"]),
        ("web", ["web", "eql-alert", "a_rule"]),
        (["web", "db"], ["web", "db", "eql-alert", "a_rule"]),
        (["a_rule"], ["a_rule", "eql-alert"]),
        ("a_rule", ["a_rule", "eql-alert"]),
        ([b"eql-alert", 5, None], [b"eql-alert", 5, None, "a_rule"]),
        ([["x"]], [["x"], "eql-alert", "a_rule"]),
        (5, [5, "eql-alert", "a_rule"]),
        (b"web", [b"web", "eql-alert", "a_rule"]),
        (False, [False, "eql-alert", "a_rule"]),
        ({"env": "web"}, {"env": "web"}),
        ({}, {}),
    ],
    ids=repr,
)
def test_tags_are_appended_to_what_is_there(present: Any, expected: Any) -> None:
    assert enriched({"tags": present})["tags"] == expected


@pytest.mark.parametrize("present", [None, "x", 5, [], {}, {"id": "own"}], ids=repr)
@pytest.mark.parametrize("name", ["rule", "threat"])
def test_a_rule_or_threat_that_is_there_stays_as_it_is(name: str, present: Any) -> None:
    result = enriched({name: present, "a": {}})
    assert result[name] == present
    assert set(result) == {"a"} | ADDED


@pytest.mark.parametrize("name", ["rule.id", "rule.name", "rule.uuid"])
def test_a_flat_rule_field_keeps_all_rule_fields_away(name: str) -> None:
    result = enriched({name: "own"})
    assert [key for key in result if key.startswith("rule")] == [name]
    assert result["threat.framework"] == "MITRE ATT&CK"


def test_a_field_whose_name_only_begins_like_rule_is_no_rule() -> None:
    assert enriched({"ruler": 1, "rules": {"a": 1}})["rule"]["name"] == "A rule"


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ({}, {"alerts": 1}),
        ({"note": "own"}, {"note": "own", "alerts": 1}),
        ({"alerts": []}, {"alerts": 1}),
        ({"alerts": None}, {"alerts": 1}),
    ],
    ids=repr,
)
def test_an_eql_object_that_is_there_gains_the_alerts(
    present: Record, expected: dict[str, Any]
) -> None:
    result = enriched({"eql": present})
    assert result["eql"] == expected | {"alerts": [alert().to_dict()]}


@pytest.mark.parametrize(
    ("present", "before"),
    [
        ([{"id": "older"}], [{"id": "older"}]),
        ([5, None], [5, None]),
        ({"id": "single"}, [{"id": "single"}]),
        ("text", ["text"]),
    ],
    ids=repr,
)
def test_alerts_are_appended_to_what_is_there(present: Any, before: list[Any]) -> None:
    told = alert().to_dict()
    assert enriched({"eql": {"alerts": present}})["eql"]["alerts"] == [*before, told]
    assert enriched({"eql.alerts": present})["eql.alerts"] == [*before, told]


@pytest.mark.parametrize("present", [None, "text", 5, [], [{"alerts": []}]], ids=repr)
def test_an_eql_field_of_another_type_stays_and_the_alerts_go_beside_it(present: Any) -> None:
    result = enriched({"eql": present, "a": {}})
    assert result["eql"] == present
    assert result["eql.alerts"] == [alert().to_dict()]


@pytest.mark.parametrize("record", [{"a": {}}, {"a.b": 1}, {"eql": 5}, {"tags": "x"}], ids=repr)
def test_a_second_relay_with_the_same_rule_adds_nothing(record: Record) -> None:
    once = enrich(Event("t", 0, encode_value(record)), [alert(), alert(OTHER)])
    assert enrich(Event("t", 0, once), [alert(), alert(OTHER)]) == once


def test_a_second_relay_with_another_rule_adds_its_alert_and_slug_alone() -> None:
    once = enriched({"a": {}})
    twice = enriched(once, alert(), alert(OTHER))
    assert twice["tags"] == ["eql-alert", "a_rule", "another"]
    assert [told["rule"]["name"] for told in twice["eql"]["alerts"]] == ["A rule", "Another"]
    assert (twice["rule"], twice["threat"]) == (once["rule"], once["threat"])


def test_two_alerts_of_one_rule_name_it_once() -> None:
    result = enriched({}, alert(event_id="e1"), alert(event_id="e2"))
    assert result["tags"] == ["eql-alert", "a_rule"]
    assert len(result["eql"]["alerts"]) == 2


FLOAT_32 = b"\xca\x3f\xc0\x00\x01"
ODD_PAIRS = (
    b"\xa1s\xa3\xff\xfe\x00",
    b"\xd9\x01b\xc5\x00\x02\x00\xff",
    b"\xda\x00\x01x\xc7\x03\x05abc",
    b"\xa1e\xd7\x00\x00\x00\x00\x01\x00\x00\x00\x02",
    b"\xa1f" + FLOAT_32,
    b"\xa1u\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xa1i\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\xa1n\xd3\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\xa1d\x01",
    b"\xa1d\x02",
    b"\xc4\x01k\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x01k\xdd\x00\x00\x00\x01\xc0",
    b"\x05\x81\x01\x02",
    b"\xa2\xc3\x28\xc2",
)


@pytest.mark.parametrize("count", [0, 1, 5, len(ODD_PAIRS)])
def test_every_byte_of_the_rest_stays(count: int) -> None:
    body = b"".join(ODD_PAIRS[:count])
    for header in (bytes([0x80 | count]), b"\xde" + count.to_bytes(2, "big")):
        result = enrich(Event("t", 0, header + body), [alert()])
        start = result.index(body) if body else len(header)
        assert result[start : start + len(body)] == body
        grown = count + len(ADDED)
        if header[0] == 0xDE or grown > 15:
            assert result[:start] == b"\xde" + grown.to_bytes(2, "big")
        else:
            assert result[:start] == bytes([0x80 | grown])
        added = msgpack.unpackb(b"\x84" + result[start + len(body) :])
        assert set(added) == ADDED


def test_a_map32_header_stays_a_map32_header() -> None:
    raw = b"\xdf\x00\x00\x00\x01" + b"\xa1a\x01"
    assert enrich(Event("t", 0, raw), [alert()]).startswith(b"\xdf\x00\x00\x00\x05\xa1a\x01")


@pytest.mark.parametrize(
    ("count", "header"), [(11, b"\x8f"), (12, b"\xde\x00\x10"), (15, b"\xde\x00\x13")]
)
def test_the_header_grows_past_fifteen_keys(count: int, header: bytes) -> None:
    raw = encode_value({f"k{number}": number for number in range(count)})
    assert enrich(Event("t", 0, raw), [alert()]) == header + raw[1:] + _added()


def _added() -> bytes:
    return enrich(Event("t", 0, b"\x80"), [alert()])[1:]


def test_existing_tags_grow_in_their_place_and_keep_their_bytes() -> None:
    tags = b"\xdd\x00\x00\x00\x02\xd9\x01a\xa1\xff"
    raw = b"\x83\xa1a\x01\xa4tags" + tags + b"\xa1z" + FLOAT_32
    result = enrich(Event("t", 0, raw), [alert()])
    grown = b"\xdd\x00\x00\x00\x04" + tags[5:] + encode_value("eql-alert") + encode_value("a_rule")
    assert result.startswith(b"\x86\xa1a\x01\xa4tags" + grown + b"\xa1z" + FLOAT_32)


def test_strings_that_are_not_utf_8_come_back_in_the_alert() -> None:
    odd = Alert(RULE, {"k": "\udcff"}, 1, (summary(0, "now", ("\udcfe",), {}),))
    result = enrich(Event("t", 0, b"\x80"), [odd])
    assert b"\xa1\xff" in result
    assert b"\xa1\xfe" in result


KEYS = st.one_of(
    st.sampled_from(["tags", "rule", "threat", "eql", "eql.alerts", "rule.id", "a.b", "host"]),
    st.text(max_size=3),
    st.integers(-3, 300),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.builds(msgpack.ExtType, st.integers(1, 127), st.binary(max_size=3)),
    st.just("\udcff\udc80"),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=18)


@settings(deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_without_what_was_added_the_record_is_what_it_was(
    pairs: list[tuple[Any, Any]], random: Random
) -> None:
    raw = Writer(random, bin_share=0.2).pairs(pairs)
    before = decode_record(raw)
    result = enrich(Event("t", 0, raw), [alert()])
    after = decode_record(result)
    assert _without_additions(after, before) == before
    assert enrich(Event("t", 0, result), [alert()]) == result


def _without_additions(after: Record, before: Record) -> Record:
    rest = {key: value for key, value in copy.copy(after).items() if key in before}
    for key in ("tags", "eql.alerts"):
        if key in before:
            rest[key] = _shortened(rest[key], before[key])
    eql = before.get("eql")
    if isinstance(eql, dict) and "eql.alerts" not in after:
        rest["eql"] = {key: value for key, value in rest["eql"].items() if key in eql}
        if "alerts" in eql:
            rest["eql"]["alerts"] = _shortened(rest["eql"]["alerts"], eql["alerts"])
    return rest


def _shortened(after: Any, before: Any) -> Any:
    """What an array was before something was appended to it, or to a scalar or null."""
    if isinstance(before, list):
        return after[: len(before)]
    return before if before is None or after == before else after[0]
