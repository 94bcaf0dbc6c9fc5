"""The variations of a test: what ``each`` says is different from one to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import yaml

from fluent_pipeline.config.document import kind
from fluent_pipeline.config.reader import Reader
from fluent_pipeline.rule_tests.bodies import AT, ID, BodyReader
from fluent_pipeline.rule_tests.events import EVERY, Places
from fluent_pipeline.rule_tests.fields import Change


@dataclass(frozen=True, slots=True)
class Variation:
    """What is different about the events ``numbers``; ``at`` is None where the time is not.

    ``label`` says it in words, ``line`` is where it stands.
    """

    label: str
    line: int
    numbers: Sequence[int]
    changes: tuple[Change, ...]
    at: int | None = None


class VariationReader:
    """Reads variations. Errors go to the reader; what is wrong is left out."""

    def __init__(self, reader: Reader, bodies: BodyReader) -> None:
        self._reader = reader
        self._bodies = bodies

    def read(self, node: yaml.Node, places: Places) -> list[Variation]:
        """A map of events, by number or id or ``all``, to what each is varied by."""
        found: list[Variation] = []
        for name, at, value in self._reader.pairs(node, "each", fold=False):
            if name == EVERY:
                numbers = places.all
            else:
                number = places.number(at, "each")
                numbers = range(0) if number is None else range(number, number + 1)
            before = len(found)
            found += self._of_event(name, numbers, value)
            if len(found) == before:
                self._reader.fail(value, f"each: {name}: expected something to vary")
        return found

    def _of_event(self, name: str, numbers: Sequence[int], node: yaml.Node) -> Iterator[Variation]:
        what = f"each: {name}"
        if isinstance(node, yaml.MappingNode):
            return self._one_by_one(what, name, numbers, node)
        return self._together(what, name, numbers, node)

    def _together(
        self, what: str, name: str, numbers: Sequence[int], node: yaml.Node
    ) -> Iterator[Variation]:
        """A list of maps of fields: a variation for each map."""
        for item in self._reader.items(node, what):
            body = self._bodies.read(item, what)
            if body.id is not None:
                self._reader.fail(item, f"{what}: {ID} cannot be varied")
            if not body.changes and body.at is None:
                self._reader.fail(item, f"{what}: expected a field, found none")
            yield _variation(name, item, numbers, body.changes, body.at)

    def _one_by_one(
        self, what: str, name: str, numbers: Sequence[int], node: yaml.Node
    ) -> Iterator[Variation]:
        """A map of fields to lists of values: a variation for each value of each field."""
        for path, place, values in self._bodies.leaves(node, what):
            field = ".".join(path)
            if path == (ID,):
                self._reader.fail(place, f"{what}: {ID} cannot be varied")
            elif not isinstance(values, yaml.SequenceNode) or not values.value:
                found = "an empty one" if isinstance(values, yaml.SequenceNode) else kind(values)
                self._reader.fail(
                    values, f"{what}: {field}: expected a list of values, found {found}"
                )
            elif path == (AT,):
                for item in values.value:
                    yield _variation(name, item, numbers, (), self._bodies.time(item, what))
            elif self._bodies.may_set(field, place, what):
                for item in values.value:
                    value = self._bodies.value(item, f"{what}: {field}")
                    yield _variation(name, item, numbers, (Change(path, value),))


def _variation(
    name: str,
    node: yaml.Node,
    numbers: Sequence[int],
    changes: tuple[Change, ...],
    at: int | None = None,
) -> Variation:
    told = [] if at is None else [f"{AT} = {Decimal(at).scaleb(-9).normalize():f}s"]
    told += [f"{c.name} = {json.dumps(c.value, ensure_ascii=False)}" for c in changes]
    return Variation(f"{name}: {', '.join(told)}", node.start_mark.line + 1, numbers, changes, at)
