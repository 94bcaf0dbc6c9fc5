"""Parsers of options that only a relay has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fluent_eql.lang.networks import Network, parse_network
from fluent_eql.options import Named


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
