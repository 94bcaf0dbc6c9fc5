from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from fluent_pipeline.net.feed import QUANTUM, Feed, Share


class Taker:
    """Takes items that are each a quantum; ``room`` is for how many it has room."""

    def __init__(self, *, weight: float = 1, standby: bool = False, room: float = 10**9) -> None:
        self.share = Share(weight, standby)
        self.room = room
        self.taken: list[Any] = []

    @property
    def has_room(self) -> bool:
        return self.room > 0

    def take(self, queue: deque[Any], size: float) -> int:
        before = len(self.taken)
        while queue and self.room > 0 and (len(self.taken) - before) * QUANTUM < size:
            self.taken.append(queue.popleft())
            self.room -= 1
        return (len(self.taken) - before) * QUANTUM


async def feed_of(*takers: Taker, items: int = 0) -> Feed:
    feed = Feed(deque())
    for taker in takers:
        feed.join(taker)
        feed.went_up(taker)
    feed.queue.extend(range(items))  # type: ignore[arg-type]
    feed.deal()
    return feed


@pytest.mark.parametrize(("weight", "expected"), [(1, 500), (3, 250), (0.5, 667)])
async def test_targets_get_their_share_by_weight(weight: float, expected: int) -> None:
    first, second = Taker(), Taker(weight=weight)
    feed = await feed_of(first, second, items=1000)
    assert abs(len(first.taken) - expected) < 5
    assert sorted(first.taken + second.taken) == list(range(1000))
    assert not feed.queue


async def test_a_target_without_room_holds_nobody_up() -> None:
    first, second = Taker(), Taker(room=3)
    feed = await feed_of(first, second, items=100)
    assert (len(first.taken), len(second.taken)) == (97, 3)
    assert not feed.queue


async def test_what_nobody_has_room_for_stays_in_its_order() -> None:
    taker = Taker(room=3)
    feed = await feed_of(taker, items=6)
    assert (taker.taken, list(feed.queue)) == ([0, 1, 2], [3, 4, 5])


async def test_a_standby_gets_something_only_while_no_other_is_up() -> None:
    taker, spare = Taker(), Taker(standby=True)
    feed = await feed_of(taker, spare, items=100)
    assert (len(taker.taken), spare.taken) == (100, [])
    feed.went_down(taker, list(range(50)))  # type: ignore[arg-type]
    feed.deal()
    assert spare.taken == list(range(50))


async def test_a_standby_gets_nothing_until_the_others_have_been_tried() -> None:
    taker, spare = Taker(), Taker(standby=True)
    feed = await feed_of(spare)
    feed.join(taker)
    feed.queue.extend(range(5))  # type: ignore[arg-type]
    feed.deal()
    assert spare.taken == []
    feed.went_down(taker, [])
    feed.deal()
    assert spare.taken == list(range(5))


async def test_a_standby_gets_nothing_while_another_is_up_without_room() -> None:
    spare = Taker(standby=True)
    feed = await feed_of(Taker(room=0), spare, items=5)
    assert (len(feed.queue), spare.taken) == (5, [])


async def test_what_a_target_gives_back_comes_first_and_in_its_order() -> None:
    taker = Taker(room=0)
    feed = await feed_of(taker)
    feed.queue.extend([3, 4])  # type: ignore[list-item]
    feed.went_down(taker, [1, 2])  # type: ignore[list-item]
    assert list(feed.queue) == [1, 2, 3, 4]


async def test_a_target_that_comes_back_does_not_make_up_for_what_it_missed() -> None:
    first, second = Taker(), Taker()
    feed = await feed_of(first)
    feed.join(second)
    feed.queue.extend(range(100))  # type: ignore[arg-type]
    feed.deal()
    assert (len(first.taken), len(second.taken)) == (100, 0)
    feed.went_up(second)
    feed.queue.extend(range(100))  # type: ignore[arg-type]
    feed.deal()
    assert abs(len(first.taken) - 100 - len(second.taken)) < 3


async def test_what_comes_together_is_dealt_together() -> None:
    taker = Taker()
    feed = await feed_of(taker)
    for item in range(3):
        feed.queue.append(item)  # type: ignore[arg-type]
        feed.wake()
    assert taker.taken == []
    await asyncio.sleep(0)
    assert taker.taken == [0, 1, 2]
