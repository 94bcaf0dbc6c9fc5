"""The fields of an event in the making: set, replaced and taken away by their dotted names.

A field keeps the spelling in which it was set, nested (``{"process": {"name": …}}``), flat
(``{"process.name": …}``) or mixed, and is replaced whatever the spelling of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """A field's new value. ``path`` are the keys that lead to it; None takes the field away."""

    path: tuple[str, ...]
    value: Any

    @property
    def name(self) -> str:
        """The field's dotted name."""
        return ".".join(self.path)


Fields = Mapping[str, Change]
"""Fields by their dotted names. None of them lies within another."""


def clash(name: str, other: str) -> bool:
    """Whether two names are the same, or one is of a field within the other."""
    return name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.")


def changed(fields: Fields, changes: Iterable[Change]) -> dict[str, Change]:
    """The fields after some changes, in their order."""
    result = dict(fields)
    for change in changes:
        for name in [name for name in result if clash(name, change.name)]:
            del result[name]
        if change.value is not None:
            result[change.name] = change
    return result


def record_of(fields: Fields) -> dict[str, Any]:
    """The record that has these fields and no others."""
    record: dict[str, Any] = {}
    for change in fields.values():
        *parents, last = change.path
        inner = record
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = change.value
    return record
