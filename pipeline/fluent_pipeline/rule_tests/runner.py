"""A rule against a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluent_eql.event import Event
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import TAG, FilterDriver, make_event
from fluent_pipeline.rule_tests.model import Alerts, RuleTest, SentEvent

ENDLESS = 1 << 62
WHOLE_STREAM = EqlOptions(
    reorder_window=None, state_ttl=ENDLESS, max_entities=ENDLESS, max_pending=ENDLESS
)
"""Alerts are decided when the whole stream is known, and nothing of it is forgotten."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test gave, as sorted alerts."""

    test: RuleTest
    found: Alerts

    @property
    def expected(self) -> Alerts:
        """What it should have given."""
        return tuple(sorted(self.test.alerts))

    @property
    def passed(self) -> bool:
        """Whether these are the same alerts, in whatever order."""
        return self.found == self.expected


def run_test(rule: Rule, test: RuleTest) -> Verdict:
    """The alerts that the rule alone, as the relay would run it, gives for a test's stream."""
    driver = FilterDriver(EqlFilter([rule], WHOLE_STREAM))
    given = driver.send([_event(sent) for sent in test.stream]).alerts + driver.flush().alerts
    numbers = {sent.id: number for number, sent in enumerate(test.stream, start=1)}
    found = [tuple(numbers[event["event.id"]] for event in _events(alert)) for alert in given]
    return Verdict(test, tuple(sorted(found)))


def _event(sent: SentEvent) -> Event:
    return make_event(sent.record, tag=TAG, time=sent.time)


def _events(alert: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = alert.get("sequence", alert)["events"]
    return events
