from __future__ import annotations

import asyncio

import pytest

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.net.streams import MessageReader


async def test_messages_are_read_one_by_one_and_what_follows_is_kept() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"\x91\x01\x91\x02\x81\xa3ack")
    messages = MessageReader(reader)
    assert [(await messages.next()).raw for _ in range(2)] == [b"\x91\x01", b"\x91\x02"]
    assert messages.unread() == b"\x81\xa3ack"


async def test_a_close_before_the_message_is_whole_is_a_connection_error() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"\x92\x01")
    reader.feed_eof()
    with pytest.raises(ConnectionError, match="during the handshake"):
        await MessageReader(reader).next()


async def test_bytes_that_are_no_message_are_the_peers_error() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"HTTP/1.1 400")
    with pytest.raises(RemoteProtocolError):
        await MessageReader(reader).next()
