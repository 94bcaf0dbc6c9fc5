"""Events in short form: defaults, named events, and the events of a stream."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from fluent_eql.event_time import iso_8601
from fluent_pipeline.config.document import is_null, kind
from fluent_pipeline.config.reader import Reader, suggestion
from fluent_pipeline.rule_tests.bodies import Body, BodyReader
from fluent_pipeline.rule_tests.fields import Change, Fields, changed, record_of
from fluent_pipeline.rule_tests.model import SentEvent

EVERY = "all"
"""Stands for every event of a stream where one is named, so that none is called that."""

TIME = Change(("@timestamp",), "the time at which it comes")
"""What an event has in the place of its time until that is known."""

NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Planned:
    """An event of a stream; ``at`` is None where it comes at the time of the one before."""

    id: str
    at: int | None
    fields: Fields

    def sent(self, time: int, changes: Iterable[Change] = ()) -> SentEvent:
        """The event with some changes, as it comes at ``time``, in nanoseconds since the epoch."""
        fields = changed(self.fields, [*changes, Change(("event.id",), self.id)])
        if fields.get(TIME.name) is TIME:
            fields[TIME.name] = Change(TIME.path, iso_8601(time))
        return SentEvent(self.id, time, record_of(fields))


@dataclass(frozen=True, slots=True)
class _Short:
    """An event in short form: the fields to start with, and the name that they go by if any."""

    name: str | None
    fields: Fields
    body: Body


class EventReader:
    """Reads events. Errors go to the reader; what it returns counts only if there are none."""

    def __init__(self, reader: Reader, bodies: BodyReader) -> None:
        self._reader = reader
        self._bodies = bodies
        self._defaults: Fields = {TIME.name: TIME}
        self._named: dict[str, Fields] = {}

    def read_defaults(self, node: yaml.Node) -> None:
        """The fields that every event has, unless it says otherwise."""
        self._defaults = changed(self._defaults, self._bodies.read_fields(node, "defaults"))

    def read_named(self, node: yaml.Node) -> None:
        """A map of names to events, each of which may be made from one above it."""
        for name, at, value in self._reader.pairs(node, "events", fold=False):
            what = f"events: {name}"
            if not _is_name(name):
                self._reader.fail(at, f"{what}: expected a name, no number and not {EVERY}")
            short = self._short(value, what)
            if short.body.at is not None or short.body.id is not None:
                self._reader.fail(value, f"{what}: at and id belong to the events of a stream")
            self._named[name] = changed(short.fields, short.body.changes)

    def read_stream(self, node: yaml.Node) -> list[Planned]:
        """The events of a stream, in the order of their arrival, with ids that differ."""
        stream: list[Planned] = []
        uses: Counter[str] = Counter()
        for number, item in enumerate(self._reader.items(node, "stream"), start=1):
            what = f"stream: event {number}"
            short = self._short(item, what)
            own_id = short.body.id or _default_id(short.name, number, uses)
            if not _is_name(own_id):
                self._reader.fail(item, f"{what}: expected an id, no number and not {EVERY}")
            elif own_id in {planned.id for planned in stream}:
                self._reader.fail(item, f"{what}: the id {own_id} is given twice")
            fields = changed(short.fields, short.body.changes)
            stream.append(Planned(own_id, short.body.at, fields))
        return stream

    def _short(self, node: yaml.Node, what: str) -> _Short:
        """A name, a map with a name as its only key, or a map of fields."""
        if isinstance(node, yaml.ScalarNode) and not is_null(node):
            return self._called(node, None, what)
        if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
            key, value = node.value[0]
            is_known = isinstance(key, yaml.ScalarNode) and key.value in self._named
            if is_known or isinstance(value, yaml.MappingNode) or is_null(value):
                return self._called(key, value, what)
        if is_null(node):
            self._reader.fail(node, f"{what}: expected an event, found nothing")
        return _Short(None, self._defaults, self._bodies.read(node, what))

    def _called(self, key: yaml.Node, own: yaml.Node | None, what: str) -> _Short:
        """The event that ``key`` names, with the fields of its own in the map ``own``."""
        body = Body() if own is None or is_null(own) else self._bodies.read(own, what)
        name = key.value if isinstance(key, yaml.ScalarNode) else kind(key)
        if name in self._named:
            return _Short(name, self._named[name], body)
        hint = suggestion(name, self._named) if self._named else "; there are none"
        if body.changes:
            hint += f"; a field that stands alone has dots: {name}.{body.changes[0].name}"
        self._reader.fail(key, f"{what}: expected the name of an event, found {name}{hint}")
        return _Short(None, self._defaults, body)


def _is_name(text: str) -> bool:
    return bool(text) and text != EVERY and NUMBER.fullmatch(text) is None


def _default_id(name: str | None, number: int, uses: Counter[str]) -> str:
    """``connect`` for its first use, then ``connect-2``; ``event-3`` for the third of a stream."""
    if name is None:
        return f"event-{number}"
    uses[name] += 1
    return name if uses[name] == 1 else f"{name}-{uses[name]}"


class Places:
    """The numbers of a stream's events, by which a file may call them, as by their ids."""

    def __init__(self, reader: Reader, stream: list[Planned]) -> None:
        self._reader = reader
        self._count = len(stream)
        self._ids: Mapping[str, int] = {event.id: n for n, event in enumerate(stream, start=1)}

    @property
    def all(self) -> range:
        """The numbers of all events."""
        return range(1, self._count + 1)

    def number(self, node: yaml.Node, what: str) -> int | None:
        """The number that an event is called by; None after an error."""
        if not isinstance(node, yaml.ScalarNode) or is_null(node):
            self._reader.fail(node, f"{what}: expected an event of the stream, found {kind(node)}")
            return None
        text: str = node.value
        if text in self._ids:
            return self._ids[text]
        if text in map(str, self.all):
            return int(text)
        self._reader.fail(
            node,
            f"{what}: expected an event of the stream, a number from 1 to {self._count} "
            f"or an id ({', '.join(self._ids)}), found {text}",
        )
        return None
