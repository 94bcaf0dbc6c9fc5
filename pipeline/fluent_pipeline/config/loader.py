"""A configuration file in Fluent Bit's YAML, as one frozen :class:`Config`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from fluent_eql.api import FilterPlugin
from fluent_eql.errors import FilterError
from fluent_eql.options import options_of
from fluent_eql.registry import FilterRegistry, installed
from fluent_pipeline.config.document import compose
from fluent_pipeline.config.forward import ForwardOutputConfig, TargetNode
from fluent_pipeline.config.reader import Entry, Reader, suggestion
from fluent_pipeline.config.schema import (
    INPUTS,
    OUTPUTS,
    Config,
    FilterConfig,
    FilterKeys,
    InputConfig,
    InputKeys,
    OutputConfig,
    OutputKeys,
    OutputOptions,
    Position,
    ServiceConfig,
    default_output,
)
from fluent_pipeline.config.tags import EVERY_TAG, TagMatch
from fluent_pipeline.config.upstream import read_upstream
from fluent_pipeline.errors import ConfigError

SECTIONS = ("env", "service", "pipeline")
STAGES = ("inputs", "filters", "outputs")

_Keys = TypeVar("_Keys")


def load_config(
    file: Path,
    *,
    environ: Mapping[str, str] | None = None,
    working: Path | None = None,
    registry: FilterRegistry | None = None,
) -> Config:
    """Read a configuration file.

    ``environ`` fills ``${NAME}`` (the process's environment if None) and ``working`` is the
    working directory (the process's if None). Raises ConfigError for all that is wrong.
    """
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=str(file)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text: {error}", source=str(file)) from error
    return parse_config(
        text,
        source=str(file),
        folder=file.absolute().parent,
        environ=environ,
        working=working,
        registry=registry,
    )


def parse_config(
    text: str,
    *,
    source: str = "<configuration>",
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    working: Path | None = None,
    registry: FilterRegistry | None = None,
) -> Config:
    """Read a configuration's text, as :func:`load_config` reads a file's.

    ``source`` stands for the file in errors. ``folder`` is the first place where relative paths
    are looked for, the working directory if None.
    """
    working = (working or Path.cwd()).absolute()
    reader = Reader(
        source=source,
        folder=folder or working,
        working=working,
        variables=dict(os.environ if environ is None else environ),
    )
    root = compose(text, source)
    config = _Loader(reader, registry or installed()).load(root)
    reader.finish()
    return config


@dataclass(frozen=True, slots=True)
class _Name:
    """The name of an item, in lower case, and its node."""

    text: str
    at: yaml.Node


@dataclass(slots=True)
class _Loader:
    """Walks the sections. What it returns counts only if the reader has no errors."""

    reader: Reader
    registry: FilterRegistry
    _numbers: Counter[str] = field(default_factory=Counter)
    _aliases: Counter[str] = field(default_factory=Counter)

    def load(self, root: yaml.Node | None) -> Config:
        sections = self._sections(root, SECTIONS, "the configuration")
        self._env(sections.get("env"))
        service = self._service(sections.get("service"))
        stages = self._sections(sections.get("pipeline"), STAGES, "pipeline")
        inputs = [self._input(node) for node in self._items(stages, "inputs")]
        if not inputs:
            self.reader.notes.append("pipeline.inputs: none, so nothing can come in")
        filters = [self._filter(node) for node in self._items(stages, "filters")]
        outputs = [self._output(node) for node in self._items(stages, "outputs")]
        return Config(
            source=self.reader.source,
            service=service or ServiceConfig(),
            inputs=tuple(item for item in inputs if item),
            filters=tuple(item for item in filters if item),
            outputs=tuple(item for item in outputs if item)
            or (default_output(self.reader.source),),
            notes=tuple(self.reader.notes),
        )

    def _sections(
        self, node: yaml.Node | None, known: tuple[str, ...], what: str
    ) -> dict[str, yaml.Node]:
        if node is None:
            return {}
        return {entry.key: entry.value for entry in self.reader.entries(node, known, what)}

    def _items(self, stages: Mapping[str, yaml.Node], stage: str) -> list[yaml.Node]:
        return self.reader.items(stages[stage], stage) if stage in stages else []

    def _env(self, node: yaml.Node | None) -> None:
        if node is None:
            return
        pairs = self.reader.pairs(node, "env", fold=False)
        values = {name: self.reader.scalar(value, f"env {name}") for name, _, value in pairs}
        defaults = {name: value for name, value in values.items() if value is not None}
        self.reader.variables = {**defaults, **self.reader.variables}

    def _service(self, node: yaml.Node | None) -> ServiceConfig | None:
        if node is None:
            return None
        entries = self.reader.entries(node, options_of(ServiceConfig), "service")
        return self.reader.options(ServiceConfig, entries, node, "service")

    def _input(self, node: yaml.Node) -> InputConfig | None:
        found = self._name(node, "input")
        schema = self._known(INPUTS, found, "input") if found else None
        if found is None or schema is None:
            return None
        name = found.text
        keys, options = self._read(node, InputKeys, schema, f"input {name}")
        if keys is None or options is None:
            return None
        alias = self._alias(node, "input", name, keys.alias)
        return InputConfig(name, alias, options, self._position(node))

    def _filter(self, node: yaml.Node) -> FilterConfig | None:
        found = self._name(node, "filter")
        plugin = self._plugin(found) if found else None
        if found is None or plugin is None:
            return None
        name = found.text
        keys, options = self._read(node, FilterKeys, plugin.Options, f"filter {name}")
        if keys is None or options is None:
            return None
        return FilterConfig(
            name=name,
            alias=self._alias(node, "filter", name, keys.alias),
            match=_match(keys),
            tag_prefix=keys.tag_prefix,
            plugin=plugin,
            options=options,
            position=self._position(node),
            culprit=self.registry.culprit(name),
        )

    def _output(self, node: yaml.Node) -> OutputConfig | None:
        found = self._name(node, "output")
        schema = self._known(OUTPUTS, found, "output") if found else None
        if found is None or schema is None:
            return None
        name = found.text
        keys, options = self._read(node, OutputKeys, schema, f"output {name}")
        if keys is None or options is None:
            return None
        alias = self._alias(node, "output", name, keys.alias)
        position = self._position(node)
        return OutputConfig(name, alias, _match(keys), options, position, self._nodes(options))

    def _nodes(self, options: OutputOptions) -> tuple[TargetNode, ...]:
        """The targets of a forward output. Raises ConfigError for a wrong upstream file."""
        if not isinstance(options, ForwardOutputConfig):
            return ()
        if options.upstream is None:
            return (TargetNode("", options),)
        reader = self.reader
        return read_upstream(
            options.upstream, options, working=reader.working, variables=reader.variables
        )

    def _name(self, node: yaml.Node, what: str) -> _Name | None:
        """The item's ``name``; None, with an error, where there is none."""
        if not isinstance(node, yaml.MappingNode):
            self.reader.pairs(node, what)
            return None
        for at, value in node.value:
            if isinstance(at, yaml.ScalarNode) and at.value.lower() == "name":
                name = self.reader.scalar(value, f"{what} name")
                return _Name(name.lower(), value) if name is not None else None
        self.reader.fail(node, f"{what}: the key name is missing: the kind of {what}")
        return None

    def _known(self, kinds: Mapping[str, type[Any]], name: _Name, what: str) -> type[Any] | None:
        if name.text not in kinds:
            near = suggestion(name.text, kinds)
            self.reader.fail(name.at, f"no {what} is named {name.text!r}{near}")
        return kinds.get(name.text)

    def _plugin(self, name: _Name) -> FilterPlugin | None:
        try:
            return self.registry.get(name.text)
        except FilterError as error:
            self.reader.fail(name.at, str(error))
            return None

    def _read(
        self, node: yaml.Node, common: type[_Keys], own: type[Any], what: str
    ) -> tuple[_Keys | None, Any]:
        """The section's common keys and its own, each as an instance of its dataclass."""
        shared = options_of(common)
        entries = list(self.reader.entries(node, [*shared, *options_of(own)], what))
        keys = [entry for entry in entries if entry.key in shared]
        others: list[Entry] = [entry for entry in entries if entry.key not in shared]
        return (
            self.reader.options(common, keys, node, what),
            self.reader.options(own, others, node, what),
        )

    def _alias(self, node: yaml.Node, what: str, name: str, alias: str | None) -> str:
        number = self._numbers[f"{what} {name}"]
        self._numbers[f"{what} {name}"] += 1
        alias = alias or f"{name}.{number}"
        self._aliases[f"{what} {alias}"] += 1
        if self._aliases[f"{what} {alias}"] > 1:
            self.reader.fail(node, f"{what} {name}: the alias {alias} is taken by another {what}")
        return alias

    def _position(self, node: yaml.Node) -> Position:
        mark = node.start_mark
        return Position(self.reader.source, mark.line + 1, mark.column + 1)


def _match(keys: OutputKeys) -> TagMatch:
    if keys.match is None and keys.match_regex is None:
        return EVERY_TAG
    return TagMatch(keys.match, keys.match_regex)
