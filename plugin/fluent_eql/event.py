"""One record on its way through a filter."""

from __future__ import annotations

from typing import Any

import msgpack

BIN_HEADERS = (b"\xc4", b"\xc5", b"\xc6")


class Event:
    """A record, its tag and its time, as a filter sees them.

    ``tag`` is the Fluent tag; ``time`` the entry's own time in nanoseconds since the epoch;
    ``raw`` the record exactly as it came, one msgpack map. Events compare by identity: two
    records with the same bytes are two events.
    """

    __slots__ = ("tag", "time", "raw", "_record")

    def __init__(self, tag: str, time: int, raw: bytes) -> None:
        self.tag = tag
        self.time = time
        self.raw = raw
        self._record: dict[str, Any] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The decoded record; treat it as read-only. Decoded on first use.

        Raises ValueError where ``raw`` is not one whole msgpack map.
        """
        if self._record is None:
            self._record = decode_record(self.raw)
        return self._record

    def forget_record(self) -> None:
        """Let go of the decoded record; it is decoded again when asked for."""
        self._record = None


def decode_record(raw: bytes) -> dict[str, Any]:
    """Decode one msgpack map without losing anything.

    Strings that are not UTF-8 carry their bytes as surrogate escapes; bin values stay ``bytes``
    and extension values ``msgpack.ExtType``. Keys of type bin, which Ruby's binary strings
    become, are read as strings, so that fields are found under their names.
    Raises ValueError if ``raw`` is not one whole map.
    """
    hook = _with_text_keys if any(header in raw for header in BIN_HEADERS) else None
    try:
        record = msgpack.unpackb(
            raw, strict_map_key=False, unicode_errors="surrogateescape", object_pairs_hook=hook
        )
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise ValueError(f"not a msgpack map: {error or type(error).__name__}") from error
    if not isinstance(record, dict):
        raise ValueError(f"expected a map, found {type(record).__name__}")
    return record


def encode_value(value: Any) -> bytes:
    """Encode one value as msgpack, the inverse of how :func:`decode_record` decodes it."""
    encoded: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape")
    return encoded


def text_of(value: str | bytes) -> str:
    """A string value as text: bin holds text where the sender knew no encoding."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _with_text_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return {text_of(key) if isinstance(key, bytes) else key: value for key, value in pairs}
