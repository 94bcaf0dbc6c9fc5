"""Which target takes the next frames of an output."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from fluent_pipeline.net.durable import Item

QUANTUM = 65_536
"""The bytes that a turn is worth to a target of weight 1."""


@dataclass(slots=True, eq=False)
class Share:
    """One target's part in the work.

    ``weight`` says how much it gets beside the others; a ``standby`` gets something only while
    no other target is up. ``credit`` are the bytes that it may take; below 0 it has had more.
    """

    weight: float = 1
    standby: bool = False
    is_up: bool = False
    credit: float = 0


class Feed:
    """Gives the targets that can take something their turns, one after the other.

    A turn gives credit by weight, and what is taken uses it up; who has no credit lets the next
    one go first (deficit round robin). Who is slow has fewer turns, whatever its weight.
    """

    def __init__(self, queue: deque[Item], shares: Iterable[Share]) -> None:
        self.queue = queue
        self._shares = tuple(shares)
        self._waiting: dict[Share, asyncio.Future[None]] = {}

    def went_up(self, share: Share) -> None:
        """A target can take frames."""
        share.is_up = True
        share.credit = 0

    def went_down(self, share: Share, undelivered: Iterable[Item]) -> None:
        """A target is gone; what it has not delivered goes to the head, in its order."""
        share.is_up = False
        self.queue.extendleft(reversed(list(undelivered)))
        self.assign()

    async def turn(self, share: Share) -> None:
        """Return when there is something for this target to take."""
        if self.queue and share.credit > 0 and self._may_take(share):
            return
        while True:
            await asyncio.sleep(0)  # the others may want a turn, too
            turn = asyncio.get_running_loop().create_future()
            self._waiting[share] = turn
            self.assign()
            try:
                await turn
            finally:
                self._waiting.pop(share, None)
            if self.queue:
                share.credit = min(share.credit, 0) + QUANTUM * share.weight
                if share.credit > 0:
                    return

    def took(self, share: Share, size: int) -> None:
        """A target took so many bytes; the rest is for whoever is next."""
        share.credit -= size
        self.assign()

    def assign(self) -> None:
        """Give the next target that waits its turn, if there is something to take."""
        if not self.queue:
            return
        for share, turn in self._waiting.items():
            if not turn.done() and self._may_take(share):
                turn.set_result(None)
                return

    def _may_take(self, share: Share) -> bool:
        return not share.standby or not any(o.is_up and not o.standby for o in self._shares)
