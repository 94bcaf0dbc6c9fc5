"""The handshake of a shared key and users, for both roles: HELO, PING, PONG.

Section "Handshake" of the specification. Nonces and salts are random bytes in a msgpack str,
not text. They come in as arguments.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.framing import Message

WRONG_KEY = "shared_key mismatch"
WRONG_PASSWORD = "username/password mismatch"
NO_PASSWORD = b"\0"
NONCE_AS_BIN = b"\xa5nonce\xc4"
"""How Fluentd writes its nonce; Fluent Bit and this relay write a str."""
PING_ELEMENTS = 6
PING_FORMS = (
    b"\xa4PING",
    b"\xd9\x04PING",
    b"\xda\x00\x04PING",
    b"\xdb\x00\x00\x00\x04PING",
    b"\xc4\x04PING",
    b"\xc5\x00\x04PING",
    b"\xc6\x00\x00\x00\x04PING",
)
"""The word as str and as bin, with headers of every width."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client is let in once ``pong`` is written."""

    pong: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The connection is to be closed once ``pong``, which gives the ``reason``, is written."""

    pong: bytes
    reason: str


class ServerHandshake:
    """The server's side of one connection.

    ``users`` maps names to passwords; where it is empty none is asked for. ``nonce`` and
    ``auth_salt`` are fresh random bytes.
    """

    def __init__(
        self,
        self_hostname: str,
        shared_key: str,
        users: Mapping[str, str],
        *,
        nonce: bytes,
        auth_salt: bytes,
    ) -> None:
        self._hostname = self_hostname.encode()
        self._key = shared_key.encode()
        self._users = {name.encode(): password.encode() for name, password in users.items()}
        self._nonce = nonce
        self._auth_salt = auth_salt if users else b""

    def hello(self) -> bytes:
        """The HELO, to be sent first, in one write."""
        options = {b"nonce": self._nonce, b"auth": self._auth_salt, b"keepalive": True}
        return _pack([b"HELO", options])

    def receive_ping(self, message: Message) -> Accepted | Refused:
        """Judge the client's PING. Raises RemoteProtocolError where it is none."""
        parts = _unpack(message)
        if len(parts) != PING_ELEMENTS or parts[0] != b"PING" or not _all_bytes(parts):
            raise RemoteProtocolError("expected a PING of six strings", message.offset)
        _, hostname, salt, digest, username, password_digest = parts
        if not _same(digest, salt, hostname, self._nonce, self._key):
            return self._refused(WRONG_KEY)
        if self._users and not self._knows(username, password_digest):
            return self._refused(WRONG_PASSWORD)
        answer = _digest(salt, self._hostname, self._nonce, self._key)
        return Accepted(_pack([b"PONG", True, b"", self._hostname, answer]))

    def _knows(self, username: bytes, digest: bytes) -> bool:
        """Whether the password is right. An unknown name takes as long as a wrong password."""
        password = self._users.get(username, NO_PASSWORD)
        matches = _same(digest, self._auth_salt, username, password)
        return matches and username in self._users

    def _refused(self, reason: str) -> Refused:
        return Refused(_pack([b"PONG", False, reason.encode(), b"", b""]), reason)


class ClientHandshake:
    """The client's side of one connection; ``salt`` is fresh random bytes."""

    def __init__(
        self,
        self_hostname: str,
        shared_key: str,
        username: str = "",
        password: str = "",
        *,
        salt: bytes,
    ) -> None:
        self._hostname = self_hostname.encode()
        self._key = shared_key.encode()
        self._username = username.encode()
        self._password = password.encode()
        self._salt = salt
        self._nonce = b""
        self.server_is_fluentd = False

    def receive_hello(self, message: Message) -> bytes:
        """Take the server's HELO; the PING to answer it with.

        ``server_is_fluentd`` is known then.

        Raises RemoteProtocolError where the message is no HELO.
        """
        parts = _unpack(message)
        if len(parts) != 2 or parts[0] != b"HELO" or not isinstance(parts[1], dict):
            raise RemoteProtocolError("expected a HELO with its options", message.offset)
        self._nonce = _text(parts[1].get(b"nonce"))
        self.server_is_fluentd = NONCE_AS_BIN in message.raw
        auth = _text(parts[1].get(b"auth"))
        digest = _digest(self._salt, self._hostname, self._nonce, self._key)
        password = _digest(auth, self._username, self._password) if auth else b""
        username = self._username if auth else b""
        return _pack([b"PING", self._hostname, self._salt, digest, username, password])

    def receive_pong(self, message: Message) -> None:
        """Take the server's PONG.

        Raises RemoteProtocolError where the server refuses, does not know the key itself, or
        sends something else.
        """
        parts = _unpack(message)
        if len(parts) != 5 or parts[0] != b"PONG":
            raise RemoteProtocolError("expected a PONG of five elements", message.offset)
        _, accepted, reason, hostname, digest = parts
        if accepted is not True:
            text = _text(reason).decode("utf-8", "replace")
            raise RemoteProtocolError(f"the server refused: {text}", message.offset)
        proof = (self._salt, _text(hostname), self._nonce, self._key)
        if not _same(_text(digest), *proof):
            raise RemoteProtocolError("the server does not know the shared key", message.offset)


def is_ping(message: Message) -> bool:
    """Whether a message is a client's PING. A frame, which has fewer elements, may be tagged so."""
    starts = message.elements
    return len(starts) == PING_ELEMENTS and message.raw[starts[0] : starts[1]] in PING_FORMS


def _pack(value: Sequence[Any]) -> bytes:
    """Encode with byte strings as msgpack str: what is in them need not be UTF-8."""
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def _unpack(message: Message) -> list[Any]:
    """The elements, str and bin both as bytes."""
    if message.json:
        raise RemoteProtocolError("expected the handshake in msgpack", message.offset)
    try:
        value = msgpack.unpackb(message.raw, raw=True, strict_map_key=False)
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise RemoteProtocolError("malformed handshake", message.offset) from error
    return value if isinstance(value, list) else []


def _all_bytes(parts: list[Any]) -> bool:
    return all(isinstance(part, bytes) for part in parts)


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).hexdigest().encode()


def _same(digest: bytes, *parts: bytes) -> bool:
    """Whether a digest is that of the parts, in constant time."""
    return hmac.compare_digest(digest, _digest(*parts))
