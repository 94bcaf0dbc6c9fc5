"""What each section of the configuration may hold: its keys, their types and their defaults.

Names and units are Fluent Bit's wherever it has the setting. Durations are nanoseconds, sizes
bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluent_eql.api import Filter, FilterPlugin
from fluent_eql.errors import FluentEqlError
from fluent_eql.options import (
    choice,
    duration,
    integer,
    new_path,
    option,
    positive,
    size,
    switch,
    text,
)
from fluent_eql.registry import make_filter
from fluent_pipeline.config.forward import (
    MEGABYTE,
    PORT,
    SECOND,
    ForwardInputConfig,
    ForwardOutputConfig,
    TargetNode,
)
from fluent_pipeline.config.tags import EVERY_TAG, TagMatch, glob, regex
from fluent_pipeline.config.webhook import WebhookOutputConfig
from fluent_pipeline.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """The section ``service``: the process as a whole."""

    log_level: str = option(
        "log_level",
        choice("error", "warn", "info", "debug"),
        "the least severe messages that are logged",
        default="info",
    )
    http_server: bool = option(
        "http_server", switch, "serve the page, the API and metrics over HTTP", default=False
    )
    http_listen: str = option(
        "http_listen", text, "address of the HTTP server", default="127.0.0.1"
    )
    http_port: int = option("http_port", PORT, "port of the HTTP server", default=2020)
    http_token: str | None = option(
        "http_token",
        text,
        "what a request that changes something must bear, or one for alerts from elsewhere",
        default=None,
        secret=True,
    )
    http_alerts_kept: int = option(
        "http_alerts_kept",
        integer(0, 100_000),
        "the newest alerts that the HTTP server can show",
        default=1000,
    )
    grace: int = option(
        "grace",
        duration,
        "how long a stop may take to deliver what is in flight",
        default=5 * SECOND,
    )
    workers: int = option(
        "workers",
        integer(1, 256),
        "processes that receive, inflate, screen and deliver; one more matches where more than one",
        default=1,
    )
    mem_buf_limit: int = option(
        "mem_buf_limit",
        positive(size),
        "bytes held or on their way at most; past it clients are not read from",
        default=64 * MEGABYTE,
    )
    storage_path: Path | None = option(
        "storage.path",
        new_path,
        "folder for what is to survive a restart; nothing is kept without it",
        default=None,
    )
    storage_state_limit_size: int = option(
        "storage.state_limit_size",
        positive(size),
        "bytes on disk of what a filter remembers, at most; past it the oldest is forgotten",
        default=256 * MEGABYTE,
    )


@dataclass(frozen=True, slots=True)
class StdoutOutputConfig:
    """An output of the name ``stdout``: one JSON object a record, one record a line."""

    format: str = option(
        "format", choice("json_lines"), "how a record is written", default="json_lines"
    )


@dataclass(frozen=True, slots=True)
class FileOutputConfig:
    """An output of the name ``file``: one JSON object a record, appended one a line."""

    path: Path = option("path", new_path, "folder that the file is in", default=Path("."))
    file: str | None = option(
        "file", text, "name of the file; the record's tag if it is left out", default=None
    )
    format: str = option(
        "format", choice("json_lines"), "how a record is written", default="json_lines"
    )
    rotate_size: int | None = option(
        "rotate.size",
        positive(size),
        "bytes that the file may reach before a new one is begun; needs file",
        default=None,
    )
    rotate_time: int | None = option(
        "rotate.time",
        positive(duration),
        "span, counted from midnight UTC of 1970-01-01, after which a new file is begun",
        default=None,
    )
    rotate_keep: int = option(
        "rotate.keep",
        integer(1, 10_000),
        "files that are kept beside the current one, as NAME.1, the newest, and so on",
        default=5,
    )

    def __post_init__(self) -> None:
        if self.file is None and (self.rotate_size or self.rotate_time):
            raise ValueError(
                "rotate.size and rotate.time need file: a file named after the tag x.1 could "
                "be taken for a rotated one of the tag x"
            )


OutputOptions = ForwardOutputConfig | StdoutOutputConfig | FileOutputConfig | WebhookOutputConfig

INPUTS: dict[str, type[Any]] = {"forward": ForwardInputConfig}
OUTPUTS: dict[str, type[Any]] = {
    "forward": ForwardOutputConfig,
    "stdout": StdoutOutputConfig,
    "file": FileOutputConfig,
    "webhook": WebhookOutputConfig,
}


@dataclass(frozen=True, slots=True)
class InputKeys:
    """The keys that every input has."""

    name: str = option("name", text, "the kind of input")
    alias: str | None = option("alias", text, "its name in logs and metrics", default=None)


@dataclass(frozen=True, slots=True)
class OutputKeys:
    """The keys that every output has."""

    name: str = option("name", text, "the kind of output")
    alias: str | None = option("alias", text, "its name in logs and metrics", default=None)
    match: re.Pattern[str] | None = option(
        "match", glob, "tags that it takes, with * for any run of characters", default=None
    )
    match_regex: re.Pattern[str] | None = option(
        "match_regex", regex, "tags that it takes, as a regular expression", default=None
    )


@dataclass(frozen=True, slots=True)
class FilterKeys(OutputKeys):
    """The keys that every filter has; all others are the filter's own."""

    tag_prefix: str = option(
        "tag_prefix", text, "text put before the tag of all that leaves it", default=""
    )


@dataclass(frozen=True, slots=True)
class Position:
    """Where a section begins: file, line and column, both from 1 (0 for what no file says)."""

    source: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class InputConfig:
    """One input. ``alias`` is the given one or its name and number, as in ``forward.0``."""

    name: str
    alias: str
    options: ForwardInputConfig
    position: Position


@dataclass(frozen=True, slots=True)
class FilterConfig:
    """One filter: its plugin, and ``options``, an instance of the plugin's ``Options``.

    ``culprit`` names the plugin, and the package it came from, in errors.
    """

    name: str
    alias: str
    match: TagMatch
    tag_prefix: str
    plugin: FilterPlugin
    options: Any
    position: Position
    culprit: str

    def make(self) -> Filter:
        """Make the filter. Raises ConfigError with the position of the section."""
        try:
            return make_filter(self.plugin, self.options, culprit=self.culprit)
        except FluentEqlError as error:
            raise ConfigError(
                f"filter {self.name} cannot be made:\n{error}",
                source=self.position.source,
                line=self.position.line,
                column=self.position.column,
            ) from error


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """One output. ``alias`` is the given one or its name and number, as in ``forward.0``.

    ``nodes`` are the targets of a forward output, empty for the others.
    """

    name: str
    alias: str
    match: TagMatch
    options: OutputOptions
    position: Position
    nodes: tuple[TargetNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration. ``notes`` are for the log: how relative paths were resolved."""

    source: str
    service: ServiceConfig
    inputs: tuple[InputConfig, ...]
    filters: tuple[FilterConfig, ...]
    outputs: tuple[OutputConfig, ...]
    notes: tuple[str, ...] = ()


def default_output(source: str) -> OutputConfig:
    """Where everything goes if the configuration names no output."""
    return OutputConfig("stdout", "stdout.0", EVERY_TAG, StdoutOutputConfig(), Position(source))
