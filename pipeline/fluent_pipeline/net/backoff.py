"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Exponential backoff with full jitter, in seconds.

    The n-th wait is drawn evenly between half of ``first`` × 2^n and the whole of it, capped at
    ``longest``. ``draw`` gives numbers from 0 to 1.
    """

    def __init__(
        self, first: float, longest: float, draw: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._longest = longest
        self._draw = draw
        self._tries = 0

    def next(self) -> float:
        """The wait before the next try."""
        wait = min(self._first * (1 << self._tries), self._longest)
        self._tries = min(self._tries + 1, 32)
        return wait * (0.5 + self._draw() / 2)

    def reset(self) -> None:
        """The last try went well."""
        self._tries = 0
