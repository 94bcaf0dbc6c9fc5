"""The keys of the eql filter's section."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluent_eql.filter import EqlFilter
from fluent_eql.options import options_of
from fluent_eql.settings import EqlOptions
from fluent_eql.sources import FieldMapping, MappedField
from fluent_eql.sources.mapping import path, places
from fluent_eql.testing import make_options
from fluent_eql.tuning import RuleFilter, RuleTuning, TunedRule

SECOND = 10**9


def test_the_defaults_are_the_documented_ones() -> None:
    options = EqlOptions()
    assert options.rules == ()
    assert options.reorder_window == 2 * SECOND
    assert options.state_ttl is None
    assert (options.max_entities, options.max_pending) == (100_000, 64)
    assert options.timestamp_fields == ("@timestamp",)
    assert options.tiebreaker_field == "event.sequence"
    assert options.event_category_field == "event.category"
    assert options.alert_tag == "eql.alert.${rule.slug}"
    assert options.alert_copies is False
    assert (options.source, options.fields, options.mapping) == ("ecs", (), None)


def test_every_key_but_those_for_maps_is_read_from_its_text() -> None:
    texts = {
        "rules": ["a.toml", "more"],
        "source": "FALCO",
        "reorder_window": "500ms",
        "state.ttl": "5m",
        "state.max_entities": "7",
        "state.max_pending": "3",
        "timestamp_field": ["time", "@timestamp"],
        "tiebreaker_field": "n",
        "event_category_field": "category",
        "alert_tag": "alerts",
        "alert_copies": "on",
        "rule_filter.os": ["linux", "macos"],
        "rule_filter.tag": "Mine",
        "rule_filter.tactic": ["TA0011"],
        "rule_filter.severity": ["HIGH", "critical"],
    }
    assert {*texts, "fields", "tuning"} == set(options_of(EqlOptions))
    assert make_options(EqlFilter, texts) == EqlOptions(
        rules=(Path("a.toml"), Path("more")),
        source="falco",
        reorder_window=SECOND // 2,
        state_ttl=300 * SECOND,
        max_entities=7,
        max_pending=3,
        timestamp_fields=("time", "@timestamp"),
        tiebreaker_field="n",
        event_category_field="category",
        alert_tag="alerts",
        alert_copies=True,
        rule_filter_os=("linux", "macos"),
        rule_filter_tags=("Mine",),
        rule_filter_tactics=("TA0011",),
        rule_filter_severities=("high", "critical"),
    )


def test_the_keys_of_the_filter_of_rules_stand_together() -> None:
    assert EqlOptions().rule_filter == RuleFilter()
    options = EqlOptions(
        rule_filter_os=("linux",),
        rule_filter_tags=("Mine",),
        rule_filter_tactics=("TA0011",),
        rule_filter_severities=("high",),
    )
    assert options.rule_filter == RuleFilter(
        os_types=("linux",), tags=("Mine",), tactics=("TA0011",), severities=("high",)
    )


def test_a_rule_is_tuned_once() -> None:
    tuned = TunedRule("1", RuleTuning())
    assert EqlOptions(tuning=(tuned, TunedRule("2", RuleTuning()))).tuning[0] is tuned
    with pytest.raises(ValueError, match="tuning: the id of a rule is given twice"):
        EqlOptions(tuning=(tuned, tuned))


def test_a_field_is_mapped_once() -> None:
    own = MappedField("process.executable", FieldMapping(names=(path("exe"),)))
    mapping = EqlOptions(source="falco", fields=(own,)).mapping
    assert mapping is not None
    assert mapping.alternatives("process.executable")[0] == places("exe")[0]
    assert mapping.has("host.id")
    with pytest.raises(ValueError, match="fields: a field is given twice"):
        EqlOptions(fields=(own, own))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("reorder_window", "soon"),
        ("reorder_window", "-1s"),
        ("state.max_entities", "0"),
        ("state.max_pending", "0"),
        ("state.ttl", "5 parsecs"),
        ("alert_copies", "maybe"),
        ("rule_filter.severity", "severe"),
        ("rule_filter.os", ""),
        ("tuning", "off"),
        ("source", "osquery"),
        ("fields", "exe"),
        ("alert_tag", ""),
        ("tiebreaker_field", ""),
        ("event_category_field", ""),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(key: str, text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        make_options(EqlFilter, {key: text})


def test_every_key_says_what_it_means() -> None:
    for key, (_, spec) in options_of(EqlOptions).items():
        assert len(spec.help) > 20, key
        assert not spec.required, key
