from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Any

import pytest

from fluent_pipeline.net.feed import QUANTUM, Feed, Share


def feed_of(*shares: Share, items: int = 0) -> Feed:
    queue: deque[Any] = deque(range(items))
    made = Feed(queue, shares)
    for share in shares:
        made.went_up(share)
    return made


async def taking(
    feed: Feed, share: Share, name: str, taken: Counter[str], size: int = QUANTUM
) -> None:
    """A target that takes one item at a time, for ever."""
    while True:
        await feed.turn(share)
        feed.queue.popleft()
        taken[name] += 1
        feed.took(share, size)


async def run(feed: Feed, shares: dict[str, Share]) -> Counter[str]:
    """Let the targets take until the queue is empty."""
    taken: Counter[str] = Counter()
    tasks = [asyncio.create_task(taking(feed, s, n, taken)) for n, s in shares.items()]
    async with asyncio.timeout(10):
        while feed.queue:
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return taken


@pytest.mark.parametrize(("weight", "expected"), [(1, 500), (3, 250)])
async def test_targets_get_their_share_by_weight(weight: float, expected: int) -> None:
    shares = {"a": Share(), "b": Share(weight=weight)}
    taken = await run(feed_of(*shares.values(), items=1000), shares)
    assert abs(taken["a"] - expected) < 20
    assert sum(taken.values()) == 1000


async def test_a_target_that_does_not_take_holds_nobody_up() -> None:
    shares = {"a": Share(), "b": Share()}
    feed = feed_of(*shares.values(), items=100)
    assert await run(feed, {"a": shares["a"]}) == {"a": 100}


async def test_a_standby_gets_something_only_while_no_other_is_up() -> None:
    shares = {"a": Share(), "spare": Share(standby=True)}
    feed = feed_of(*shares.values(), items=100)
    assert await run(feed, shares) == {"a": 100}
    feed.went_down(shares["a"], list(range(50)))  # type: ignore[arg-type]
    assert await run(feed, {"spare": shares["spare"]}) == {"spare": 50}


async def test_what_a_target_gives_back_comes_first_and_in_its_order() -> None:
    share = Share()
    feed = feed_of(share, items=0)
    feed.queue.extend([3, 4])  # type: ignore[list-item]
    feed.went_down(share, [1, 2])  # type: ignore[list-item]
    assert list(feed.queue) == [1, 2, 3, 4]


async def test_a_target_that_comes_back_does_not_make_up_for_what_it_missed() -> None:
    shares = {"a": Share(), "b": Share()}
    feed = feed_of(*shares.values(), items=100)
    feed.went_down(shares["b"], [])
    await run(feed, {"a": shares["a"]})
    feed.went_up(shares["b"])
    feed.queue.extend(range(100))  # type: ignore[arg-type]
    taken = await run(feed, shares)
    assert abs(taken["a"] - taken["b"]) < 10
