"""What has become of a client's frame."""

from __future__ import annotations

from collections.abc import Callable


class Receipt:
    """Counts what is still on its way of one client's frame.

    ``on_delivered`` is called once, when everything made from the frame has been delivered.
    """

    __slots__ = ("_open", "_on_delivered", "_before")

    def __init__(self, on_delivered: Callable[[], None]) -> None:
        self._open = 0
        self._on_delivered = on_delivered
        self._before: list[Callable[[], None]] = []

    def before_delivery_is_told(self, action: Callable[[], None]) -> None:
        """Have something done when everything has been delivered, before that is told."""
        self._before.append(action)

    def hold(self) -> None:
        """One more part is on its way."""
        self._open += 1

    def release(self) -> None:
        """One part has been delivered, or will never be sent."""
        self._open -= 1
        if self._open == 0:
            for action in self._before:
                action()
            self._on_delivered()
