"""A relay as a process, watched from outside: its memory, its health, its log."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from support.frames import ack_of, forward_frame
from support.programs import FLUENT_EQL, kill_and_wait
from support.target import WAIT

HTTP: dict[str, Any] = {"http_server": "on", "http_port": 0, "log_level": "info"}
"""What the section service needs for the relay to be watched."""


class Observed:
    """A running relay."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.port = 0
        self._log = log
        self._url = ""
        self._memory = psutil.Process(process.pid)

    @property
    def rss(self) -> int:
        """Bytes of memory that it has now."""
        resident: int = self._memory.memory_info().rss
        return resident

    @property
    def url(self) -> str:
        """Where it serves HTTP."""
        return self._url

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    async def listens(self) -> None:
        """Wait until it serves."""
        async with asyncio.timeout(WAIT):
            while True:
                url = re.search(r"serving on (\S+)", self.log)
                port = re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log)
                if url and port:
                    break
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.02)
        self._url, self.port = url[1], int(port[1])

    async def troubles(self) -> list[str]:
        """What its health tells; empty while it is well."""
        async with aiohttp.ClientSession() as http:
            async with http.get(self._url + "/api/v1/health") as answer:
                found: list[str] = (await answer.json())["troubles"]
                assert (answer.status == 503) is bool(found)
                return found

    async def trouble(self, text: str) -> None:
        """Wait until its health tells of ``text``; of nothing where it is empty."""
        async with asyncio.timeout(WAIT):
            while True:
                found = await self.troubles()
                if any(text in line for line in found) if text else not found:
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def observed_relay(folder: Path, text: str, **more: Any) -> AsyncIterator[Observed]:
    """A relay with this configuration, which has HTTP in its section service; killed at the end."""
    config, log = folder / "relay.yaml", folder / f"relay-{len(list(folder.glob('*.log')))}.log"
    config.write_text(text)
    with open(log, "wb") as stderr:  # noqa: ASYNC230
        command = [FLUENT_EQL, "run", "--config", config]
        process = subprocess.Popen(command, stderr=stderr, **more)  # noqa: ASYNC220
    try:
        relay = Observed(process, log)
        await relay.listens()
        yield relay
    finally:
        await asyncio.to_thread(kill_and_wait, process)


class Chunks:
    """A stream of chunks of numbered records, and the client that sends it."""

    def __init__(self, count: int, records: int = 400, size: int = 600) -> None:
        self._count = count
        self._records = records
        self._text = "x" * size
        self.acknowledged: set[bytes] = set()

    @property
    def ids(self) -> set[str]:
        """Those of all records."""
        return {f"{c}-{r}" for c in range(self._count) for r in range(self._records)}

    @property
    def acks(self) -> set[bytes]:
        """Those of all chunks."""
        return {ack_of(f"c{number:06d}") for number in range(self._count)}

    def raw(self, number: int) -> bytes:
        """One chunk."""
        records = [{"id": f"{number}-{r}", "text": self._text} for r in range(self._records)]
        return forward_frame(records, chunk=f"c{number:06d}").raw

    async def send(self, port: int, wait: float = 0) -> None:
        """Send them as fast as they are taken, or ``wait`` seconds apart, and collect the acks."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def collect() -> None:
            for _ in range(self._count):
                self.acknowledged.add(await reader.readexactly(len(ack_of("c000000"))))

        collecting = asyncio.create_task(collect())
        try:
            for number in range(self._count):
                writer.write(self.raw(number))
                await writer.drain()
                await asyncio.sleep(wait)
            await collecting
        finally:
            collecting.cancel()
            writer.close()
