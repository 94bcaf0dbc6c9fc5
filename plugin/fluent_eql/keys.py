"""Join keys read from raw records, where that needs no more than a look."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import itemgetter
from typing import Any

from fluent_eql.detection import typed_key
from fluent_eql.fields import Projection

NO_KEY = ()
"""In the place of the key of a record in which one of its fields has no value."""


class KeyReader:
    """Reads join keys, each the values of some fields in their order, all with one look."""

    def __init__(self, keys: Sequence[Sequence[str]]) -> None:
        self.keys = tuple(map(tuple, keys))
        names = {name for key in keys for name in key}
        self._projection = Projection(names)
        places = {name: place for place, name in enumerate(self._projection.names)}
        self._unknown: list[Hashable | None] = [None] * len(keys)
        self._picks: list[itemgetter[Any]] = []
        if all(keys) and names == places.keys():
            # The first one twice: itemgetter gives no tuple for a single one.
            self._picks = [itemgetter(places[k[0]], *(places[name] for name in k)) for k in keys]

    def keys_of(self, raw: bytes) -> Sequence[Hashable | None]:
        """The keys of a record, each as :func:`fluent_eql.detection.typed_key` makes it.

        NO_KEY where a field has no value. None where a value is neither text nor a whole number,
        or there are several, where the record spells fields in a rare way, or cannot be read.
        """
        leaves = self._projection.leaves(raw) if self._picks else None
        if leaves is None:
            return self._unknown
        return [key_of(pick(leaves)[1:]) for pick in self._picks]


def key_of(values: tuple[Any, ...]) -> Hashable | None:
    """The key with these values, NO_KEY and None as :meth:`KeyReader.keys_of` says."""
    is_text = True
    for value in values:
        if value.__class__ is not str:
            if value is None:
                return NO_KEY
            if value.__class__ is not int:
                return None if None not in values else NO_KEY
            is_text = False
    return values if is_text else typed_key(values)
