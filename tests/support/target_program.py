"""A forward server as a program of its own: ``target_program.py PORT FILE``.

It appends the frames that it receives to the file, and acknowledges each after that, so that
kill -9 loses nothing that it has acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from typing import BinaryIO

from fluent_pipeline.protocol.acks import encode_ack
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits


async def main(port: int, received: BinaryIO) -> None:
    """Serve for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer(Limits())
        while data := await reader.read(65_536):
            framer.receive_data(data)
            while isinstance(message := framer.next_message(), Message):
                frame = parse_frame(message)
                assert isinstance(frame, Frame)
                received.write(frame.raw)
                if frame.chunk is not None:
                    writer.write(encode_ack(frame.chunk, json=False))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with open(sys.argv[2], "ab", buffering=0) as file:
        asyncio.run(main(int(sys.argv[1]), file))
