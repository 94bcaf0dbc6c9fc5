"""The engine with a clock and a timer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from fluent_eql.api import Filter
from fluent_pipeline.engine import Engine
from fluent_pipeline.net.router import Router
from fluent_pipeline.protocol.frames import Frame
from fluent_pipeline.receipt import Receipt


class Driver:
    """Runs frames through the engine and on to the router; wakes when held frames are due."""

    def __init__(
        self, engine: Engine, router: Router, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._engine = engine
        self._router = router
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: int | None = None

    def accept(
        self, frame: Frame, on_delivered: Callable[[], None], *, tag_prefix: str = ""
    ) -> bool:
        """Take a client's frame; ``on_delivered`` is called when all made from it is delivered.

        Whether a filter asked for some of its entries. Raises RemoteProtocolError where the
        frame's body is corrupt.
        """
        receipt, hits = Receipt(on_delivered), self._engine.counts.frames_hit
        self._router.send(self._engine.accept(frame, self._clock(), receipt, tag_prefix=tag_prefix))
        self._set_timer()
        return self._engine.counts.frames_hit > hits

    def flush(self) -> None:
        """Decide and send everything that is held."""
        self._router.send(self._engine.flush(self._clock()))

    def advance(self) -> None:
        """Decide and send what is due."""
        self._router.send(self._engine.advance(self._clock()))
        self._set_timer()

    def reload(self, successors: Mapping[int, Filter]) -> None:
        """Have filters go on as others, see :meth:`Engine.reload`."""
        self._router.send(self._engine.reload(successors, self._clock()))
        self._set_timer()

    def _wake(self) -> None:
        self._timer = None
        self.advance()

    def _set_timer(self) -> None:
        deadline = self._engine.next_deadline()
        if self._timer is not None:
            if deadline == self._deadline:
                return
            self._timer.cancel()
            self._timer = None
        self._deadline = deadline
        if deadline is not None:
            wait = max(deadline - self._clock(), 0) / 10**9
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)
