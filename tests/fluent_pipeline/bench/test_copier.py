from __future__ import annotations

import asyncio

from fluent_pipeline.bench.copier import accepting
from support.frames import ack_of, forward_frame
from support.relays import Client
from support.target import target


async def test_bytes_go_to_the_target_and_answers_come_back_unread() -> None:
    frame = forward_frame([{"a": 1}], chunk="c").raw
    loop = asyncio.get_running_loop()
    async with target() as behind:
        server = await loop.create_server(accepting(loop, behind.port), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        await client.send(frame)
        await client.read_until(ack_of("c"))
        assert behind.raw == frame
        client.close()
        server.close()
