"""kill -9 of the relay, and a target that goes away: what was acknowledged is not lost.

``make faults`` runs it with 200,000 records.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fluent_eql.event import encode_value
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from support.events import MILLISECOND, SECOND, Scene
from support.programs import FLUENT_EQL
from support.relays import configuration
from support.target import WAIT, Target, target

CHUNKS = int(os.environ.get("FAULT_CHUNKS", "300"))
KILLS = 10
RECORDS_A_CHUNK = 20


def chunks() -> list[tuple[str, bytes]]:
    """Chunks of records with ids of their own; each third has a whole sequence in it."""
    made = []
    for number in range(CHUNKS):
        scene = Scene(number)
        records: list[dict[str, Any]] = [
            {"event": {"id": f"{number}-{n}"}, "text": "x" * 300} for n in range(RECORDS_A_CHUNK)
        ]
        if number % 3 == 0:
            records += [scene.network(0, pid=number), scene.file(SECOND, pid=number)]
        entries = [encode_entry(n * MILLISECOND, encode_value(r)) for n, r in enumerate(records)]
        options = {"chunk": f"c{number}", "size": len(entries)}
        made.append((f"c{number}", encode_forward("app", entries, options)))
    return made


class Sender:
    """Sends chunks in order, a few at a time, and again what was not acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.left = dict(chunks())
        self.acknowledged: set[str] = set()

    async def run(self) -> None:
        while self.left:
            try:
                await self._connection()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                await asyncio.sleep(0.05)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            acks = msgpack.Unpacker()
            while self.left:
                sent = list(self.left.items())[:8]
                writer.write(b"".join(raw for _, raw in sent))
                waiting = {name for name, _ in sent}
                while waiting:
                    async with asyncio.timeout(WAIT):
                        data = await reader.read(65_536)
                    if not data:
                        return
                    acks.feed(data)
                    for answer in acks:
                        waiting.discard(answer["ack"])
                        self.left.pop(answer["ack"], None)
                        self.acknowledged.add(answer["ack"])
        finally:
            writer.close()


class Killed:
    """A relay as a process that is killed and started again on the same port."""

    def __init__(self, folder: Path, text: str) -> None:
        self._config = folder / "relay.yaml"
        self._config.write_text(text)
        self._folder = folder
        self.process = self._start()

    def kill_and_start(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [str(FLUENT_EQL), "run", "--config", str(self._config)]
        with open(self._folder / "log", "ab") as log:
            return subprocess.Popen(command, stderr=log)


def found_in(behind: Target) -> tuple[set[str], list[str]]:
    """The ids of the records that arrived, and those of their alerts."""
    ids: set[str] = set()
    alerts: list[str] = []
    for event in behind.all_events():
        ids.add(event.record["event"]["id"])
        alerts += [alert["id"] for alert in event.record.get("eql", {}).get("alerts", [])]
    return ids, alerts


def expected_ids() -> set[str]:
    return {f"{number}-{n}" for number in range(CHUNKS) for n in range(RECORDS_A_CHUNK)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("storage", ["memory", "filesystem"])
async def test_what_was_acknowledged_arrives_though_relay_and_target_are_killed(
    storage: str, tmp_path: Path
) -> None:
    port, source = free_port(), random.Random(7)
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            service={"storage.path": str(tmp_path / "storage"), "log_level": "warn"},
            forward_input={"port": port},
            eql={"reorder_window": "50ms"},
            forward_output={"require_ack_response": True, "storage.type": storage},
        )
        relay = await asyncio.to_thread(Killed, tmp_path, text)
        sender = Sender(port)
        sending = asyncio.create_task(sender.run())
        try:
            for round in range(KILLS):
                goal = (round + 1) * CHUNKS // (KILLS + 2)
                async with asyncio.timeout(3 * WAIT):
                    while len(sender.acknowledged) < goal:
                        await asyncio.sleep(source.random() / 100)
                if round % 2:
                    await behind.stop()
                    await behind.start(behind.port)
                else:
                    await asyncio.to_thread(relay.kill_and_start)
            async with asyncio.timeout(6 * WAIT):
                await sending
                while not expected_ids() <= found_in(behind)[0]:
                    await asyncio.sleep(0.2 + CHUNKS / 3000)
        finally:
            sending.cancel()
            relay.process.kill()
            relay.process.wait()
        ids, alerts = found_in(behind)
    assert len(sender.acknowledged) == CHUNKS
    assert expected_ids() <= ids
    assert len(set(alerts)) == len(range(0, CHUNKS, 3))
