"""Which target takes the next frames of an output."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fluent_pipeline.net.durable import Item

QUANTUM = 65_536
"""The bytes that a turn is worth to a target of weight 1."""


@dataclass(slots=True, eq=False)
class Share:
    """One target's part in the work.

    ``weight`` says how much it gets beside the others; a ``standby`` gets something only while
    all other targets are down. ``credit`` are the bytes that it may take; below 0 it has had more.
    ``is_up`` is None until it has been tried.
    """

    weight: float = 1
    standby: bool = False
    is_up: bool | None = None
    credit: float = 0


class Taker(Protocol):
    """Who takes frames from the queue's head."""

    share: Share

    @property
    def has_room(self) -> bool:
        """Whether it can take more."""

    def take(self, queue: deque[Item], size: float) -> int:
        """Take frames until they are ``size`` bytes, or it has no more room; how many bytes."""


class Feed:
    """Gives the targets that can take something their turns, one after the other.

    A turn gives credit by weight, and what is taken uses it up (deficit round robin). Who is slow
    has fewer turns, whatever its weight.
    """

    def __init__(self, queue: deque[Item]) -> None:
        self.queue = queue
        self._takers: deque[Taker] = deque()
        self._is_waking = False

    def join(self, taker: Taker) -> None:
        """One more target."""
        self._takers.append(taker)

    def went_up(self, taker: Taker) -> None:
        """A target can take frames."""
        taker.share.is_up = True
        taker.share.credit = 0
        self.wake()

    def went_down(self, taker: Taker, undelivered: Iterable[Item]) -> None:
        """A target is gone; what it has not delivered goes to the head, in its order."""
        taker.share.is_up = False
        self.queue.extendleft(reversed(list(undelivered)))
        self.wake()

    def wake(self) -> None:
        """Deal once all that can be read now has been, so that what comes together goes together.

        To be called when there is something new to take, or room for it.
        """
        if not self._is_waking and self.queue:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._deal_now)

    def deal(self) -> None:
        """Give turns until nothing is left, or nobody takes anything."""
        while self.queue:
            ready = [taker for taker in self._takers if self._may_take(taker)]
            if not ready:
                return
            taker = ready[0]
            share = taker.share
            if len(ready) == 1:
                share.credit = QUANTUM * share.weight
            else:
                share.credit = min(share.credit, 0) + QUANTUM * share.weight
                self._takers.remove(taker)
                self._takers.append(taker)
            if share.credit > 0:
                share.credit -= taker.take(self.queue, share.credit)

    def _deal_now(self) -> None:
        self._is_waking = False
        self.deal()

    def _may_take(self, taker: Taker) -> bool:
        if not taker.share.is_up or not taker.has_room:
            return False
        return not taker.share.standby or all(
            other.share.is_up is False or other.share.standby for other in self._takers
        )
