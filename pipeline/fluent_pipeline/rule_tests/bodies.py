"""Maps of fields in a test file: what an event has, and what is different about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from fluent_eql.options import duration
from fluent_pipeline.config.document import has_plain_tag, is_null, kind
from fluent_pipeline.config.reader import Reader
from fluent_pipeline.rule_tests.fields import Change, clash
from fluent_pipeline.rule_tests.values import scalar_of

AT, ID = "at", "id"
LATEST = 3650 * 86_400 * 10**9
"""Ten years: times of events fit into 32 bits of seconds for longer than that."""


@dataclass(frozen=True, slots=True)
class Body:
    """``at`` in nanoseconds after the start of the stream; it and ``id`` are None if not given."""

    changes: tuple[Change, ...] = ()
    at: int | None = None
    id: str | None = None


class BodyReader:
    """Reads maps of fields. Errors go to the reader; what is wrong is left out."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, node: yaml.Node, what: str) -> Body:
        """A map of fields, with ``at`` and ``id`` beside them."""
        at = own_id = None
        changes: dict[str, Change] = {}
        for path, place, value in self.leaves(node, what):
            name = ".".join(path)
            if path == (AT,):
                at = self.time(value, what)
            elif path == (ID,):
                own_id = self.text(value, f"{what}: {ID}")
            elif any(clash(name, other) for other in changes):
                self._reader.fail(place, f"{what}: the field {name} is given twice")
            elif self.may_set(name, place, what):
                changes[name] = Change(path, self.value(value, f"{what}: {name}"))
        return Body(tuple(changes.values()), at, own_id)

    def read_fields(self, node: yaml.Node, what: str) -> tuple[Change, ...]:
        """A map of fields of an event that is in no stream yet."""
        body = self.read(node, what)
        if body.at is not None or body.id is not None:
            self._reader.fail(node, f"{what}: {AT} and {ID} belong to the events of a stream")
        return body.changes

    def leaves(
        self, node: yaml.Node, what: str, above: tuple[str, ...] = ()
    ) -> Iterator[tuple[tuple[str, ...], yaml.Node, yaml.Node]]:
        """What stands in a map and the maps in it: the keys to it, the last key's node, its own."""
        for key, place, value in self._reader.pairs(node, what, fold=False):
            path = (*above, key)
            if not all(key.split(".")):
                self._reader.fail(place, f"{what}: expected the name of a field, found {key!r}")
            elif isinstance(value, yaml.MappingNode):
                yield from self.leaves(value, what, path)
            else:
                yield path, place, value

    def may_set(self, name: str, place: yaml.Node, what: str) -> bool:
        """Whether a field may be given; the reader knows why not."""
        if clash(name, "event.id") and name != "event":
            self._reader.fail(place, f"{what}: expected {ID} in the place of event.id")
            return False
        return True

    def time(self, node: yaml.Node, what: str) -> int | None:
        """A time after the start of the stream, in nanoseconds; None after an error."""
        text = self.text(node, f"{what}: {AT}")
        if text is None:
            return None
        try:
            time = duration(text)
        except ValueError as error:
            self._reader.fail(node, f"{what}: {AT}: {error}")
            return None
        if time > LATEST:
            self._reader.fail(node, f"{what}: {AT}: expected at most 3650d, found {text}")
            return None
        return time

    def text(self, node: yaml.Node, what: str) -> str | None:
        """A text, whatever YAML would make of it; None after an error."""
        is_scalar = isinstance(node, yaml.ScalarNode) and has_plain_tag(node)
        if is_scalar and not is_null(node) and node.value:
            return str(node.value)
        found = "an empty text" if is_scalar and not is_null(node) else kind(node)
        self._reader.fail(node, f"{what}: expected a text, found {found}")
        return None

    def value(self, node: yaml.Node, what: str) -> Any:
        """A field's value; None after an error."""
        if not has_plain_tag(node):
            self._reader.fail(node, f"{what}: expected a value, found {kind(node)}")
        elif isinstance(node, yaml.SequenceNode):
            return [self.value(item, what) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            pairs = self._reader.pairs(node, what, fold=False)
            return {key: self.value(value, what) for key, _, value in pairs}
        elif isinstance(node, yaml.ScalarNode):
            try:
                return scalar_of(node)
            except ValueError as error:
                self._reader.fail(node, f"{what}: {error}")
        return None
