"""Whole messages from an asyncio stream."""

from __future__ import annotations

import asyncio

from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits

READ_SIZE = 65_536
HANDSHAKE_LIMITS = Limits(frame=65_536)


class MessageReader:
    """Reads the small messages of a handshake."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._framer = Framer(HANDSHAKE_LIMITS)

    async def next(self) -> Message:
        """The next message.

        Raises ConnectionError where the peer closes before it, RemoteProtocolError where the
        bytes are no message.
        """
        while True:
            message = self._framer.next_message()
            if isinstance(message, Message):
                return message
            data = await self._reader.read(READ_SIZE)
            if not data:
                raise ConnectionError("the peer closed the connection during the handshake")
            self._framer.receive_data(data)

    def unread(self) -> bytes:
        """The bytes received beyond the last message."""
        return self._framer.unread()
