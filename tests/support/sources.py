"""Made-up records of programs that watch hosts, each with the field names of its program."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fluent_eql.event_time import iso_8601
from fluent_eql.testing import FilterDriver
from support.events import OUTSIDE, SECOND, START
from support.rules import driver

Record = dict[str, Any]

AGENT = "/tmp/.cache/agent"
OUT = "/home/ann/.config/job.sh"


@dataclass(frozen=True, slots=True)
class Doing:
    """What a process does: it connects to ``ip``, or creates the file ``path``.

    ``time`` is in nanoseconds after :data:`support.events.START`.
    """

    time: int = 0
    ip: str | None = None
    path: str | None = None
    pid: int = 4711
    executable: str = AGENT
    host: str = "web-1"
    port: int = 443

    @property
    def iso(self) -> str:
        return iso_8601(START + self.time)


def connects(time: int = 0, ip: str = OUTSIDE, **others: Any) -> Doing:
    return Doing(time, ip=ip, **others)


def creates(time: int = SECOND, path: str = OUT, **others: Any) -> Doing:
    return Doing(time, path=path, **others)


def tetragon(doing: Doing) -> Record:
    exec_id = base64.b64encode(f"{doing.host}:81234567890:{doing.pid}".encode()).decode()
    process = {
        "exec_id": exec_id,
        "pid": doing.pid,
        "uid": 1000,
        "cwd": "/tmp",
        "binary": doing.executable,
        "arguments": "--quiet",
        "flags": "execve clone",
        "start_time": iso_8601(START - 60 * SECOND),
        "auid": 1000,
        "parent_exec_id": base64.b64encode(f"{doing.host}:71234567890:900".encode()).decode(),
    }
    parent = {"exec_id": process["parent_exec_id"], "pid": 900, "binary": "/usr/bin/bash"}
    arguments: list[Record]
    if doing.ip is not None:
        function = "tcp_connect"
        sock = {
            "family": "AF_INET",
            "type": "SOCK_STREAM",
            "protocol": "IPPROTO_TCP",
            "saddr": "172.16.4.5",
            "daddr": doing.ip,
            "sport": 40312,
            "dport": doing.port,
        }
        arguments, tags = [{"sock_arg": sock}], []
    else:
        function = "security_inode_create"
        arguments, tags = [{"path_arg": {"path": doing.path}}], ["file-creation"]
    probe = {
        "process": process,
        "parent": parent,
        "function_name": function,
        "args": arguments,
        "action": "KPROBE_ACTION_POST",
        "policy_name": "connect-and-create",
        "return_action": "KPROBE_ACTION_POST",
        **({"tags": tags} if tags else {}),
    }
    return {"process_kprobe": probe, "node_name": doing.host, "time": doing.iso}


def falco(doing: Doing) -> Record:
    fields: Record = {
        "evt.time": START + doing.time,
        "proc.exepath": doing.executable,
        "proc.name": doing.executable.rpartition("/")[2][:15],
        "proc.cmdline": f"{doing.executable.rpartition('/')[2]} --quiet",
        "proc.pid": doing.pid,
        "proc.pid.ts": START - 60 * SECOND,
        "proc.ppid": 900,
        "user.name": "ann",
        "user.uid": 1000,
        "container.id": "host",
    }
    if doing.ip is not None:
        rule = "Connection from a scratch directory"
        fields |= {
            "evt.type": "connect",
            "fd.name": f"172.16.4.5:40312->{doing.ip}:{doing.port}",
            "fd.sip": doing.ip,
            "fd.sport": doing.port,
            "fd.l4proto": "tcp",
        }
    else:
        rule = "File created from a scratch directory"
        fields |= {"evt.type": "openat", "evt.is_open_create": True, "fd.name": doing.path}
    return {
        "hostname": doing.host,
        "output": f"{doing.iso[11:]}: Notice {rule}",
        "output_fields": fields,
        "priority": "Notice",
        "rule": rule,
        "source": "syscall",
        "tags": ["fluent-eql"],
        "time": doing.iso,
    }


def _hash(text: str) -> int:
    return sum(ord(char) * 31**place for place, char in enumerate(text)) % 2**32


def tracee(doing: Doing) -> Record:
    name = "security_socket_connect" if doing.ip is not None else "security_file_open"
    if doing.ip is not None:
        address = {"sa_family": "AF_INET", "sin_addr": doing.ip, "sin_port": str(doing.port)}
        arguments = [
            {"name": "sockfd", "type": "int", "value": 5},
            {"name": "remote_addr", "type": "struct sockaddr*", "value": address},
        ]
    else:
        arguments = [
            {"name": "pathname", "type": "const char*", "value": doing.path},
            {"name": "flags", "type": "int", "value": 0o101},
            {"name": "inode", "type": "unsigned long", "value": 918_273},
        ]
    return {
        "timestamp": START + doing.time,
        "threadStartTime": START - 60 * SECOND,
        "processorId": 2,
        "processId": doing.pid,
        "threadId": doing.pid,
        "parentProcessId": 900,
        "hostProcessId": doing.pid,
        "hostThreadId": doing.pid,
        "hostParentProcessId": 900,
        "userId": 1000,
        "processName": doing.executable.rpartition("/")[2][:15],
        "executable": {"path": doing.executable},
        "hostName": doing.host,
        "containerId": "",
        "eventId": "735" if doing.ip is not None else "733",
        "eventName": name,
        "matchedPolicies": ["connect-and-create"],
        "argsNum": len(arguments),
        "returnValue": 0,
        "syscall": "connect" if doing.ip is not None else "openat",
        "processEntityId": _hash(f"{doing.host}/{doing.pid}"),
        "parentEntityId": _hash(f"{doing.host}/900"),
        "args": arguments,
    }


def tracee_v1(doing: Doing) -> Record:
    """The newer form, which names no host; an agent has added one."""
    name = "security_socket_connect" if doing.ip is not None else "security_file_open"
    data: list[Record]
    if doing.ip is not None:
        address = {"sa_family": "AF_INET", "sin_addr": doing.ip, "sin_port": doing.port}
        data = [{"name": "sockfd", "int32": 5}, {"name": "remote_addr", "sockaddr": address}]
    else:
        data = [
            {"name": "pathname", "str": doing.path},
            {"name": "flags", "str": "O_WRONLY|O_CREAT"},
        ]
    return {
        "timestamp": doing.iso,
        "id": 735,
        "name": name,
        "policies": {"matched": ["connect-and-create"]},
        "workload": {
            "process": {
                "executable": {"path": doing.executable},
                "unique_id": _hash(f"{doing.host}/{doing.pid}"),
                "host_pid": doing.pid,
                "pid": doing.pid,
                "real_user": {"id": 1000},
                "thread": {"name": "agent", "tid": doing.pid},
                "ancestors": [{"unique_id": _hash("900"), "host_pid": 900, "pid": 900}],
            }
        },
        "data": data,
        "hostname": doing.host,
    }


def sysmon(doing: Doing) -> Record:
    moment = datetime.fromtimestamp((START + doing.time) // SECOND, UTC)
    milliseconds = (START + doing.time) % SECOND // 10**6
    data: Record = {
        "RuleName": "-",
        "UtcTime": f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds:03d}",
        "ProcessGuid": f"{{{_hash(doing.host):08x}-0b1c-67c0-{doing.pid:04x}-3d0000000000}}",
        "ProcessId": str(doing.pid),
        "Image": doing.executable,
    }
    if doing.ip is not None:
        data |= {
            "User": "ann",
            "Protocol": "tcp",
            "Initiated": "true",
            "SourceIsIpv6": "false",
            "SourceIp": "172.16.4.5",
            "SourceHostname": "-",
            "SourcePort": "40312",
            "DestinationIsIpv6": "false",
            "DestinationIp": doing.ip,
            "DestinationPort": str(doing.port),
        }
    else:
        data |= {"TargetFilename": doing.path, "CreationUtcTime": data["UtcTime"], "User": "ann"}
    system = {
        "Provider": "Linux-Sysmon",
        "EventID": "3" if doing.ip is not None else "11",
        "Version": "5" if doing.ip is not None else "2",
        "EventRecordID": str(1000 + doing.time // 10**6),
        "Channel": "Linux-Sysmon/Operational",
        "Computer": doing.host,
    }
    return {"System": system, "EventData": data}


def auditd(doing: Doing) -> Record:
    seconds, rest = divmod(START + doing.time, SECOND)
    call = "connect" if doing.ip is not None else "openat"
    syscall = {
        "arch": "0xc000003e",
        "syscall": 42 if doing.ip is not None else 257,
        "success": "no" if doing.ip is not None else "yes",
        "exit": -115 if doing.ip is not None else 3,
        "ppid": 900,
        "pid": doing.pid,
        "auid": 1000,
        "uid": 1000,
        "ses": 3,
        "comm": doing.executable.rpartition("/")[2][:15],
        "exe": doing.executable,
        "key": "connect" if doing.ip is not None else "create",
        "ARCH": "x86_64",
        "SYSCALL": call,
        "UID": "ann",
        "PPID": {"EVENT_ID": f"{seconds - 60}.000:12", "comm": "bash", "exe": "/usr/bin/bash"},
    }
    identity = f"{seconds}.{rest // 10**6:03d}:{20_000 + doing.time // 10**6}"
    record: Record = {"NODE": doing.host, "ID": identity, "SYSCALL": syscall}
    if doing.ip is not None:
        address = {"saddr_fam": "inet", "addr": doing.ip, "port": doing.port}
        return record | {"SOCKADDR": [{"saddr": "%02%00%01%bb", "SADDR": address}]}
    path = doing.path or ""
    folder, _, name = path.rpartition("/")
    return record | {
        "CWD": {"cwd": folder or "/"},
        "PATH": [
            {"item": 0, "name": f"{folder}/", "inode": 41, "nametype": "PARENT"},
            {"item": 1, "name": name, "inode": 918_273, "nametype": "CREATE"},
        ],
    }


MAKERS: dict[str, Callable[[Doing], Record]] = {
    "tetragon": tetragon,
    "falco": falco,
    "tracee": tracee,
    "sysmon": sysmon,
    "auditd": auditd,
}


def story(*doings: Doing) -> list[Doing]:
    return sorted(doings, key=lambda doing: doing.time)


STORY: Sequence[Doing] = story(
    connects(0),
    creates(2 * SECOND),
    # An internal address.
    connects(0, ip="10.20.30.40", pid=4712),
    creates(1 * SECOND, pid=4712),
    # A millisecond more than five seconds.
    connects(3 * SECOND, pid=4713),
    creates(8 * SECOND + 10**6, pid=4713),
    # Two processes, two hosts.
    connects(4 * SECOND, pid=4714),
    creates(5 * SECOND, pid=4715),
    connects(4 * SECOND, pid=4716),
    creates(5 * SECOND, pid=4716, host="web-2"),
    # A program of the system.
    connects(6 * SECOND, pid=4717, executable="/usr/bin/curl"),
    creates(7 * SECOND, pid=4717, executable="/usr/bin/curl"),
    # A file that the rule leaves out.
    connects(6 * SECOND, pid=4718),
    creates(7 * SECOND, pid=4718, path="/var/lib/app/tmp1f3a"),
    # Exactly five seconds.
    connects(9 * SECOND, pid=4719),
    creates(14 * SECOND, pid=4719, path="/tmp/stage2.bin"),
)
"""Two of the processes do what the shipped rule looks for: 4711 and 4719."""


def watching(source: str, **settings: Any) -> FilterDriver:
    """A filter that runs the shipped rule on a source's records, and decides when they end."""
    return driver(source=source, reorder_window=None, **settings)


def alerts_of(source: str, records: Sequence[Record]) -> list[dict[str, Any]]:
    """The alerts of the records, each sent in a frame of its own."""
    runner = watching(source)
    found = [alert for record in records for alert in runner.send([record]).alerts]
    return found + runner.flush().alerts


def count(source: str, *doings: Doing) -> int:
    """How many alerts a source's records of what happened give."""
    return len(alerts_of(source, [MAKERS[source](doing) for doing in doings]))
