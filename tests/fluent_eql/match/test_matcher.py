from __future__ import annotations

from fluent_eql.match.guarded import Pattern
from fluent_eql.match.machine import StageMatch, order_of
from fluent_eql.match.matcher import SequenceMatcher, StateLimits


def match(time: int, *stages: int, arrived: int = 0) -> StageMatch:
    return StageMatch(order_of(time, None, time), stages, None, arrived, None)


def matcher(ttl: int = 100, max_entities: int = 10) -> SequenceMatcher:
    return SequenceMatcher(Pattern((False, False), None), StateLimits(ttl, max_entities, 64))


def test_keys_never_share_partials() -> None:
    rule = matcher()
    rule.run("a", [match(1, 0)], now=1)
    assert rule.run("b", [match(2, 1)], now=2) == []
    assert len(rule.run("a", [match(3, 1)], now=3)) == 1


def test_a_key_is_forgotten_when_its_time_to_live_is_over() -> None:
    rule = matcher(ttl=100)
    rule.run("a", [match(1, 0, arrived=1)], now=1)
    assert rule.run("a", [match(2, 1, arrived=102)], now=102) == []


def test_a_key_lives_on_with_each_event() -> None:
    rule = matcher(ttl=100)
    rule.run("a", [match(1, 1, arrived=1)], now=1)
    rule.run("a", [match(2, 0, arrived=90)], now=90)
    assert len(rule.run("a", [match(3, 1, arrived=150)], now=150)) == 1


def test_an_old_event_is_forgotten_even_where_its_key_lives_on() -> None:
    rule = matcher(ttl=100)
    rule.run("a", [match(1, 0, arrived=1)], now=1)
    rule.run("a", [match(0, 1, arrived=90)], now=90)
    assert rule.run("a", [match(3, 1, arrived=150)], now=150) == []


def test_past_max_entities_the_least_recent_key_goes_and_is_counted() -> None:
    rule = matcher(max_entities=2)
    for time, key in enumerate("abac"):
        rule.run(key, [match(time, 0)], now=time)
    assert rule.entities == 2
    assert rule.evicted == 1
    assert rule.run("b", [match(9, 1)], now=9) == []


def test_expiry_needs_no_traffic() -> None:
    rule = matcher(ttl=100)
    rule.run("a", [match(1, 0, arrived=1)], now=1)
    rule.expire(101)
    assert rule.entities == 0


def test_time_decides_what_waits_for_a_missing_event() -> None:
    rule = SequenceMatcher(Pattern((False, True), 10), StateLimits(100, 10, 64))
    event = match(1, 0)
    assert rule.run("a", [event], now=1) == []
    [undecided] = rule.undecided("a")
    assert (undecided.sequence, undecided.deadline) == ((event,), 11)
    assert list(rule.undecided("b")) == []
    assert not rule.decide("b", event, 11)
    assert rule.decide("a", event, 11)
    assert event.sequence == (event,)
    assert not rule.decide("a", event, 11)


def test_what_is_forgotten_is_not_decided() -> None:
    rule = SequenceMatcher(Pattern((False, True), 10), StateLimits(100, 10, 64))
    event = match(1, 0, arrived=1)
    rule.run("a", [event], now=1)
    rule.expire(101)
    assert not rule.decide("a", event, 11)
