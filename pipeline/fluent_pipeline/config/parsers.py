"""Parsers of options that only a relay has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fluent_eql.lang.networks import Network, parse_network
from fluent_eql.options import Named

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What RFC 9110 calls a token."""
SIGNATURE_HEADER = "X-Fluent-Eql-Signature"
OWN_HEADERS = frozenset(
    {"content-type", "content-length", "transfer-encoding", "host", SIGNATURE_HEADER.lower()}
)
"""What a webhook sets itself."""


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


def named_user(found: Named) -> User:
    """A user's name with what stands there: the password."""
    if not found.name or not found.value:
        raise ValueError("expected a user's name and password, found an empty one")
    return User(found.name, found.value)


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
class Header:
    """A header of an HTTP request."""

    name: str
    value: str = field(repr=False)


def header(value: str) -> Header:
    """An option's parser: ``Name value``, parted by white space, as Fluent Bit has it."""
    parts = value.split(maxsplit=1)
    if len(parts) < 2:
        raise ValueError("expected a header's name and value, parted by a space")
    return _header(parts[0], parts[1].rstrip())


def named_header(found: Named) -> Header:
    """A header's name with what stands there: its value."""
    return _header(found.name, found.value)


def _header(name: str, value: str) -> Header:
    """Raises ValueError where it would be none, or one that is not the user's to set."""
    if not HEADER_NAME.fullmatch(name):
        raise ValueError(f"expected a header's name, found {name!r}")
    if name.lower() in OWN_HEADERS:
        raise ValueError(f"the header {name} is set by the output itself")
    if not value or not value.isprintable() or not value.isascii():
        raise ValueError(f"{name}: expected a value of printable ASCII characters")
    return Header(name, value)


def web_address(value: str) -> str:
    """An option's parser: an ``http://`` or ``https://`` URL.

    The errors do not repeat it: many webhooks have their secret in the path.
    """
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"expected a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host or not value.isprintable():
        raise ValueError("expected a URL such as https://hooks.example.com/alerts")
    if parts.username is not None:
        raise ValueError("expected a URL without user and password; use header: Authorization …")
    return value
