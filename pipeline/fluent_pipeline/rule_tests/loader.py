"""A test file's text as tests; docs/testing-rules.md describes the format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from fluent_pipeline.config.document import compose, is_null
from fluent_pipeline.config.reader import Reader, suggestion
from fluent_pipeline.errors import ConfigError
from fluent_pipeline.rule_tests.bodies import BodyReader
from fluent_pipeline.rule_tests.events import EventReader, Places, Planned
from fluent_pipeline.rule_tests.model import Alerts, RuleTest, SentEvent
from fluent_pipeline.rule_tests.variations import Variation, VariationReader

START = 1_767_225_600 * 10**9
"""The moment that times are counted from: 2026-01-01T00:00:00Z."""

SECTIONS = ("defaults", "events", "tests")
KEYS = ("name", "each", "stream", "alerts")


def read_tests(file: Path) -> list[RuleTest]:
    """The tests of a file. Raises ConfigError with all that is wrong in it."""
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=str(file)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text: {error}", source=str(file)) from error
    return parse_tests(text, source=str(file))


def parse_tests(text: str, *, source: str) -> list[RuleTest]:
    """The tests of a file's text, one for each variation, in their order.

    ``source`` stands for the file in errors. Raises ConfigError with all that is wrong.
    """
    reader = Reader(source=source, folder=Path(), working=Path(), variables={})
    root = compose(text, source)
    if root is None or is_null(root):
        raise ConfigError("expected tests, found an empty file", source=source, line=1, column=1)
    try:
        tests = _Loader(reader).load(root)
    except RecursionError as error:
        raise ConfigError("not usable: nested too deeply", source=source) from error
    reader.finish()
    return tests


class _Loader:
    """Walks the sections. What it returns counts only if the reader has no errors."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._bodies = BodyReader(reader)
        self._events = EventReader(reader, self._bodies)
        self._variations = VariationReader(reader, self._bodies)
        self._names: set[str] = set()

    def load(self, root: yaml.Node) -> list[RuleTest]:
        sections = self._keys(root, "the file", SECTIONS, needed=("tests",))
        if "defaults" in sections:
            self._events.read_defaults(sections["defaults"])
        if "events" in sections:
            self._events.read_named(sections["events"])
        if "tests" not in sections:
            return []
        return [
            test for node in self._some(sections["tests"], "tests") for test in self._tests_of(node)
        ]

    def _tests_of(self, node: yaml.Node) -> list[RuleTest]:
        """A test, or one for each of its variations."""
        what = "a test"
        sections = self._keys(node, what, KEYS, needed=("name", "stream", "alerts"))
        if not sections.keys() >= {"name", "stream", "alerts"}:
            return []
        name = self._name(sections["name"])
        self._some(sections["stream"], "stream")
        stream = self._events.read_stream(sections["stream"])
        places = Places(self._reader, stream)
        alerts = self._alerts(sections["alerts"], places)
        variations = [Variation("", node.start_mark.line + 1, (), ())]
        if "each" in sections:
            variations = self._variations.read(sections["each"], places)
        return [
            RuleTest(name, one.label, one.line, _sent(stream, one), alerts) for one in variations
        ]

    def _keys(
        self, node: yaml.Node, what: str, known: Sequence[str], *, needed: Sequence[str]
    ) -> dict[str, yaml.Node]:
        """The values of a map that has these keys; all others are errors."""
        found: dict[str, yaml.Node] = {}
        for key, at, value in self._reader.pairs(node, what, fold=False):
            if key in known:
                found[key] = value
            else:
                self._reader.fail(at, f"{what}: unknown key {key}{suggestion(key, known)}")
        if isinstance(node, yaml.MappingNode) or is_null(node):
            for key in needed:
                if key not in found:
                    self._reader.fail(node, f"{what}: the key {key} is missing")
        return found

    def _some(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The items of a list, of which there has to be one."""
        items = self._reader.items(node, what)
        if not items and (is_null(node) or isinstance(node, yaml.SequenceNode)):
            self._reader.fail(node, f"{what}: expected a list with at least one item")
        return items

    def _name(self, node: yaml.Node) -> str:
        name = self._bodies.text(node, "name") or ""
        if name in self._names:
            self._reader.fail(node, f"name: another test is called {name}")
        self._names.add(name)
        return name

    def _alerts(self, node: yaml.Node, places: Places) -> Alerts:
        """A list with an item for each alert: the list of its events, or its only event."""
        if is_null(node):
            self._reader.fail(node, "alerts: expected a list, [] for none")
        alerts = []
        for item in self._reader.items(node, "alerts"):
            is_list = isinstance(item, yaml.SequenceNode)
            nodes = self._some(item, "alerts") if is_list else [item]
            numbers = [places.number(one, "alerts") for one in nodes]
            alerts.append(tuple(number for number in numbers if number is not None))
        return tuple(alerts)


def _sent(stream: Sequence[Planned], variation: Variation) -> tuple[SentEvent, ...]:
    """The events as they come in a variation; one without a time comes with the one before."""
    sent: list[SentEvent] = []
    time = START
    for number, planned in enumerate(stream, start=1):
        is_varied = number in variation.numbers
        at = variation.at if is_varied and variation.at is not None else planned.at
        time = time if at is None else START + at
        sent.append(planned.sent(time, variation.changes if is_varied else ()))
    return tuple(sent)
