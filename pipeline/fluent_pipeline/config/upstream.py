"""Fluent Bit's upstream files: the targets of one output.

Both of Fluent Bit's syntaxes are read: the classic one with ``[UPSTREAM]`` and ``[NODE]``, and
YAML with ``upstream_servers``. Nodes know ``weight`` and ``standby`` beside Fluent Bit's keys.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from fluent_eql.options import options_of
from fluent_pipeline.config.document import compose, error_at
from fluent_pipeline.config.forward import ForwardOutputConfig, NodeKeys, TargetNode
from fluent_pipeline.config.reader import Reader
from fluent_pipeline.errors import ConfigError

TEXT_TAG = "tag:yaml.org,2002:str"
MAP_TAG = "tag:yaml.org,2002:map"
OWN_KEYS = (
    "host",
    "port",
    "shared_key",
    "username",
    "password",
    "tls",
    "tls.verify",
    "tls.verify_hostname",
    "tls.vhost",
    "tls.ca_file",
    "tls.crt_file",
    "tls.key_file",
    "tls.key_passwd",
    "tls.min_version",
)
"""The keys of a forward output that a node may set for itself."""


def read_upstream(
    file: Path, output: ForwardOutputConfig, *, working: Path, variables: Mapping[str, str]
) -> tuple[TargetNode, ...]:
    """The nodes of an upstream file; what they leave out is as in ``output``.

    Raises ConfigError with file, line and column.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"not readable: {error}", source=str(file)) from error
    reader = Reader(str(file), file.parent, working, variables)
    is_yaml = file.suffix in (".yaml", ".yml")
    nodes = list(_yaml_nodes(text, reader) if is_yaml else _classic_nodes(text, reader.source))
    made = [_target(node, output, reader) for node in nodes]
    reader.finish()
    found = tuple(target for target in made if target is not None)
    if not found:
        raise ConfigError("expected at least one node", source=str(file), line=1, column=1)
    return found


def _target(node: yaml.Node, output: ForwardOutputConfig, reader: Reader) -> TargetNode | None:
    shared = options_of(NodeKeys)
    entries = list(reader.entries(node, [*shared, *OWN_KEYS], "node"))
    keys = reader.options(NodeKeys, [e for e in entries if e.key in shared], node, "node")
    own = reader.values(ForwardOutputConfig, [e for e in entries if e.key not in shared])
    if keys is None:
        return None
    try:
        options = dataclasses.replace(output, **own)
    except ValueError as error:
        reader.fail(node, f"node: {error}")
        return None
    return TargetNode(keys.name, options, keys.weight, keys.standby)


def _yaml_nodes(text: str, reader: Reader) -> Iterator[yaml.Node]:
    root = compose(text, reader.source)
    if root is None:
        return
    for key, at, servers in reader.pairs(root, "the file"):
        if key != "upstream_servers":
            reader.fail(at, f"expected upstream_servers, found {key}")
            continue
        groups = reader.items(servers, "upstream_servers")
        if len(groups) > 1:
            reader.fail(groups[1], "upstream_servers: expected one group of nodes for an output")
        for group in groups[:1]:
            for name, _, value in reader.pairs(group, "upstream_servers"):
                if name == "nodes":
                    yield from reader.items(value, "nodes")


def _classic_nodes(text: str, source: str) -> Iterator[yaml.Node]:
    """The ``[NODE]`` sections as maps."""
    section: yaml.MappingNode | None = None
    for number, line in enumerate(text.splitlines()):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        mark = _mark(source, number, len(line) - len(line.lstrip()))
        if header := re.fullmatch(r"\[(\w+)\]", content):
            kind = header[1].upper()
            if kind not in ("UPSTREAM", "NODE"):
                place = yaml.ScalarNode(TEXT_TAG, content, mark, mark)
                raise error_at(place, f"expected [UPSTREAM] or [NODE], found {content}", source)
            section = yaml.MappingNode(MAP_TAG, [], mark, mark) if kind == "NODE" else None
            if section is not None:
                yield section
        elif section is not None:
            key, _, value = content.partition(" ")
            at = _mark(source, number, line.index(content) + len(content) - len(value.lstrip()))
            section.value.append(
                (
                    yaml.ScalarNode(TEXT_TAG, key, mark, mark),
                    yaml.ScalarNode(TEXT_TAG, value.strip(), at, at),
                )
            )


def _mark(source: str, line: int, column: int) -> yaml.Mark:
    return yaml.Mark(source, 0, line, column, None, 0)
