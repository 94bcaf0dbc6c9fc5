"""A bounded cache that forgets by age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.match.ageing import AgeingCache


class Thing:
    def __init__(self, renewed: int) -> None:
        self.renewed = renewed
        self.forgotten = 0

    def forget(self) -> None:
        self.forgotten += 1


def seen(cache: AgeingCache[str, Thing], key: str, now: int) -> Thing:
    """A key has an event: what is remembered of it, made where nothing is."""
    thing = cache.renew(key, now)
    if thing is None:
        thing = cache[key] = Thing(now)
    return thing


def test_a_key_is_forgotten_when_it_is_older_than_its_time_to_live() -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(9, 100)
    thing = seen(cache, "a", 5)
    cache.expire(105)
    assert cache.by_age == {"a": thing}
    cache.expire(106)
    assert (list(cache), dict(cache.by_age), thing.forgotten) == ([], {}, 1)
    assert cache.evicted == 0


def test_a_key_that_has_an_event_is_the_newest_and_lives_on() -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(9, 100)
    first = seen(cache, "a", 0)
    seen(cache, "b", 10)
    assert seen(cache, "a", 20) is first
    assert (first.renewed, list(cache.by_age)) == (20, ["b", "a"])
    cache.expire(115)
    assert list(cache.by_age) == ["a"]


def test_where_a_new_key_comes_what_is_too_old_is_forgotten() -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(9, 100)
    old = seen(cache, "a", 0)
    seen(cache, "b", 101)
    assert (list(cache), old.forgotten) == (["b"], 1)


def test_past_the_most_keys_the_oldest_goes_and_is_counted() -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(2, 100)
    things = [seen(cache, key, now) for now, key in enumerate("abac")]
    assert list(cache.by_age) == ["a", "c"]
    assert cache.evicted == 1
    assert [thing.forgotten for thing in things] == [0, 1, 0, 0]


def test_of_an_empty_cache_nothing_is_forgotten() -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(2, 100)
    cache.expire(1000)
    assert cache.renew("a", 1000) is None
    assert len(cache) == 0


@pytest.mark.parametrize("ttl", [0, 1])
def test_what_came_just_now_is_never_too_old(ttl: int) -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(9, ttl)
    seen(cache, "a", 5)
    cache.expire(5)
    assert "a" in cache


STEPS = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from("abcdef"), st.booleans()), max_size=40
)


@given(STEPS, st.integers(1, 4), st.integers(0, 15))
def test_it_holds_the_newest_keys_of_those_that_are_not_too_old(
    steps: list[tuple[int, str, bool]], most: int, ttl: int
) -> None:
    cache: AgeingCache[str, Thing] = AgeingCache(most, ttl)
    expected: dict[str, int] = {}
    made: list[Thing] = []
    now = evicted = 0
    for wait, key, expires in steps:
        now += wait
        if expires or key not in expected:
            expected = {one: time for one, time in expected.items() if time >= now - ttl}
        if expires:
            cache.expire(now)
        else:
            if key not in expected and len(expected) == most:
                del expected[min(expected, key=expected.__getitem__)]
                evicted += 1
            if (thing := seen(cache, key, now)) not in made:
                made.append(thing)
            expected = {one: time for one, time in expected.items() if one != key} | {key: now}
        assert {one: thing.renewed for one, thing in cache.by_age.items()} == expected
        assert set(cache) == set(expected)
        assert cache.evicted == evicted
        assert sum(thing.forgotten for thing in made) == len(made) - len(expected)
