"""Nodes of a document to instances of option dataclasses."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from fluent_eql.options import Named, Option, Place, new_path, options_of, path
from fluent_pipeline.config.document import error_at, expand, has_plain_tag, is_null, kind
from fluent_pipeline.errors import ConfigError

T = TypeVar("T")

QUOTED = "; a text with a colon and a space in it is quoted as a whole, else it is a map"
"""What may be meant by an unknown key where a text may stand, too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting of a section: its whole dotted key, and the nodes of key and value."""

    key: str
    at: yaml.Node
    value: yaml.Node


@dataclass(slots=True)
class Reader:
    """Reads one file, and collects what is wrong in it and what is worth a note.

    Relative paths are looked for in ``folder``, the file's, then in ``working``, the working
    directory.
    """

    source: str
    folder: Path
    working: Path
    variables: Mapping[str, str]
    errors: list[ConfigError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fail(self, node: yaml.Node, message: str) -> None:
        self.errors.append(error_at(node, message, self.source))

    def finish(self) -> None:
        """Raise ConfigError if anything was wrong: the first error, the others in its message."""
        if not self.errors:
            return
        ordered = sorted(self.errors, key=lambda error: (error.line, error.column))
        first = ordered[0]
        others = list(dict.fromkeys(str(error) for error in ordered))[1:]
        raise ConfigError(
            "\n".join([first.message, *others]),
            source=self.source,
            line=first.line,
            column=first.column,
        )

    def pairs(
        self, node: yaml.Node, what: str, *, fold: bool = True
    ) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """The entries of a map: key, its node, the value's. Duplicates are errors.

        With ``fold`` the keys are in lower case, whatever case they are written in.
        """
        if is_null(node):
            return []
        if not isinstance(node, yaml.MappingNode) or not has_plain_tag(node):
            self.fail(node, f"{what}: expected a map, found {kind(node)}")
            return []
        found: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
        for at, value in node.value:
            if not isinstance(at, yaml.ScalarNode):
                self.fail(at, f"{what}: expected a key, found {kind(at)}")
                continue
            key = at.value.lower() if fold else at.value
            if at.tag == "tag:yaml.org,2002:merge":
                self.fail(at, f"{what}: merging maps with << is not supported")
            elif key in found:
                self.fail(at, f"{what}: the key {key} is given twice")
            else:
                found[key] = (key, at, value)
        return list(found.values())

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The items of a list."""
        if is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode) or not has_plain_tag(node):
            self.fail(node, f"{what}: expected a list, found {kind(node)}")
            return []
        return list(node.value)

    def scalar(self, node: yaml.Node, key: str) -> str | None:
        """The text of a single value with its variables; None after an error."""
        if not isinstance(node, yaml.ScalarNode) or is_null(node) or not has_plain_tag(node):
            self.fail(node, f"{key}: expected a single value, found {kind(node)}")
            return None
        return self._attempt(node, key, lambda: expand(node.value, self.variables))

    def entries(
        self, node: yaml.Node, keys: Iterable[str], what: str, *, hint: str = ""
    ) -> Iterator[Entry]:
        """The settings of a section that has these keys; all others are errors.

        A map under ``state`` gives the keys ``state.ttl`` and so on. ``hint`` is what else the
        error of an unknown key says.
        """
        known = list(keys)
        seen: set[str] = set()
        for entry in self._flatten(node, known, what, ""):
            if entry.key not in known:
                near = suggestion(entry.key, known)
                self.fail(entry.at, f"{what}: unknown key {entry.key}{near}{hint}")
            elif entry.key in seen:
                self.fail(entry.at, f"{what}: the key {entry.key} is given twice")
            else:
                seen.add(entry.key)
                yield entry

    def options(
        self, schema: type[T], entries: Iterable[Entry], at: yaml.Node, what: str
    ) -> T | None:
        """An instance of an option dataclass; None after an error.

        ``at`` is the node to name if a required key is missing.
        """
        before = len(self.errors)
        values = self.values(schema, entries)
        for name, spec in options_of(schema).values():
            if spec.required and name not in values:
                self.fail(at, f"{what}: the key {spec.key} is missing: {spec.help}")
        if len(self.errors) > before:
            return None
        return self._attempt(at, what, lambda: schema(**values))

    def values(self, schema: type[Any], entries: Iterable[Entry]) -> dict[str, Any]:
        """The values of some of an option dataclass's attributes; those in error are None."""
        specs = options_of(schema)
        values: dict[str, Any] = {}
        for entry in entries:
            name, spec = specs[entry.key]
            if not is_null(entry.value):
                values[name] = self._value(spec, entry)
        return values

    def _flatten(
        self, node: yaml.Node, known: list[str], what: str, prefix: str
    ) -> Iterator[Entry]:
        for name, at, value in self.pairs(node, what):
            key = prefix + name
            nested = any(other.startswith(f"{key}.") for other in known)
            if nested and isinstance(value, yaml.MappingNode):
                yield from self._flatten(value, known, what, f"{key}.")
            else:
                yield Entry(key, at, value)

    def _value(self, spec: Option, entry: Entry) -> Any:
        if not spec.many:
            return self._item(spec, entry.value)
        if isinstance(entry.value, yaml.SequenceNode):
            nodes = self.items(entry.value, entry.key)
        else:
            nodes = [entry.value]
        return tuple(value for node in nodes for value in self._items(spec, node))

    def _items(self, spec: Option, node: yaml.Node) -> list[Any]:
        """What an item of a list gives: as many values as free names, else one."""
        if spec.named is None or not isinstance(node, yaml.MappingNode):
            return [self._item(spec, node)]
        pairs = self.pairs(node, spec.key, fold=False)
        return [self._named(spec, spec.named, at, value) for _, at, value in pairs]

    def _named(
        self, spec: Option, make: Callable[[Named], T], at: yaml.Node, node: yaml.Node
    ) -> T | None:
        name = self.scalar(at, spec.key)
        if spec.schema is None:
            value = self.scalar(node, spec.key)
        elif spec.short_for is not None and not isinstance(node, yaml.MappingNode):
            entry = Entry(spec.short_for, node, node)
            value = self.options(spec.schema, [entry], node, f"{spec.key} {name}")
        else:
            value = self._section(spec.schema, node, f"{spec.key} {name}")
        if name is None or value is None:
            return None
        place = Place(self.source, at.start_mark.line + 1, at.start_mark.column + 1)
        return self._attempt(at, spec.key, lambda: make(Named(name, value, place)))

    def _item(self, spec: Option, node: yaml.Node) -> Any:
        if spec.schema is not None and isinstance(node, yaml.MappingNode):
            return self._section(spec.schema, node, spec.key, hint=QUOTED)
        return self._parsed(spec, node)

    def _section(self, schema: type[T], node: yaml.Node, what: str, *, hint: str = "") -> T | None:
        entries = self.entries(node, options_of(schema), what, hint=hint)
        return self.options(schema, entries, node, what)

    def _parsed(self, spec: Option, node: yaml.Node) -> Any:
        text = self.scalar(node, spec.key)
        if text is None:
            return None
        value = self._attempt(node, spec.key, lambda: spec.parse(text))
        if isinstance(value, Path) and spec.parse is path:
            return self._attempt(node, spec.key, lambda: self._existing(spec.key, value))
        if isinstance(value, Path) and spec.parse is new_path:
            return self.working / value
        return value

    def _existing(self, key: str, wanted: Path) -> Path:
        if wanted.is_absolute():
            if not wanted.exists():
                raise ValueError(f"{wanted} does not exist")
            return wanted
        places = [
            (self.folder, "the configuration's folder"),
            (self.working, "the working directory"),
        ]
        for place, name in places:
            if (place / wanted).exists():
                self.notes.append(f"{key}: {wanted} → {place / wanted} (relative to {name})")
                return place / wanted
        raise ValueError(
            f"{wanted} is neither in {self.folder}, the configuration's folder, "
            f"nor in {self.working}, the working directory"
        )

    def _attempt(self, node: yaml.Node, key: str, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except (ValueError, OSError) as error:
            self.fail(node, f"{key}: {error}")
            return None


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(sorted(names))}"
