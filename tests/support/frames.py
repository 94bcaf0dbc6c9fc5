"""Frames as clients send them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fluent_eql.event import encode_value
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.protocol.splice import encode_entry, encode_forward

SECOND = 10**9


def forward_frame(
    records: Iterable[Mapping[str, Any]], *, tag: str = "test", chunk: str | None = None
) -> Frame:
    """A Forward frame, each record's entry a second after the one before; chunk as the option."""
    entries = [
        encode_entry(number * SECOND, encode_value(dict(record)))
        for number, record in enumerate(records, start=1)
    ]
    options = {} if chunk is None else {"size": len(entries), "chunk": chunk}
    return frame_of(encode_forward(tag, entries, options))


def ack_of(chunk: str) -> bytes:
    """The acknowledgement of a chunk."""
    return b"\x81\xa3ack" + encode_value(chunk)
