from __future__ import annotations

from fluent_eql.match.entity import Entity
from fluent_eql.match.guarded import Pattern
from fluent_eql.match.machine import StageMatch, order_of
from fluent_eql.match.matcher import SequenceMatcher, StateLimits


def match(time: int, *stages: int, arrived: int = 0) -> StageMatch:
    return StageMatch(order_of(time, None, time), stages, None, arrived, None)


def matcher(ttl: int = 160, max_entities: int = 10) -> SequenceMatcher:
    return SequenceMatcher(Pattern((False, False), None), StateLimits(ttl, max_entities, 64))


def completed(rule: SequenceMatcher, key: str, event: StageMatch) -> list[StageMatch]:
    """What an event completes that is run at once, with all that wait before it."""
    entity = rule.add(key, event)
    return rule.run(entity, entity.take(event.order))


def test_keys_never_share_partials() -> None:
    rule = matcher()
    rule.add("a", match(1, 0))
    assert completed(rule, "b", match(2, 1)) == []
    assert len(completed(rule, "a", match(3, 1))) == 1


def test_an_event_waits_until_it_is_needed() -> None:
    rule = matcher()
    entity = rule.add("a", match(1, 0))
    assert rule.add("a", match(2, 0)) is entity
    assert entity.timeline is None
    assert len(entity.waiting) == 2


def test_a_key_is_forgotten_when_its_time_to_live_is_over() -> None:
    rule = matcher(ttl=160)
    rule.add("a", match(1, 0, arrived=1))
    assert completed(rule, "a", match(2, 1, arrived=162)) == []


def test_a_key_lives_on_with_each_event() -> None:
    rule = matcher(ttl=160)
    for arrived in (1, 6, 12, 90):
        rule.add("a", match(arrived, 0, arrived=arrived))
    assert len(completed(rule, "a", match(250, 1, arrived=250))) == 1


def test_no_key_is_forgotten_before_its_time() -> None:
    rule = matcher(ttl=160)
    rule.add("a", match(1, 0, arrived=1))
    last = match(9, 0, arrived=9)
    rule.add("a", last)
    rule.expire(9 + 160)
    event = match(300, 1, arrived=9 + 160)
    [found] = completed(rule, "a", event)
    assert found.sequence == (last, event)


def test_an_old_event_is_forgotten_even_where_its_key_lives_on() -> None:
    rule = matcher(ttl=160)
    completed(rule, "a", match(1, 0, arrived=1))
    completed(rule, "a", match(0, 1, arrived=90))
    assert completed(rule, "a", match(3, 1, arrived=162)) == []


def test_past_max_entities_the_least_recent_key_goes_and_is_counted() -> None:
    rule = matcher(max_entities=2)
    for time, key in enumerate("abac"):
        rule.add(key, match(time, 0))
    assert rule.entities == 2
    assert rule.evicted == 1
    assert completed(rule, "b", match(9, 1)) == []


def test_expiry_needs_no_traffic() -> None:
    rule = matcher(ttl=160)
    entity = rule.add("a", match(1, 0, arrived=1))
    rule.expire(1 + 160)
    assert rule.entities == 1
    rule.expire(1 + 160 + 1)
    assert rule.entities == 0
    assert entity.is_forgotten


def until_time_decides(event: StageMatch) -> tuple[SequenceMatcher, Entity]:
    rule = SequenceMatcher(Pattern((False, True), 10), StateLimits(160, 10, 64))
    entity = rule.add("a", event)
    assert rule.run(entity, entity.take_all()) == []
    return rule, entity


def test_time_decides_what_waits_for_a_missing_event() -> None:
    event = match(1, 0)
    rule, entity = until_time_decides(event)
    [undecided] = rule.undecided(entity)
    assert (undecided.sequence, undecided.deadline) == ((event,), 11)
    other = rule.add("b", match(2, 0))
    assert list(rule.undecided(other)) == []
    assert not rule.decide(other, event, 11)
    assert rule.decide(entity, event, 11)
    assert event.sequence == (event,)
    assert not rule.decide(entity, event, 11)


def test_what_is_forgotten_is_not_decided() -> None:
    event = match(1, 0, arrived=1)
    rule, entity = until_time_decides(event)
    rule.expire(1 + 160 + 1)
    assert not rule.decide(entity, event, 11)


def test_looking_tells_the_newest_key_first_and_renews_none() -> None:
    rule = matcher(ttl=160)
    rule.add("a", match(1, 0, arrived=1))
    rule.add("b", match(1, 0, arrived=100))
    assert [key for key, _ in rule.look()] == ["b", "a"]
    rule.expire(172)
    assert [key for key, _ in rule.look()] == ["b"]
