"""kill -9 of the relay and of its target: what was acknowledged is not lost, nor is an alert.

``make faults`` runs it with 200,000 records.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fluent_eql.event import Event, encode_value
from fluent_pipeline.ndjson import records_of
from fluent_pipeline.protocol.frames import Frame, frame_of, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from support.events import MILLISECOND, SECOND, Scene
from support.ports import free_ports
from support.programs import FLUENT_EQL, killed
from support.relays import configuration
from support.rules import driver

CHUNKS = int(os.environ.get("FAULT_CHUNKS", "300"))
KILLS = 5
RECORDS_A_CHUNK = 20
CHUNKS_OF_A_SEQUENCE = 12
"""How many chunks after its network event a sequence's file event comes."""
IN_FLIGHT = 8
WAIT = 30
TARGET = Path(__file__).parent.parent / "support" / "target_program.py"


def chunks() -> list[tuple[str, bytes]]:
    """Chunks of records with ids of their own; a sequence begins in each, and one ends."""
    made = []
    for number in range(CHUNKS):
        records: list[dict[str, Any]] = [
            {"event": {"id": f"{number}-{n}"}, "text": "x" * 300} for n in range(RECORDS_A_CHUNK)
        ]
        records.append(network_of(number))
        if number >= CHUNKS_OF_A_SEQUENCE:
            records.append(file_of(number - CHUNKS_OF_A_SEQUENCE))
        entries = [encode_entry(n * MILLISECOND, encode_value(r)) for n, r in enumerate(records)]
        options = {"chunk": f"c{number}", "size": len(entries)}
        made.append((f"c{number}", encode_forward("app", entries, options)))
    return made


def network_of(number: int) -> dict[str, Any]:
    return with_id(Scene(number).network(0, pid=number), f"network-{number}")


def file_of(number: int) -> dict[str, Any]:
    return with_id(Scene(number).file(SECOND, pid=number), f"file-{number}")


def with_id(record: dict[str, Any], name: str) -> dict[str, Any]:
    record["event"]["id"] = name
    return record


def expected_alerts() -> dict[str, str]:
    """The alert id of each completing event, as a filter that nothing happens to finds them."""
    found, runner = {}, driver(reorder_window=0)
    for number in range(CHUNKS - CHUNKS_OF_A_SEQUENCE):
        (alert,) = runner.send([network_of(number), file_of(number)]).alerts
        found[f"file-{number}"] = alert["id"]
    return found


def expected_ids() -> set[str]:
    filler = {f"{number}-{n}" for number in range(CHUNKS) for n in range(RECORDS_A_CHUNK)}
    networks = {f"network-{number}" for number in range(CHUNKS)}
    return filler | networks | {f"file-{number}" for number in range(CHUNKS - CHUNKS_OF_A_SEQUENCE)}


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

    async def acknowledgements(self, count: int) -> None:
        """Return once there are ``count``."""
        async with asyncio.timeout(3 * WAIT + CHUNKS / 50):
            while len(self.acknowledged) < count:
                await asyncio.sleep(0.002)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            acks = msgpack.Unpacker()
            while self.left:
                sent = list(self.left.items())[:IN_FLIGHT]
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


def received_by_target(path: Path) -> Iterator[Event]:
    """The log records of a target's file; what a kill tore off was not acknowledged."""
    framer = Framer(Limits())
    with open(path, "rb") as file:
        while data := file.read(1_000_000):
            framer.receive_data(data)
            while isinstance(message := framer.next_message(), Message):
                frame = parse_frame(message)
                assert isinstance(frame, Frame)
                yield from records_of(frame_of(bytes(frame.raw)), Limits())


def found_in(path: Path) -> tuple[set[str], dict[str, set[str]]]:
    """The ids of the records that arrived, and of each those of its alerts."""
    ids: set[str] = set()
    alerts: dict[str, set[str]] = defaultdict(set)
    for event in received_by_target(path):
        name = event.record["event"]["id"]
        ids.add(name)
        for alert in event.record.get("eql", {}).get("alerts", []):
            alerts[name].add(alert["id"])
    return ids, alerts


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("storage", ["memory", "filesystem"])
async def test_what_was_acknowledged_arrives_and_every_alert_though_relay_and_target_are_killed(
    storage: str, workers: int, tmp_path: Path
) -> None:
    (port, behind_port), source = free_ports(2), random.Random(7)
    arrived, config = tmp_path / "arrived", tmp_path / "relay.yaml"
    config.write_text(
        configuration(
            target_port=behind_port,
            service={
                "storage.path": str(tmp_path / "storage"),
                "log_level": "warn",
                "workers": workers,
            },
            forward_input={"port": port},
            eql={"reorder_window": "20ms", "state.ttl": "1h"},
            forward_output={"require_ack_response": True, "storage.type": storage},
        )
    )
    with (
        killed(
            tmp_path / "target.log", sys.executable, TARGET, str(behind_port), arrived
        ) as behind,
        killed(tmp_path / "relay.log", FLUENT_EQL, "run", "--config", config) as relay,
    ):
        sender = Sender(port)
        sending = asyncio.create_task(sender.run())
        moments = sorted(source.sample(range(1, CHUNKS * 9 // 10), 2 * KILLS))
        for moment, program in zip(moments, [relay] * KILLS + [behind] * KILLS, strict=True):
            await sender.acknowledgements(moment)
            await asyncio.sleep(source.random() / 20)
            await asyncio.to_thread(program.kill_and_start)
        await sender.acknowledgements(CHUNKS)
        await sending
        async with asyncio.timeout(6 * WAIT):
            while not expected_ids() <= found_in(arrived)[0]:
                await asyncio.sleep(0.2 + CHUNKS / 1000)
    ids, alerts = found_in(arrived)
    assert expected_ids() <= ids
    assert alerts == {name: {alert} for name, alert in expected_alerts().items()}
