"""The bytes that are on their way, and when to stop reading from clients."""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """What can be told to stop reading and to go on."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def give_up_partial(self) -> None: ...

    @property
    def partial(self) -> int: ...


class Budget:
    """Bytes accepted and not yet delivered.

    Past ``limit`` every source is paused; at half of it they go on. What has been read by then is
    still taken, so the most that is held is ``limit`` and one read for each source.

    Bytes of messages that are not whole are counted apart: they may be as many again, and past
    that the sources that hold the most of them have to give them up.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.partial = 0
        self._paused = False
        self._sources: set[Source] = set()

    @property
    def full(self) -> bool:
        """Whether the sources are paused."""
        return self._paused

    def join(self, source: Source) -> None:
        """A new source; it is paused at once while the budget is full."""
        self._sources.add(source)
        if self._paused:
            source.pause()

    def leave(self, source: Source) -> None:
        """A source has gone; what it took stays counted until it is given back."""
        self._sources.discard(source)

    def take(self, size: int) -> None:
        """Bytes have been accepted."""
        self.used += size
        if self.used > self.limit and not self._paused:
            self._paused = True
            for source in self._sources:
                source.pause()

    def count_partial(self, change: int) -> None:
        """So many more bytes, or fewer, of unfinished messages are held."""
        self.partial += change

    def relieve(self) -> None:
        """Let the largest unfinished messages go while there are too many bytes of them."""
        for source in sorted(self._sources, key=lambda source: source.partial, reverse=True):
            if self.partial <= self.limit:
                return
            source.give_up_partial()

    def give(self, size: int) -> None:
        """Bytes have been delivered."""
        self.used -= size
        if self._paused and self.used <= self.limit // 2:
            self._paused = False
            for source in list(self._sources):
                source.resume()
