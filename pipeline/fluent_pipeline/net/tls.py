"""TLS contexts from the configuration's files."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

VERSIONS = {"tlsv1.2": ssl.TLSVersion.TLSv1_2, "tlsv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate chain and its key, as PEM files; ``password`` opens the key."""

    chain: Path
    key: Path | None = None
    password: str | None = None

    def load(self, context: ssl.SSLContext) -> None:
        """Raises OSError (SSLError included) where the files cannot be read or do not fit."""
        context.load_cert_chain(self.chain, self.key, self.password)


def server_context(
    certificate: Certificate, *, client_ca: Path | None, min_version: str
) -> ssl.SSLContext:
    """A server's context; with ``client_ca`` clients must have a certificate of that authority.

    Raises OSError where a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[min_version]
    certificate.load(context)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def client_context(
    *,
    verify: bool,
    verify_hostname: bool,
    ca: Path | None,
    certificate: Certificate | None,
    min_version: str,
) -> ssl.SSLContext:
    """A client's context; without ``ca`` the system's authorities are trusted.

    Raises OSError where a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = VERSIONS[min_version]
    context.check_hostname = verify and verify_hostname
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if ca is not None:
        context.load_verify_locations(ca)
    elif verify:
        context.load_default_certs()
    if certificate is not None:
        certificate.load(context)
    return context


class Renewing:
    """A context that is made anew when its files are to be read again.

    ``make`` raises OSError where a file cannot be used; then the last good context stays.
    """

    def __init__(self, make: Callable[[], ssl.SSLContext]) -> None:
        self._make = make
        self.context = make()

    def renew(self) -> None:
        """Read the files again; connections that are open keep what they have."""
        self.context = self._make()
