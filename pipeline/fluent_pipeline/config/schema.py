"""What each section of the configuration may hold: its keys, their types and their defaults.

Names and units are Fluent Bit's wherever it has the setting. Durations are nanoseconds, sizes
bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluent_eql.api import Filter, FilterPlugin
from fluent_eql.errors import FluentEqlError
from fluent_eql.lang.networks import Network, parse_network
from fluent_eql.options import (
    choice,
    duration,
    integer,
    new_path,
    option,
    path,
    positive,
    size,
    switch,
    text,
)
from fluent_eql.registry import make_filter
from fluent_pipeline.config.tags import EVERY_TAG, TagMatch, glob, regex
from fluent_pipeline.errors import ConfigError

SECOND = 10**9
MEGABYTE = 10**6
PORT = integer(0, 65_535)
SELF_HOSTNAME = "fluent-eql"


@dataclass(frozen=True, slots=True)
class User:
    """A name and a password that a client may give in the handshake."""

    name: str
    password: str = field(repr=False)


def user(value: str) -> User:
    """An option's parser: ``name password``, parted by white space."""
    parts = value.split(maxsplit=1)
    if len(parts) < 2:
        raise ValueError("expected a user's name and password, parted by a space")
    return User(parts[0], parts[1].rstrip())


def network(value: str) -> Network:
    """An option's parser: a network in CIDR notation, or one address."""
    try:
        return parse_network(value)
    except ValueError as error:
        raise ValueError(f"expected a network such as 10.0.0.0/8, found {value!r}") from error


