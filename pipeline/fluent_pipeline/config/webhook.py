"""The keys of webhook outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fluent_eql.options import choice, duration, integer, option, path, positive, size, text
from fluent_pipeline.config.forward import MEGABYTE, SECOND
from fluent_pipeline.config.parsers import Header, header, named_header, web_address


@dataclass(frozen=True, slots=True)
class WebhookOutputConfig:
    """An output of the name ``webhook``: alerts as JSON to an HTTP server."""

    url: str = option(
        "url", web_address, "address that alerts are posted to, http:// or https://", secret=True
    )
    secret: str | None = option(
        "secret",
        text,
        "key of the signature that each request bears; none is signed without it",
        default=None,
        secret=True,
    )
    header: tuple[Header, ...] = option(
        "header",
        header,
        "headers of each request, each a name and a value, parted by a space",
        default=(),
        many=True,
        named=named_header,
    )
    send: str = option(
        "send",
        choice("alerts", "records"),
        "what is sent of a record with alerts: these alone, or the record as a whole",
        default="alerts",
    )
    batch_size: int = option(
        "batch_size", integer(1, 10_000), "the most alerts or records in a request", default=100
    )
    timeout: int = option(
        "timeout",
        positive(duration),
        "how long a request may take before it is made again",
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
    storage_type: str = option(
        "storage.type",
        choice("memory", "filesystem"),
        "where alerts wait; filesystem needs storage.path of the service",
        default="memory",
    )
    storage_total_limit_size: int = option(
        "storage.total_limit_size",
        positive(size),
        "bytes of alerts that wait at most; past it new ones are dropped, told and counted",
        default=64 * MEGABYTE,
    )
    tls_ca_file: Path | None = option(
        "tls.ca_file",
        path,
        "certificates of the server's authorities, PEM; else the system's",
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

    def __post_init__(self) -> None:
        names = [item.name.lower() for item in self.header]
        if len(set(names)) < len(names):
            raise ValueError("header: a header's name is given twice")
