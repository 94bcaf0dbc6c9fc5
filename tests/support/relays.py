"""A relay inside the test's event loop, on real sockets of the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import yaml

from fluent_pipeline.app import Relay
from fluent_pipeline.config import parse_config
from support.target import WAIT

READ_SIZE = 65_536


def configuration(
    *,
    target_port: int = 0,
    service: dict[str, Any] | None = None,
    forward_input: dict[str, Any] | None = None,
    eql: dict[str, Any] | None = None,
    filters: list[dict[str, Any]] | None = None,
    forward_output: dict[str, Any] | None = None,
    outputs: list[dict[str, Any]] | None = None,
) -> str:
    """A configuration with the shipped rule, between any free port and ``target_port``."""
    one_output = {"name": "forward", "match": "*", "port": target_port, "retry_wait": "50ms"}
    return yaml.safe_dump(
        {
            "service": service or {},
            "pipeline": {
                "inputs": [
                    {"name": "forward", "listen": "127.0.0.1", "port": 0, **(forward_input or {})}
                ],
                "filters": [{"name": "eql", "match": "*", **(eql or {})}]
                if filters is None
                else filters,
                "outputs": [{**one_output, **(forward_output or {})}]
                if outputs is None
                else outputs,
            },
        }
    )


@asynccontextmanager
async def running_relay(text: str) -> AsyncIterator[Relay]:
    """A relay that has started."""
    relay = Relay(parse_config(text, source="test.yaml"))
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def taken(relay: Relay, frames: int) -> None:
    """Wait until its inputs have taken so many frames."""
    async with asyncio.timeout(WAIT):
        while sum(_frames_taken(relay)) < frames:
            await asyncio.sleep(0.005)


def _frames_taken(relay: Relay) -> Iterator[float]:
    for listener in relay.listeners:
        for metric in listener.metrics():
            if metric.name == "fluent_eql_input_frames_total":
                yield metric.value


class Client:
    """A forward client: sends bytes, reads acknowledgements."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received = b""

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read_until(self, expected: bytes) -> None:
        """Read until ``expected`` is all that has been received."""
        async with asyncio.timeout(WAIT):
            while self.received != expected and expected.startswith(self.received):
                data = await self._reader.read(READ_SIZE)
                assert data, f"closed after {self.received!r}"
                self.received += data
        assert self.received == expected

    async def read_exactly(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        async with asyncio.timeout(WAIT):
            return await self._reader.readexactly(size)

    async def expect_silence(self) -> None:
        """Fail if anything comes within a twentieth of a second."""
        try:
            async with asyncio.timeout(0.05):
                assert await self._reader.read(READ_SIZE) == b"silence"
        except TimeoutError:
            pass

    async def read_value(self) -> Any:
        """The next whole msgpack value, strings as bytes."""
        unpacker = msgpack.Unpacker(raw=True)
        async with asyncio.timeout(WAIT):
            while True:
                unpacker.feed(data := await self._reader.read(1))
                assert data, "closed"
                for value in unpacker:
                    return value

    async def read_to_end(self) -> bytes:
        """What comes until the relay closes the connection."""
        async with asyncio.timeout(WAIT):
            self.received += await self._reader.read()
        return self.received

    def end(self) -> None:
        """Close the sending side only."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def client_of(relay: Relay) -> AsyncIterator[Client]:
    """A client connected to the relay's first input."""
    host, _, port = relay.listeners[0].address.rpartition(":")
    if host == "unix":
        client = Client(*await asyncio.open_unix_connection(port))
    else:
        client = Client(*await asyncio.open_connection(host, int(port)))
    try:
        yield client
    finally:
        client.close()
