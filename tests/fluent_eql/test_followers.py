"""Events that wait for others to have begun a sequence."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.followers import Follower, Followers
from fluent_eql.held import Held
from fluent_eql.testing import Event

WINDOW, TTL = 10, 1000
A, B = ("a",), ("b",)


class Keep:
    """Followers, and what has begun elsewhere for their keys."""

    def __init__(self, most_keys: int = 9, most: int = 2, window: int | None = WINDOW) -> None:
        self.begun: dict[Hashable, int] = {}
        self.asked: list[Hashable] = []
        self.followers = Followers(most_keys, most, TTL, window, self._begun_for)
        self._arrivals = 0

    def _begun_for(self, key: Hashable) -> int:
        self.asked.append(key)
        return self.begun.get(key, 0)

    def add(
        self, *keys: Hashable, now: int, rules: int = 1, completes: int = 0
    ) -> tuple[Follower, Held | None]:
        held = Held(Event("t", 0, b"\x80"), waiting=1) if completes else None
        self._arrivals += 1
        made = Follower(Event("t", 0, b"\x80"), now, self._arrivals, rules, completes, held)
        self.followers.add(made, [self.followers.of(key, now) for key in keys])
        return made, held

    def of(self, key: Hashable, now: int = 0) -> list[Follower]:
        return self.followers.of(key, now).followers


def test_an_event_follows_under_each_of_its_keys() -> None:
    keep = Keep()
    first, _ = keep.add(A, B, now=0)
    second, _ = keep.add(B, now=1)
    assert (keep.of(A), keep.of(B)) == ([first], [first, second])
    assert (keep.followers.filed, keep.followers.entities) == (2, 2)


def test_a_rule_reads_what_waits_for_it_and_it_has_not_read() -> None:
    keep = Keep(most=9)
    one, _ = keep.add(A, now=0, rules=0b01)
    both, _ = keep.add(A, now=5, rules=0b11)
    following = keep.followers.of(A, 5)
    assert following.waiting_for(0b01, 0) == [one, both]
    assert following.waiting_for(0b10, 0) == [both]
    assert following.waiting_for(0b100, 0) == []
    assert following.waiting_for(0b01, 5) == [both]
    assert following.waiting_for(0b01, 6) == []
    both.taken |= 0b10
    assert following.waiting_for(0b10, 0) == []
    assert following.waiting_for(0b01, 0) == [one, both]


def test_what_may_complete_is_held_for_the_window_and_no_longer() -> None:
    keep = Keep()
    assert keep.followers.next_deadline() is None
    keep.add(A, now=100)
    assert keep.followers.next_deadline() is None
    holds = [keep.add(A, now=now, completes=1)[1] for now in (103, 105)]
    assert keep.followers.next_deadline() == 103 + WINDOW
    assert list(keep.followers.due(102 + WINDOW)) == []
    assert list(keep.followers.due(103 + WINDOW)) == holds[:1]
    assert keep.followers.next_deadline() == 105 + WINDOW
    assert list(keep.followers.due(999)) == holds[1:]
    assert keep.followers.next_deadline() is None


def test_what_was_held_is_let_go_but_stays_a_follower() -> None:
    keep = Keep()
    made, _ = keep.add(A, now=0, completes=1)
    assert len(list(keep.followers.due(WINDOW))) == 1
    assert keep.of(A, WINDOW) == [made]


def test_at_the_end_all_that_is_held_is_let_go() -> None:
    keep = Keep()
    holds = [keep.add(A, now=now, completes=now % 2)[1] for now in range(4)]
    assert list(keep.followers.all()) == [holds[1], holds[3]]
    assert list(keep.followers.all()) == []


def test_without_a_window_nothing_is_due_or_dropped_until_the_end() -> None:
    keep = Keep(most=2, window=None)
    made = [keep.add(A, now=now, completes=1) for now in range(20)]
    assert (keep.followers.next_deadline(), list(keep.followers.due(10**9))) == (None, [])
    assert keep.of(A, 20) == [follower for follower, _ in made]
    assert list(keep.followers.all()) == [held for _, held in made]


@given(st.lists(st.integers(0, 12), max_size=40), st.integers(1, 4), st.integers(0, 2 * WINDOW))
def test_the_latest_are_kept_and_those_of_the_window_and_few_others(
    waits: list[int], most: int, window: int
) -> None:
    keep, now = Keep(most=most, window=window), 0
    made: list[Follower] = []
    needed = 0
    for wait in waits:
        now += wait
        made.append(keep.add(A, now=now)[0])
        kept = keep.of(A, now)
        assert kept == made[len(made) - len(kept) :]
        within = [one for one in made if one.arrived >= now - window]
        assert set(map(id, [*made[-most:], *within])) <= set(map(id, kept))
        needed = max(needed, most + len(within))
        assert len(kept) <= 2 * needed


def test_of_all_keys_no_more_are_kept_than_keys_but_those_of_the_window() -> None:
    keep = Keep(most_keys=2, most=9)
    early = [keep.add(A, now=now)[0] for now in (0, 1, 2)]
    assert keep.followers.of(A, 2).waiting_for(1, 0) == early
    late, _ = keep.add(B, now=WINDOW + 2, completes=1)
    assert keep.followers.of(A, WINDOW + 2).waiting_for(1, 0) == early[2:]
    assert keep.followers.of(B, WINDOW + 2).waiting_for(1, 0) == [late]
    assert [one.event.raw for one in early] == [b"", b"", b"\x80"]


def test_what_is_held_is_let_go_though_it_is_kept_no_more() -> None:
    keep = Keep(most_keys=1, most=9)
    holds = [keep.add(A, now=now, completes=1)[1] for now in (0, 50)]
    assert list(keep.followers.due(WINDOW + 50)) == holds


def test_a_key_is_forgotten_with_its_followers_when_its_time_is_over() -> None:
    keep = Keep()
    keep.add(A, now=0)
    keep.followers.of(A, 5).begun = 1
    keep.followers.expire(5 + TTL)
    assert keep.followers.entities == 1
    keep.followers.expire(6 + TTL)
    assert keep.followers.entities == 0
    fresh = keep.followers.of(A, 6 + TTL)
    assert (fresh.begun, fresh.followers, keep.asked) == (0, [], [])


def test_what_has_begun_for_a_new_key_is_asked_only_where_some_were_forgotten_early() -> None:
    keep = Keep(most_keys=1)
    keep.begun[A] = 0b10
    assert (keep.followers.of(A, 0).begun, keep.asked) == (0, [])
    keep.followers.of(B, 1)
    assert keep.followers.evicted == 1
    keep.asked.clear()
    assert keep.followers.of(A, 2).begun == 0b10
    assert keep.asked == [A]
    keep.asked.clear()
    assert keep.followers.of(A, 3).begun == 0b10
    assert keep.asked == []


@pytest.mark.parametrize(("later", "asked"), [(TTL, [B]), (TTL + 1, [])])
def test_after_a_time_to_live_nothing_can_have_begun_for_what_was_forgotten_early(
    later: int, asked: list[Hashable]
) -> None:
    keep = Keep(most_keys=2)
    for number in range(3):
        keep.followers.of(number, 0)
    keep.followers.expire(later)
    keep.asked.clear()
    keep.followers.of(B, later)
    assert keep.asked == asked


def test_where_other_rules_run_it_is_asked_once_what_has_begun_for_keys_that_come_anew() -> None:
    keep = Keep()
    keep.followers.of(A, 0).begun = 0b01
    keep.begun = {A: 0b10, B: 0b100}
    keep.followers.go_on_for(0b01, 1)
    assert [keep.followers.of(key, 2).begun for key in (A, B)] == [0b01, 0b100]
    assert [keep.followers.of(key, 3).begun for key in (A, B)] == [0b01, 0b100]
    assert keep.asked == [B]


def test_what_waits_for_a_rule_that_is_gone_and_what_has_begun_for_it_is_forgotten() -> None:
    keep = Keep(most=9)
    keep.followers.of(A, 0).begun = 0b110
    one, _ = keep.add(A, now=0, rules=0b011)
    _, held = keep.add(A, now=0, rules=0b100, completes=0b100)
    keep.followers.go_on_for(0b011, 1)
    following = keep.followers.of(A, 1)
    assert following.begun == 0b010
    assert [following.waiting_for(bit, 0) for bit in (0b001, 0b010, 0b100)] == [[one], [one], []]
    assert list(keep.followers.due(WINDOW)) == [held]


def test_it_is_told_how_many_were_filed_and_for_how_many_keys() -> None:
    keep = Keep(most_keys=2)
    keep.add(A, B, now=0)
    keep.add(("c",), now=1)
    assert [metric.value for metric in keep.followers.metrics()] == [2, 2, 1]
