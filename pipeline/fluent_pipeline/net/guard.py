"""Who may connect, how many may, and how refusals are told without filling the log."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from fluent_eql.lang.networks import Network, network_set

LOG_INTERVAL = 10.0
"""Seconds in which each reason of a refusal is logged once; the others are counted."""

log = logging.getLogger(__name__)


class Guard:
    """Admits clients by network and number.

    ``allow`` and ``deny`` are networks: who is denied, or not in a list of the allowed that is
    not empty, is refused. Local sockets have no address and are always of an allowed network.
    """

    def __init__(
        self,
        name: str,
        *,
        allow: Iterable[Network] = (),
        deny: Iterable[Network] = (),
        most: int,
        most_an_address: int,
    ) -> None:
        self._name = name
        self._allow = frozenset(allow)
        self._deny = frozenset(deny)
        self._most = most
        self._most_an_address = most_an_address
        self._open: Counter[str | None] = Counter()
        self._silent_until: dict[str, float] = {}
        self._untold: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def admit(self, address: str | None) -> str | None:
        """Count a new connection in; why it is refused, None where it is not."""
        if address is not None and not self._is_welcome(address):
            return "network not allowed"
        if self._open.total() >= self._most:
            return "too many connections"
        if address is not None and self._open[address] >= self._most_an_address:
            return "too many connections from this address"
        self._open[address] += 1
        return None

    def leave(self, address: str | None) -> None:
        """A connection that was admitted has gone."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def tell(self, peer: str, reason: str, now: float, detail: str = "") -> None:
        """Count a refusal, and log it unless the same reason has been logged just before.

        ``now`` is in seconds of a clock that never goes back.
        """
        self.refused[reason] += 1
        if now < self._silent_until.get(reason, 0):
            self._untold[reason] += 1
            return
        self._silent_until[reason] = now + LOG_INTERVAL
        untold = self._untold.pop(reason, 0)
        more = f" ({untold} more since the last such line)" if untold else ""
        about = f": {detail}" if detail else ""
        log.warning("%s: %s refused: %s%s%s", self._name, peer, reason, about, more)

    def _is_welcome(self, address: str) -> bool:
        if self._deny and network_set(self._deny).holds(address):
            return False
        return not self._allow or network_set(self._allow).holds(address)
