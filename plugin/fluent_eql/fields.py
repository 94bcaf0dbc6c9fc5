"""Finding a field's values in a record, however the record spells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from fluent_eql.event import text_of

SCALARS = (str, int, float)


class Fields:
    """The fields of one record by their dotted names.

    A name is found nested (``{"process": {"name": …}}``), flat (``{"process.name": …}``) and
    mixed; the values of all the forms there are add up. The record must not change meanwhile.
    """

    __slots__ = ("_record", "_known")

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self._known: dict[str, tuple[Any, ...]] = {}

    def values(self, name: str) -> tuple[Any, ...]:
        """The values of a field: strings, integers, floats and booleans, in their order.

        Arrays are flattened, also those on the way to the field. Null, empty arrays, objects and
        extension types are no values; bin is read as text.
        """
        known = self._known.get(name)
        if known is None:
            found: list[Any] = []
            _collect(self._record, _splits(name), found)
            known = self._known[name] = tuple(found)
        return known


Splits = tuple[tuple[str, "Splits | None"], ...]
"""The ways to take a key off a name's front: the key, and those of the rest or None."""


@lru_cache(maxsize=4096)
def _splits(name: str) -> Splits:
    parts = name.split(".")
    fronts = [
        (".".join(parts[:size]), _splits(".".join(parts[size:]))) for size in range(1, len(parts))
    ]
    return (*fronts, (name, None))


def _collect(record: Mapping[str, Any], splits: Splits, found: list[Any]) -> None:
    for key, rest in splits:
        value = record.get(key)
        if value is None:
            continue
        for item in _items(value) if isinstance(value, list) else (value,):
            if rest is not None:
                if isinstance(item, dict):
                    _collect(item, rest, found)
            elif isinstance(item, SCALARS):
                found.append(item)
            elif isinstance(item, bytes):
                found.append(text_of(item))


def _items(array: list[Any]) -> Iterator[Any]:
    """What an array and the arrays in it hold, however deep, without recursion."""
    stack = [iter(array)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()
