from __future__ import annotations

import pytest

from fluent_eql.about import about, is_web_address
from fluent_eql.rules import Reference, Threat
from support.rules import THREATS, rule

RUNS = (
    "sequence by host.id with maxspan=5s"
    " [network where a == 1] by process.entity_id with runs=2"
    " ![file where b == 2] by process.entity_id [any where c > d] by process.parent"
)


def test_a_sequence_tells_its_stages_its_keys_and_its_maxspan() -> None:
    known = about(rule(RUNS))
    network = {"category": "network", "missing": False, "fields": ["event.category", "a"]}
    assert known["stages"] == [
        network,
        network,
        {"category": "file", "missing": True, "fields": ["event.category", "b"]},
        {"category": None, "missing": False, "fields": ["c", "d"]},
    ]
    assert (known["kind"], known["maxspan_ns"]) == ("sequence", 5 * 10**9)
    assert known["keys"] == ["host.id", "process.entity_id"]


def test_a_rule_of_a_single_event_has_one_stage_and_no_maxspan() -> None:
    known = about(rule('file where host.os.type == "linux"'))
    assert [stage["category"] for stage in known["stages"]] == ["file"]
    assert (known["kind"], known["maxspan_ns"], known["keys"]) == ("event", None, [])
    assert known["os"] == ["linux"]


def test_threats_are_told_with_their_techniques_and_subtechniques() -> None:
    first, second = about(rule("any where true", threats=THREATS))["threats"]
    assert [item["id"] for item in first["techniques"]] == ["T1", "T1.001"]
    assert second["tactic"]["reference"] == "https://example.org/TA2"


def test_only_web_addresses_with_tls_are_told_as_links() -> None:
    bad = Reference("T9", "Odd", "javascript:alert(1)")
    threat = Threat("MITRE ATT&CK", bad, (bad,), ())
    references = ("https://example.org/a", "http://example.org/b", "javascript:alert(1)")
    known = about(rule("any where true", threats=(threat,), references=references))
    assert known["references"] == ["https://example.org/a"]
    assert known["threats"][0]["tactic"]["reference"] is None
    assert known["threats"][0]["techniques"][0]["reference"] is None


def test_exceptions_are_told_with_their_stage() -> None:
    known = about(rule("any where true", exceptions=((None, "a == 1"), (1, "b == 2"))))
    assert known["exceptions"] == [
        {"stage": None, "condition": "a == 1"},
        {"stage": 1, "condition": "b == 2"},
    ]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://attack.mitre.org/techniques/T1071/", True),
        ("HTTPS://example.org", True),
        ("http://example.org", False),
        ("https://", False),
        ("https://user@example.org", False),
        ("https://[", False),
        ("https://example.org/\u202e", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("", False),
    ],
)
def test_a_web_address_is_https_and_a_host(text: str, is_one: bool) -> None:
    assert is_web_address(text) is is_one
