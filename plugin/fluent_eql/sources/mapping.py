"""How a source's records say what ECS has fields for.

A mapping is a table. For each ECS field it has places in the record, of which the first with a
value counts. Kinds of records, told apart by what stands in some of their places, give the fields
that no place has: ``event.category`` and its like. What no table has is read under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fluent_eql.sources.transforms import Transform

Constant = str | int | bool

PATH = re.compile(
    r"(?P<array>[^\[\]]+)\[(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]*)\]\.(?P<rest>[^\[\]]+)"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Of the objects under ``array`` those whose field ``key`` has ``value``; ``rest`` in them."""

    array: str
    key: str
    value: str
    rest: str


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted name in a record, nested or flat as :class:`fluent_eql.fields.Fields` finds it.

    ``selection`` narrows it to some of the objects on the way.
    """

    name: str
    selection: Selection | None = None


def path(text: str) -> Path:
    """``a.b``, or ``a[key=value].b`` for ``b`` in those objects under ``a``. Raises ValueError."""
    found = PATH.fullmatch(text)
    if found is not None:
        selection = Selection(**found.groupdict())
        return Path(f"{selection.array}.{selection.rest}", selection)
    if not text or "[" in text or "]" in text:
        raise ValueError(f"expected a name such as a.b or a[key=value].b, found {text!r}")
    return Path(text)


@dataclass(frozen=True, slots=True)
class Place:
    """The values at a path.

    With ``values`` only those count that are in it as text, and become what it has for them. A
    ``transform`` is done before.
    """

    path: Path
    transform: Transform | None = None
    values: Mapping[str, Constant] | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The first value at each of some paths as one text; nothing where one has none."""

    paths: tuple[Path, ...]
    separator: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The file paths at a path; relative ones are relative to the folder at ``base``."""

    path: Path
    base: Path
    transform: Transform | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same value for every record."""

    value: Constant


Alternative = Place | Joined | Resolved | Fixed


@dataclass(frozen=True, slots=True)
class Is:
    """One of the ``values``, as text, stands at one of the paths."""

    paths: tuple[Path, ...]
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Flagged:
    """At one of the paths stands a number with this bit, or a text that holds the flag's name."""

    paths: tuple[Path, ...]
    name: str
    bit: int


@dataclass(frozen=True, slots=True)
class Has:
    """Any value stands at one of the paths."""

    paths: tuple[Path, ...]


Condition = Is | Flagged | Has


@dataclass(frozen=True, slots=True)
class Kind:
    """Records for which all of ``when`` holds, and the values of ECS fields that this gives."""

    when: tuple[Condition, ...]
    fields: Mapping[str, Constant]


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """A source's table. A record is of the first of the ``kinds`` whose conditions hold."""

    name: str
    kinds: tuple[Kind, ...] = ()
    fields: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)

    def alternatives(self, name: str) -> tuple[Alternative, ...]:
        """Where an ECS field's values are, apart from what a record's kind gives."""
        found = self.fields.get(name, ())
        if found and isinstance(found[-1], Fixed):
            return found
        return (*found, Place(Path(name)))

    def has(self, name: str) -> bool:
        """Whether a field is anything but what stands under its own name."""
        return name in self.fields or any(name in kind.fields for kind in self.kinds)

    def with_fields(self, fields: Mapping[str, tuple[Alternative, ...]]) -> SourceMapping:
        """The table with some fields from elsewhere."""
        kinds = tuple(
            replace(kind, fields={k: v for k, v in kind.fields.items() if k not in fields})
            for kind in self.kinds
        )
        return replace(self, kinds=kinds, fields={**self.fields, **fields})


def places(*paths: str, transform: Transform | None = None) -> tuple[Place, ...]:
    """The values at some paths, each with the same transform."""
    return tuple(Place(path(text), transform) for text in paths)


def when(*paths: str, is_one_of: tuple[str, ...]) -> Is:
    """One of these texts stands at one of the paths."""
    return Is(tuple(map(path, paths)), frozenset(is_one_of))


def has(*paths: str) -> Has:
    """Any value stands at one of the paths."""
    return Has(tuple(map(path, paths)))


def event(category: str, type: str, action: str) -> Mapping[str, Any]:
    """The fields that say what kind of event a record is."""
    return {"event.category": category, "event.type": type, "event.action": action}
