"""The configurations for several relays, run as they are but for addresses, and what is sent."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgpack
import yaml

from fluent_eql.event_time import nanoseconds_of
from fluent_pipeline.bench import defend
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import ClientHandshake
from fluent_pipeline.protocol.limits import Limits
from support.events import MILLISECOND, SECOND, START, Record, Scene
from support.frames import forward_frame
from support.programs import FLUENT_EQL, Killed, killed
from support.rules import driver
from support.target import WAIT, Target, target

CONF = Path(__file__).parents[2] / "conf"
KEY = "only-for-tests"
RECORDS_A_CHUNK = 4


def on_loopback(path: Path, places: Mapping[str, int]) -> str:
    """The text of a YAML file with other addresses: ``host:port`` → a port of 127.0.0.1.

    HTTP is served on any free port.
    """
    document = yaml.safe_load(path.read_text())
    for item in _maps(document):
        name = "host" if "host" in item else "listen"
        place = f"{item.get(name)}:{item.get('port')}"
        if place in places:
            item |= {name: "127.0.0.1", "port": places[place]}
        if "http_port" in item:
            item["http_port"] = 0
    return yaml.safe_dump(document, sort_keys=False)


def _maps(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _maps(inner)


@contextmanager
def relay_of(
    folder: Path, file: str, places: Mapping[str, int], *, standby: bool = True
) -> Iterator[Killed]:
    """A relay with that file of ``conf``; what a kill leaves is there when it starts again.

    Without ``standby`` its upstream files have no nodes on standby.
    """
    path = _placed(folder, file, places)
    if not standby:
        for upstream in path.parent.glob("router-*.yaml"):
            upstream.write_text(_without_standby(upstream.read_text()))
    with _running(folder, {}, str(FLUENT_EQL), "run", "--config", str(path)) as program:
        yield program


@contextmanager
def fluent_bit_of(
    folder: Path, file: str, places: Mapping[str, int], **variables: str
) -> Iterator[Killed]:
    """Fluent Bit with that file of ``conf`` and these variables of the environment."""
    path = _placed(folder, file, places)
    with _running(folder, variables, "fluent-bit", "--quiet", "--config", str(path)) as program:
        yield program


@contextmanager
def fluentd_of(folder: Path, file: str, places: Mapping[str, int]) -> Iterator[Killed]:
    """Fluentd with that file of ``conf``."""
    text = (CONF / file).read_text()
    for place, port in places.items():
        host, _, there = place.rpartition(":")
        text = re.sub(
            rf"(host|bind) {re.escape(host)}\n( +)port {there}\n",
            rf"\1 127.0.0.1\n\2port {port}\n",
            text,
        )
    folder.mkdir()
    path = folder / "fluentd.conf"
    path.write_text(text)
    with _running(folder, {}, "fluentd", "--no-supervisor", "--config", str(path)) as program:
        yield program


def _placed(folder: Path, file: str, places: Mapping[str, int]) -> Path:
    """The file in a copy of ``conf`` with other addresses."""
    (folder / "conf/scaling").mkdir(parents=True)
    (folder / "conf/rules").symlink_to(CONF / "rules")
    for path in [*CONF.glob("*.yaml"), *CONF.glob("scaling/*.yaml")]:
        (folder / "conf" / path.relative_to(CONF)).write_text(on_loopback(path, places))
    return folder / "conf" / file


def _without_standby(text: str) -> str:
    document = yaml.safe_load(text)
    for group in document["upstream_servers"]:
        group["nodes"] = [node for node in group["nodes"] if not node.get("standby")]
    return yaml.safe_dump(document)


@contextmanager
def _running(folder: Path, variables: Mapping[str, str], *command: str) -> Iterator[Killed]:
    """A program in a working directory of its own; killed at the end."""
    (folder / "work").mkdir()
    settings = {"EQL_SHARED_KEY": KEY, **variables}
    pairs = [f"{name}={value}" for name, value in settings.items()]
    with killed(folder / "log", "env", "-C", str(folder / "work"), *pairs, *command) as program:
        yield program


async def listening(*ports: int) -> None:
    """Wait until something listens on each of the ports."""
    async with asyncio.timeout(2 * WAIT):
        for port in ports:
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break


def host_id(record: Mapping[str, Any]) -> str:
    """The host of a record."""
    found: str = record["host"]["id"]
    return found


def is_low(host: str) -> bool:
    """Whether the events of a host belong to the first of two aggregators."""
    return host[0] in "01234567"


class Story:
    """What happens on a few hosts whose processes have the same ids, in two parts.

    Each host has a sequence within each part, and one that begins in the first and ends in the
    second; what looks like one is too slow, or on two hosts.
    """

    def __init__(self, hosts: int) -> None:
        source = random.Random(hosts)
        self.before: list[Record] = []
        self.after: list[Record] = []
        self._scenes = [Scene(number) for number in range(hosts)]
        for scene in self._scenes:
            self.before += [
                scene.network(0, pid=1),
                scene.network(SECOND, pid=1),
                scene.file(2 * SECOND, pid=1),
                scene.network(0, pid=2),
                scene.file(6 * SECOND, pid=2),
                scene.network(3 * SECOND, pid=3),
                *_background(source, scene),
            ]
            self.after += [
                scene.file(4 * SECOND, pid=3),
                scene.network(20 * SECOND, pid=5),
                scene.file(21 * SECOND, pid=5),
                *_background(source, scene),
            ]
        for one, other in zip(self._scenes, self._scenes[1:], strict=False):
            pid = 100 + len(self.before)
            self.before.append(one.network(3 * SECOND, pid=pid))
            self.after.append(other.file(4 * SECOND, pid=pid))
        for number, record in enumerate([*self.before, *self.after]):
            record["event"]["id"] = f"event-{number}"
            record["process"]["entity_id"] = f"process-{record['process']['pid']}"

    @property
    def hosts(self) -> list[str]:
        """The ids of the hosts."""
        return [scene.host.id for scene in self._scenes]

    @property
    def records(self) -> list[Record]:
        """All of it."""
        return self.before + self.after


def _background(source: random.Random, scene: Scene) -> list[Record]:
    times = (START + number * MILLISECOND for number in range(10))
    return [defend.background(source, [scene.host], time) for time in times]


def alerts_in_order(records: Iterable[Record]) -> set[str]:
    """The ids of the alerts of one filter that gets all records in event order."""
    in_order = sorted(records, key=_place)
    return {alert["id"] for alert in driver(reorder_window=0).send(in_order).alerts}


def _place(record: Record) -> tuple[int, int]:
    return nanoseconds_of(record["@timestamp"]) or 0, record["event"]["sequence"]


def chunks_of(records: Iterable[Record], source: random.Random) -> dict[str, bytes]:
    """Chunks by name, with some events of one host each, in any order of hosts and events.

    The tag is that of ``conf/scaling/agent.yaml``.
    """
    by_host: dict[str, list[Record]] = {}
    for record in records:
        by_host.setdefault(host_id(record), []).append(record)
    chunks = []
    for host, told in by_host.items():
        source.shuffle(told)
        for start in range(0, len(told), RECORDS_A_CHUNK):
            part, name = told[start : start + RECORDS_A_CHUNK], f"{host}-{start}"
            frame = forward_frame(part, tag=f"host.{host}.endpoint", chunk=name)
            chunks.append((name, frame.raw))
    source.shuffle(chunks)
    return dict(chunks)


async def deliver(port: int, chunks: Mapping[str, bytes], *, key: str | None = KEY) -> None:
    """Send chunks over two connections, and again what was not acknowledged, until all are."""
    left = list(chunks.items())
    async with asyncio.timeout(3 * WAIT), asyncio.TaskGroup() as connections:
        for part in (left[::2], left[1::2]):
            connections.create_task(_deliver(port, dict(part), key))


async def _deliver(port: int, left: dict[str, bytes], key: str | None) -> None:
    while left:
        try:
            await _connection(port, left, key)
        except OSError:
            await asyncio.sleep(0.05)


async def _connection(port: int, left: dict[str, bytes], key: str | None) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if key is not None:
            await _shake_hands(reader, writer, key)
        answers = msgpack.Unpacker()
        writer.write(b"".join(left.values()))
        while left and (data := await reader.read(65_536)):
            answers.feed(data)
            for answer in answers:
                left.pop(answer["ack"], None)
    finally:
        writer.close()


async def _shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str
) -> None:
    framer, hands = Framer(Limits()), ClientHandshake("agent", key, salt=os.urandom(16))

    async def message() -> Message:
        while not isinstance(found := framer.next_message(), Message):
            if not (data := await reader.read(65_536)):
                raise ConnectionResetError
            framer.receive_data(data)
        return found

    writer.write(hands.receive_hello(await message()))
    hands.receive_pong(await message())


class Arrived:
    """What has come to the targets behind some relays."""

    def __init__(self, *targets: Target) -> None:
        self.targets = targets

    def records(self) -> list[Record]:
        """Those that were sent, changed or not."""
        events = [event for target in self.targets for event in target.all_events()]
        return [event.record for event in events if not event.tag.startswith("eql.alert.")]

    @property
    def ids(self) -> set[str]:
        """The ids of the events."""
        return {record["event"]["id"] for record in self.records()}

    @property
    def hosts(self) -> set[str]:
        """The hosts that the events are of."""
        return {host_id(record) for record in self.records()}

    def alerts(self) -> set[str]:
        """The ids of all alerts, in place or late."""
        events = [event for target in self.targets for event in target.all_events()]
        found = [event.record.get("eql", {}).get("alerts", []) for event in events]
        return {alert["id"] for alerts in found for alert in alerts}

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until that holds."""
        async with asyncio.timeout(4 * WAIT):
            while not done():
                await asyncio.sleep(0.2)


@asynccontextmanager
async def targets(count: int) -> AsyncIterator[list[Target]]:
    """That many targets, running."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(target()) for _ in range(count)]
