from __future__ import annotations

import pytest

from fluent_pipeline.rule_tests.runner import run_test
from support.rule_tests import loaded
from support.rules import rule

PAIR = 'sequence by host.id with maxspan=5s [any where a == "x"] [any where a == "y"]'
EVENTS = "events: {x: {a: x, host.id: h}, y: {a: y, host.id: h}}\n"


def found(query: str, stream: str) -> tuple[tuple[int, ...], ...]:
    [test] = loaded(EVENTS + f"tests: [{{name: t, stream: {stream}, alerts: []}}]")
    return run_test(rule(query), test).found


@pytest.mark.parametrize(
    ("stream", "alerts"),
    [
        ("[x, y]", ((1, 2),)),
        ("[y, x]", ()),
        ("[{y: {at: 5s}}, {x: {at: 0s}}]", ((2, 1),)),
        ("[x, {y: {at: 5.000000001s}}]", ()),
        ("[x, y, x, y]", ((1, 2), (3, 4))),
        ("[x, {y: {host.id: other}}]", ()),
        ("[x, {y: {at: 1h}}, {x: {at: 3599s}}, {y: {at: 3599999ms}}]", ((3, 4),)),
    ],
)
def test_sequences_are_decided_when_the_stream_is_over(
    stream: str, alerts: tuple[tuple[int, ...], ...]
) -> None:
    assert found(PAIR, stream) == alerts


def test_a_rule_of_one_event_gives_an_alert_for_each() -> None:
    assert found('any where a == "y"', "[x, y, y]") == ((2,), (3,))


def test_what_must_be_missing_is_missing_at_the_end_of_the_stream() -> None:
    query = 'sequence with maxspan=5s [any where a == "x"] ![any where a == "y"]'
    assert found(query, "[x, {y: {at: 5s}}]") == ()
    assert found(query, "[x, {y: {at: 5001ms}}]") == ((1,),)
    assert found(query, "[x]") == ((1,),)


def test_nothing_of_a_long_stream_is_forgotten() -> None:
    query = 'sequence by host.id [any where a == "x"] [any where a == "y"]'
    first = ", ".join(f"{{x: {{host.id: h{number}, at: {number}h}}}}" for number in range(300))
    assert found(query, f"[{first}, {{y: {{host.id: h0, at: 3000d}}}}]") == ((1, 301),)
    same = ", ".join(["{x: {at: 0s}}"] * 200)
    then = ", ".join(["{y: {at: 1s}}"] * 2)
    assert found(query, f"[{then}, {same}]") == ((202, 1),)


def test_keys_of_several_values_give_an_alert_for_each() -> None:
    keys = "{host.id: [a, b]}"
    assert found(PAIR, f"[{{x: {keys}}}, {{y: {keys}}}]") == ((1, 2), (1, 2))


def test_a_test_passes_where_the_alerts_are_the_expected_ones_in_any_order() -> None:
    text = EVENTS + "tests: [{name: t, stream: [x, y, x, y], alerts: %s}]"
    for alerts, passed in (
        ("[[1, 2], [3, 4]]", True),
        ("[[3, 4], [1, 2]]", True),
        ("[[1, 2]]", False),
        ("[[1, 2], [1, 2], [3, 4]]", False),
        ("[[2, 1], [3, 4]]", False),
        ("[]", False),
    ):
        [test] = loaded(text % alerts)
        verdict = run_test(rule(PAIR), test)
        assert (alerts, verdict.passed) == (alerts, passed)
        assert verdict.expected == tuple(sorted(test.alerts))
