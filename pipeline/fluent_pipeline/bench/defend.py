"""Events in the shape in which Elastic Defend sends them from Linux hosts.

The shape (nested ECS, ``event.category`` and ``event.type`` as arrays, times with nanoseconds) is
that of Defend's documents; hosts, programs and addresses are made up here.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fluent_eql.event_time import iso_8601, nanoseconds_of

SECOND = 10**9
MILLISECOND = 10**6

PROGRAMS = (
    "/usr/bin/curl",
    "/usr/bin/python3.11",
    "/usr/lib/systemd/systemd",
    "/usr/sbin/sshd",
    "/usr/bin/bash",
    "/usr/bin/apt-get",
    "/usr/sbin/nginx",
    "/usr/bin/node",
)
OUTSIDE = ("93.184.216.34", "151.101.1.69", "2606:2800:220:1:248:1893:25c8:1946")
INSIDE = ("10.20.7.9", "192.168.1.20", "172.16.4.4", "fd00::12")
FILES = ("/var/lib/app/cache.db", "/home/svc/notes.txt", "/tmp/build/a.o", "/srv/www/index.html")


@dataclass(slots=True)
class Host:
    """A host and the number of its next event."""

    name: str
    id: str
    address: str
    sequence: int = 0

    def process(self, executable: str, pid: int) -> dict[str, Any]:
        """A process of this host; the same pid has the same entity id."""
        return {
            "entity_id": self._entity_id(pid),
            "executable": executable,
            "name": executable.rpartition("/")[2],
            "pid": pid,
            "parent": {"entity_id": self._entity_id(1), "pid": 1},
            "Ext": {"ancestry": [self._entity_id(1)]},
        }

    def _entity_id(self, pid: int) -> str:
        return base64.b64encode(f"{self.id[:8]}-{pid}-0".encode()).decode()


def host(number: int) -> Host:
    """The host of that number; always the same one."""
    digits = random.Random(number).getrandbits(128)
    return Host(f"host-{number:04d}", f"{digits:032x}", f"10.20.{number // 250}.{number % 250 + 1}")


def network_event(
    on: Host, process: dict[str, Any], time: int, address: str, port: int = 443
) -> dict[str, Any]:
    """An attempt to connect. ``time`` in nanoseconds since the epoch."""
    version = "ipv6" if ":" in address else "ipv4"
    return _event(on, process, time, "network", "connection_attempted", "start") | {
        "destination": {"address": address, "ip": address, "port": port},
        "source": {"address": on.address, "ip": on.address, "port": 40_000 + on.sequence % 20_000},
        "network": {"direction": "egress", "transport": "tcp", "type": version},
    }


def file_event(on: Host, process: dict[str, Any], time: int, path: str) -> dict[str, Any]:
    """The creation of a file."""
    name = path.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    file = {"path": path, "name": name} | ({"extension": extension} if dot and stem else {})
    return _event(on, process, time, "file", "creation", "creation") | {"file": file}


def process_event(on: Host, process: dict[str, Any], time: int, action: str) -> dict[str, Any]:
    """``fork``, ``exec`` or ``end`` of a process."""
    return _event(on, process, time, "process", action, "end" if action == "end" else "start")


def _event(
    on: Host, process: dict[str, Any], time: int, category: str, action: str, kind: str
) -> dict[str, Any]:
    on.sequence += 1
    timestamp = iso_8601(time)
    return {
        "@timestamp": timestamp,
        "agent": {"id": f"agent-{on.id[:12]}", "type": "endpoint", "version": "9.1.0"},
        "data_stream": {
            "dataset": f"endpoint.events.{category}",
            "namespace": "default",
            "type": "logs",
        },
        "ecs": {"version": "8.11.0"},
        "event": {
            "action": action,
            "category": [category],
            "created": timestamp,
            "dataset": f"endpoint.events.{category}",
            "id": f"{on.name}-{on.sequence:08d}",
            "kind": "event",
            "module": "endpoint",
            "sequence": on.sequence,
            "type": [kind],
        },
        "host": {
            "architecture": "x86_64",
            "hostname": on.name,
            "id": on.id,
            "name": on.name,
            "ip": [on.address, "fe80::1", "127.0.0.1", "::1"],
            "os": {
                "family": "debian",
                "kernel": "6.8.0-31-generic",
                "name": "Linux",
                "platform": "debian",
                "type": "linux",
                "version": "12",
            },
        },
        "process": process,
        "user": {"id": "1000", "name": "svc"},
        "message": f"Endpoint {category} event",
    }


def background(random: random.Random, hosts: list[Host], time: int) -> dict[str, Any]:
    """One harmless event of a program in a system directory."""
    on = random.choice(hosts)
    process = on.process(random.choice(PROGRAMS), random.randrange(300, 4000))
    action = action_of(random)
    if action == "connection_attempted":
        return network_event(on, process, time, random.choice(OUTSIDE + INSIDE))
    if action == "creation":
        return file_event(on, process, time, random.choice(FILES))
    return process_event(on, process, time, action)


def action_of(random: random.Random) -> str:
    """The action of a harmless event, each as often as it is in a stream."""
    kind = random.random()
    if kind < 0.35:
        return "connection_attempted"
    if kind < 0.7:
        return "creation"
    return random.choice(("fork", "exec", "end"))


def candidate(random: random.Random, hosts: list[Host], time: int, entities: int) -> dict[str, Any]:
    """One event of a program under /tmp that matches a stage of the shipped rule.

    Its process is one of ``entities`` on each host; alternating kinds make some sequences.
    """
    on = random.choice(hosts)
    process = on.process("/tmp/.cache/worker", 10_000 + random.randrange(entities))
    if random.random() < 0.5:
        return network_event(on, process, time, random.choice(OUTSIDE))
    return file_event(on, process, time, f"/opt/out-{random.randrange(1000)}.bin")


def stream(
    seed: int, *, candidates: float = 0.02, hosts: int = 20, entities: int = 50, start: int = 0
) -> Iterator[dict[str, Any]]:
    """An endless stream in time order, a millisecond apart; ``candidates`` is their share."""
    source = random.Random(seed)
    machines = [host(number) for number in range(hosts)]
    time = start
    while True:
        time += MILLISECOND
        if source.random() < candidates:
            yield candidate(source, machines, time, entities)
        else:
            yield background(source, machines, time)


@dataclass(frozen=True, slots=True)
class Story:
    """A short scene on one host, and how many alerts the shipped rule gives for it."""

    name: str
    alerts: int
    tell: Callable[[Host, int, int], list[dict[str, Any]]]
    """Called with a host, a free pid and a time; the events in time order."""


def _beacon(on: Host, pid: int, time: int) -> list[dict[str, Any]]:
    process = on.process("/dev/shm/.poll", pid)
    polls = [network_event(on, process, time + beat * SECOND, OUTSIDE[0]) for beat in range(6)]
    return [*polls, file_event(on, process, time + 5_400 * MILLISECOND, "/root/.ssh/rc")]


def _dropper(on: Host, pid: int, time: int) -> list[dict[str, Any]]:
    process = on.process("/tmp/setup", pid)
    return [
        process_event(on, process, time, "exec"),
        network_event(on, process, time + MILLISECOND, OUTSIDE[2]),
        file_event(on, process, time + 5 * SECOND + MILLISECOND, "/usr/local/bin/helper"),
        file_event(on, process, time + 5 * SECOND + 2 * MILLISECOND, "/etc/cron.d/helper"),
    ]


def _too_late(on: Host, pid: int, time: int) -> list[dict[str, Any]]:
    process = on.process("/tmp/slow", pid)
    return [
        network_event(on, process, time, OUTSIDE[1]),
        file_event(on, process, time + 5 * SECOND + 1, "/opt/late"),
    ]


def _internal(on: Host, pid: int, time: int) -> list[dict[str, Any]]:
    process = on.process("/var/tmp/agent", pid)
    return [
        network_event(on, process, time, INSIDE[0]),
        file_event(on, process, time + SECOND, "/opt/report"),
    ]


def _installer(on: Host, pid: int, time: int) -> list[dict[str, Any]]:
    process = on.process("/tmp/terraform", pid)
    return [
        network_event(on, process, time, OUTSIDE[0]),
        file_event(on, process, time + SECOND, "/tmp/terraform-provider-aws"),
        file_event(on, process, time + 2 * SECOND, "/tmp/tmp4711"),
    ]


STORIES = (
    Story("a beacon polls six times and then drops a key", 1, _beacon),
    Story("an installer downloads and writes two files, the first after 5 s", 1, _dropper),
    Story("a file one nanosecond past maxspan", 0, _too_late),
    Story("a connection to an internal address", 0, _internal),
    Story("terraform fetches its provider", 0, _installer),
)


def told(seed: int, *, records: int, start: int) -> Iterator[dict[str, Any]]:
    """Background of ``records`` events with every story in it, in time order."""
    source = random.Random(seed)
    machines = [host(number) for number in range(3)]
    scenes: list[tuple[int, dict[str, Any]]] = []
    for number, story in enumerate(STORIES):
        time = start + (number + 1) * 3 * SECOND
        events = story.tell(machines[number % len(machines)], 6000 + number, time)
        scenes += [(_time_of(event, start), event) for event in events]
    length = 30 * SECOND
    times = sorted(source.randrange(length) for _ in range(records))
    scenes += [(start + time, background(source, machines, start + time)) for time in times]
    scenes.sort(key=lambda scene: scene[0])
    yield from (event for _, event in scenes)


def _time_of(event: dict[str, Any], start: int) -> int:
    return nanoseconds_of(event["@timestamp"]) or start
