"""A record of a source, seen under ECS names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fluent_eql.event import decode_record
from fluent_eql.fields import Fields, FieldValues, Values
from fluent_eql.sources.mapping import (
    Alternative,
    Condition,
    Fixed,
    Flagged,
    Is,
    Joined,
    Kind,
    Path,
    Place,
    Resolved,
    SourceMapping,
)
from fluent_eql.sources.transforms import Transform, text_of_value

NOTHING: Mapping[str, Any] = {}


class SourceFields(dict[str, Values]):
    """The fields of one record by their ECS names, as a mapping has them.

    Values are looked for when they are first asked for. The record must not change meanwhile.
    """

    __slots__ = ("_kind", "_mapping", "_record", "_under_own_names")

    def __init__(self, record: Mapping[str, Any], mapping: SourceMapping) -> None:
        self._record = record
        self._under_own_names = Fields(record)
        self._mapping = mapping
        self._kind: Mapping[str, Any] | None = None

    def __missing__(self, name: str) -> Values:
        values = self[name] = self._values(name)
        return values

    def _values(self, name: str) -> Values:
        if self._kind is None:
            self._kind = self._kind_of_record()
        if name in self._kind:
            return (self._kind[name],)
        for alternative in self._mapping.alternatives(name):
            if found := self._of(alternative):
                return found
        return ()

    def _kind_of_record(self) -> Mapping[str, Any]:
        for kind in self._mapping.kinds:
            if self._is(kind):
                return kind.fields
        return NOTHING

    def _is(self, kind: Kind) -> bool:
        for condition in kind.when:
            found = (value for path in condition.paths for value in self._at(path))
            if not any(_holds(condition, value) for value in found):
                return False
        return True

    def _of(self, alternative: Alternative) -> Values:
        match alternative:
            case Place(path, transform, values):
                found = _transformed(self._at(path), transform)
                if values is None:
                    return found
                texts = map(text_of_value, found)
                return tuple(values[text] for text in texts if text in values)
            case Joined(paths, separator):
                firsts = [self._at(path)[:1] for path in paths]
                if not all(firsts):
                    return ()
                return (separator.join(text_of_value(value) for (value,) in firsts),)
            case Resolved(path, base, transform):
                folders = [folder for folder in self._at(base)[:1] if isinstance(folder, str)]
                names = [name for name in self._at(path) if isinstance(name, str)]
                return _transformed(_resolved(names, folders), transform)
            case Fixed(value):
                return (value,)

    def _at(self, path: Path) -> Values:
        selection = path.selection
        if selection is None:
            return self._under_own_names[path.name]
        found: list[Any] = []
        for item in _objects(self._record, selection.array.split(".")):
            fields = Fields(item)
            if selection.value in map(text_of_value, fields[selection.key]):
                found += fields[selection.rest]
        return tuple(found)


class SourceReader:
    """Reads raw records as a mapping has them."""

    def __init__(self, mapping: SourceMapping) -> None:
        self._mapping = mapping

    def fields(self, raw: bytes) -> FieldValues:
        """The fields of a record. Raises ValueError where ``raw`` is not one msgpack map."""
        return SourceFields(decode_record(raw), self._mapping)


def _holds(condition: Condition, value: Any) -> bool:
    match condition:
        case Is(_, values):
            return text_of_value(value) in values
        case Flagged(_, name, bit):
            if isinstance(value, str):
                return name in value
            return isinstance(value, int) and bool(value & bit)
    return True


def _transformed(values: Values, transform: Transform | None) -> Values:
    if transform is None:
        return values
    return tuple(made for value in values for made in transform.run(value))


def _resolved(names: Iterable[str], folders: list[str]) -> Values:
    return tuple(
        name if name.startswith("/") else f"{folders[0].rstrip('/')}/{name.removeprefix('./')}"
        for name in names
        if name.startswith("/") or folders
    )


def _objects(record: Mapping[str, Any], parts: list[str]) -> Iterator[Mapping[str, Any]]:
    """The objects under a name, in any of its spellings, in arrays or alone."""
    for size in range(1, len(parts) + 1):
        for item in _items(record.get(".".join(parts[:size]))):
            if isinstance(item, dict):
                rest = parts[size:]
                yield from _objects(item, rest) if rest else (item,)


def _items(value: Any) -> Iterator[Any]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        else:
            yield item
