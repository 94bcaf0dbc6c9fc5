"""The keys of forward inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fluent_eql.lang.networks import Network
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
from fluent_pipeline.config.parsers import User, named_user, network, permissions, user, weight

SECOND = 10**9
MEGABYTE = 10**6
PORT = integer(0, 65_535)
SELF_HOSTNAME = "fluent-eql"


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
        named=named_user,
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
        choice("keep", "v1", "auto"),
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
    keepalive_max_recycle: int = option(
        "net.keepalive_max_recycle",
        integer(0),
        "messages on a connection before a new one is made; 0 keeps it",
        default=0,
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
