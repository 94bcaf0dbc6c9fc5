"""A bounded cache that forgets by age."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Protocol, TypeVar

from cachetools import Cache


class Ageing(Protocol):
    """What the cache holds: ``renewed`` is when its key's last event came."""

    renewed: int

    def forget(self) -> None:
        """Called when the cache lets go of it."""


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Ageing)


class AgeingCache(Cache[Key, Value]):
    """Forgets what is older than ``ttl``, and past ``maxsize`` the oldest.

    ``by_age`` has the same keys, the oldest first. TTLCache, whose list has Python objects for
    links, takes two and a half times as long.
    """

    def __init__(self, maxsize: int, ttl: int) -> None:
        super().__init__(maxsize)
        self.by_age: OrderedDict[Key, Value] = OrderedDict()
        self.evicted = 0
        self._ttl = ttl
        self._nothing_before = 0

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        self.by_age[key] = value

    def renew(self, key: Key, now: int) -> Value | None:
        """The value of a key that has an event now, made the newest; None where there is none.

        The calls come in that order. What is too old is forgotten where a new key comes.
        """
        value = self.by_age.get(key)
        if value is None:
            self.expire(now)
            return None
        value.renewed = now
        self.by_age.move_to_end(key)
        return value

    def popitem(self) -> tuple[Key, Value]:
        """Forget the oldest, for want of room."""
        self.evicted += 1
        return self._forget_oldest()

    def expire(self, now: int) -> None:
        """Forget what is too old."""
        if now <= self._nothing_before:
            return
        by_age, oldest = self.by_age, now - self._ttl
        while by_age and next(iter(by_age.values())).renewed < oldest:
            self._forget_oldest()
        if by_age:
            self._nothing_before = next(iter(by_age.values())).renewed + self._ttl

    def _forget_oldest(self) -> tuple[Key, Value]:
        key, value = self.by_age.popitem(last=False)
        del self[key]
        value.forget()
        return key, value