def permissions(value: str) -> int:
    """An option's parser: the octal permissions of a file, such as ``0660``."""
    if not re.fullmatch(r"(0o?)?[0-7]{3}", value):
        raise ValueError(f"expected octal permissions such as 0660, found {value!r}")
    return int(value[-3:], 8)


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
        "http_server", switch, "serve health and metrics over HTTP", default=False
    )
    http_listen: str = option(
        "http_listen", text, "address of the HTTP server", default="127.0.0.1"
    )
    http_port: int = option("http_port", PORT, "port of the HTTP server", default=2020)
    grace: int = option(
        "grace",
        duration,
        "how long a stop may take to deliver what is in flight",
        default=5 * SECOND,
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


@dataclass(frozen=True, slots=True)
class ForwardInputConfig:
    """An input of the name ``forward``: a server of the Fluent forward protocol."""

    listen: str = option("listen", text, "address to listen on", default="0.0.0.0")
    port: int = option("port", PORT, "port to listen on; 0 takes any free one", default=24_224)
    unix_path: Path | None = option(
        "unix_path", new_path, "unix socket to listen on instead of a port", default=None
    )
    unix_perm: int | None = option(
        "unix_perm", permissions, "permissions of the unix socket, octal", default=None
    )
    buffer_max_size: int = option(
        "buffer_max_size",
        positive(size),
        "the largest message that is accepted",
        default=64 * MEGABYTE,
    )
    decompressed_size_limit: int = option(
        "decompressed_size_limit",
        positive(size),
        "the most that a compressed message may inflate to",
        default=256 * MEGABYTE,
    )
    tag_prefix: str = option(
        "tag_prefix", text, "text put before the tag of all that comes in", default=""
    )
    shared_key: str | None = option(
        "shared_key",
        text,
        "key that clients must know; asks for the handshake",
        default=None,
        secret=True,
    )
    self_hostname: str = option(
        "self_hostname", text, "name of this side in the handshake", default=SELF_HOSTNAME
    )
    max_connections: int = option(
        "max_connections", integer(1), "open connections at most", default=4096
    )
    max_connections_per_address: int = option(
        "max_connections_per_address",
        integer(1),
        "open connections of one address at most",
        default=1024,
    )
    handshake_timeout: int = option(
        "handshake_timeout",
        positive(duration),
        "how long a client may take to authenticate, and for TLS",
        default=10 * SECOND,
    )
    partial_frame_timeout: int = option(
        "partial_frame_timeout",
        positive(duration),
        "how long a client may be silent inside a message",
        default=30 * SECOND,
    )
    allow: tuple[Network, ...] = option(
        "allow",
        network,
        "networks or addresses that may connect; all may where there are none",
        default=(),
        many=True,
    )
    deny: tuple[Network, ...] = option(
        "deny", network, "networks or addresses that may not connect", default=(), many=True
    )
    tls: bool = option("tls", switch, "speak TLS", default=False)
    tls_crt_file: Path | None = option(
        "tls.crt_file", path, "this side's certificate chain, PEM", default=None
    )
    tls_key_file: Path | None = option(
        "tls.key_file", path, "the certificate's key, PEM", default=None
    )
    tls_key_passwd: str | None = option(
        "tls.key_passwd", text, "the key's password", default=None, secret=True
    )
    tls_ca_file: Path | None = option(
        "tls.ca_file", path, "certificates of the authorities of the clients, PEM", default=None
    )
    tls_verify_client_cert: bool = option(
        "tls.verify_client_cert", switch, "let in only clients with a certificate", default=False
    )
    tls_min_version: str = option(
        "tls.min_version",
        choice("tlsv1.2", "tlsv1.3"),
        "the oldest version of TLS that is spoken",
        default="tlsv1.2",
    )
    users: tuple[User, ...] = option(
        "security.users",
        user,
        "users that may connect, each as name and password; asks for the handshake",
        default=(),
        many=True,
    )

    def __post_init__(self) -> None:
        names = [user.name for user in self.users]
        if len(set(names)) < len(names):
            raise ValueError("security.users: a user's name is given twice")
        if self.tls and self.tls_crt_file is None:
            raise ValueError("tls needs tls.crt_file, this side's certificate")
        if self.tls_verify_client_cert and self.tls_ca_file is None:
            raise ValueError("tls.verify_client_cert needs tls.ca_file")


@dataclass(frozen=True, slots=True)
class ForwardOutputConfig:
    """An output of the name ``forward``: a client of the Fluent forward protocol."""

    host: str = option("host", text, "address of the target", default="127.0.0.1")
    port: int = option("port", integer(1, 65_535), "port of the target", default=24_224)
    unix_path: Path | None = option(
        "unix_path", new_path, "unix socket of the target, instead of host and port", default=None
    )
    upstream: Path | None = option(
        "upstream",
        path,
        "a file of Fluent Bit's with several targets, instead of host and port",
        default=None,
    )
    require_ack_response: bool = option(
        "require_ack_response",
        switch,
        "wait until the target has acknowledged each chunk",
        default=False,
    )
    ack_response_timeout: int = option(
        "ack_response_timeout",
        positive(duration),
        "how long to wait for an acknowledgement before the chunk is sent again",
        default=190 * SECOND,
    )
    shared_key: str | None = option(
        "shared_key", text, "key that the target asks for", default=None, secret=True
    )
    self_hostname: str = option(
        "self_hostname", text, "name of this side in the handshake", default=SELF_HOSTNAME
    )
    username: str | None = option("username", text, "user that the target asks for", default=None)
    password: str | None = option(
        "password", text, "that user's password", default=None, secret=True
    )
    tls: bool = option("tls", switch, "speak TLS", default=False)
    tls_verify: bool = option("tls.verify", switch, "check the target's certificate", default=True)
    tls_verify_hostname: bool = option(
        "tls.verify_hostname", switch, "check the name in that certificate", default=True
    )
    tls_vhost: str | None = option(
        "tls.vhost", text, "the name that it must have, where it is not host", default=None
    )
    tls_ca_file: Path | None = option(
        "tls.ca_file",
        path,
        "certificates of the target's authorities, PEM; else the system's",
        default=None,
    )
    tls_crt_file: Path | None = option(
        "tls.crt_file", path, "a certificate of this side's own, PEM", default=None
    )
    tls_key_file: Path | None = option(
        "tls.key_file", path, "the certificate's key, PEM", default=None
    )
    tls_key_passwd: str | None = option(
        "tls.key_passwd", text, "the key's password", default=None, secret=True
    )
    tls_min_version: str = option(
        "tls.min_version",
        choice("tlsv1.2", "tlsv1.3"),
        "the oldest version of TLS that is spoken",
        default="tlsv1.2",
    )
    storage_type: str = option(
        "storage.type",
        choice("memory", "filesystem"),
        "where frames wait; filesystem needs storage.path of the service",
        default="memory",
    )
    storage_total_limit_size: int = option(
        "storage.total_limit_size",
        positive(size),
        "bytes on disk at most; past it clients are not read from",
        default=1000 * MEGABYTE,
    )
    storage_sync: str = option(
        "storage.sync",
        choice("full", "normal"),
        "full acknowledges what the disk has, normal what the kernel has",
        default="full",
    )
    entry_format: str = option(
        "entry_format",
        choice("keep", "v1"),
        "keep sends entries as they came; v1 sends [time, record], which Fluentd needs",
        default="keep",
    )
    compress: str = option(
        "compress",
        choice("keep", "none", "gzip", "zstd"),
        "how bodies are compressed; keep leaves them as they came",
        default="keep",
    )
    chunk_limit_size: int = option(
        "chunk_limit_size",
        positive(size),
        "the most bytes of entries in a message, inflated; larger ones are split",
        default=4 * MEGABYTE,
    )
    connect_timeout: int = option(
        "net.connect_timeout",
        positive(duration),
        "how long connecting and the handshake may take",
        default=10 * SECOND,
    )
    retry_wait: int = option(
        "retry_wait", positive(duration), "wait before the first new attempt", default=SECOND
    )
    retry_max_interval: int = option(
        "retry_max_interval",
        positive(duration),
        "longest wait between attempts, which doubles from retry_wait",
        default=30 * SECOND,
    )

    def __post_init__(self) -> None:
        if self.username is not None and self.shared_key is None:
            raise ValueError("username needs shared_key, too: without it there is no handshake")
        if self.password is not None and self.username is None:
            raise ValueError("password needs username, too")


def weight(value: str) -> float:
    """An option's parser: a number above 0."""
    try:
        number = float(value)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise ValueError(f"expected a number above 0, found {value!r}")
    return number


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The keys of a node of an upstream file, beside those of the forward output."""

    name: str = option("name", text, "the node's name in the log")
    weight: float = option(
        "weight", weight, "how much it gets, beside the weights of the others", default=1.0
    )
    standby: bool = option(
        "standby", switch, "give it something only while no other node is up", default=False
    )


@dataclass(frozen=True, slots=True)
class TargetNode:
    """One target of an output; ``options`` are the output's with what the node has of its own."""

    name: str
    options: ForwardOutputConfig
    weight: float = 1.0
    standby: bool = False


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


OutputOptions = ForwardOutputConfig | StdoutOutputConfig | FileOutputConfig

INPUTS: dict[str, type[Any]] = {"forward": ForwardInputConfig}
OUTPUTS: dict[str, type[Any]] = {
    "forward": ForwardOutputConfig,
    "stdout": StdoutOutputConfig,
    "file": FileOutputConfig,
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
