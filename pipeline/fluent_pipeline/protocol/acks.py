"""Acknowledgements: ``{"ack": chunk}``, the chunk exactly as it came.

Section "Response Message" of the specification. Fluent Bit ignores an ack whose value is not of
the type it sent; both Fluent Bit and Fluentd fail on an ack that comes in parts.
"""

from __future__ import annotations

import json as json_text
from collections.abc import Hashable

import msgpack

from fluent_eql.event import encode_value, text_of
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.framing import NEED_DATA, NeedData

MOST_BYTES = 1 << 20
"""Of acknowledgements that are not read yet; a target may send thousands in one write."""

MOST_ELEMENTS = 64
"""Of an array or map in one. The unpacker sets their memory aside before they are whole."""


def encode_ack(chunk: bytes, *, json: bool) -> bytes:
    """The acknowledgement of a chunk, given as the raw msgpack that the client sent.

    ``json`` is for clients that speak JSON. To be sent in one write.
    """
    if not json:
        return b"\x81\xa3ack" + chunk
    value = msgpack.unpackb(chunk, unicode_errors="surrogateescape", strict_map_key=False)
    return json_text.dumps({"ack": value}).encode()


def chunk_id(chunk: bytes) -> Hashable:
    """What to know a chunk by, given as raw msgpack, where its acknowledgement comes back.

    A target may write the same value with another header, a string also as bin.
    """
    return _identity(msgpack.unpackb(chunk, unicode_errors="surrogateescape", strict_map_key=False))


class AckReader:
    """Reads a target's acknowledgements, however they are split.

    To be read until none is left after each :meth:`receive_data`.
    """

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(
            strict_map_key=False,
            unicode_errors="surrogateescape",
            max_buffer_size=MOST_BYTES,
            max_array_len=MOST_ELEMENTS,
            max_map_len=MOST_ELEMENTS,
        )
        self._start = 0

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the target. Raises RemoteProtocolError where they are too many."""
        try:
            self._unpacker.feed(data)
        except msgpack.BufferFull:
            raise RemoteProtocolError(f"acknowledgements over {MOST_BYTES} bytes") from None

    def next_ack(self) -> Hashable | NeedData:
        """The :func:`chunk_id` of the next acknowledgement; NEED_DATA where there is none yet.

        Raises RemoteProtocolError where the bytes are no acknowledgement.
        """
        try:
            answer = self._unpacker.unpack()
            if not isinstance(answer, dict) or "ack" not in answer:
                raise RemoteProtocolError('expected {"ack": chunk}', self._start)
            found = _identity(answer["ack"])
        except msgpack.OutOfData:
            return NEED_DATA
        except (msgpack.UnpackException, ValueError, TypeError) as error:
            raise RemoteProtocolError("expected an acknowledgement", self._start) from error
        self._start = self._unpacker.tell()
        return found


def _identity(chunk: object) -> Hashable:
    return text_of(chunk) if isinstance(chunk, str | bytes) else encode_value(chunk)
