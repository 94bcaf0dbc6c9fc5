"""The fields that Elastic Defend's events of Linux have, by kind of event.

Which event has which fields is told by the lists in elastic/endpoint-package, under
custom_documentation/doc/endpoint: file/linux/linux_file_create,
network/linux/linux_network_attempted_accepted_and_disconnect and
process/linux/linux_process_fork_exec_exit; which of the three process events has ``previous`` by
the lists for each that were there until September 2024. In short:

- All events name their process, its command line and its ancestry, and the user and the group.
- Network events have its capabilities and uptime, too. Arguments, hashes and the working folder of
  a process, and more of its parent than the entity id, are in process events alone.
- A fork has the program that forked, as that is what runs until the exec. An exec tells what it
  replaced, an end the exit code.
- Environment variables are captured where a policy names them (``linux.advanced.capture_env_vars``)
  and container fields are empty for a container that Docker runs (elastic/elastic-agent, issue
  3116): neither is here.

Leaders, owners of processes and what else Elastic's RFC 0030 (Linux event model) adds come from
hosts whose policy collects session data, which by Elastic's guide ("Session View") has to be turned
on. File and network events have the leaders' entity ids alone. Which leader a process has is as in
the documents that were made public: a job of cron's is entered by cron from init, a command typed
after a login by the login shell from sshd. Ids of users and groups are text, the type that ECS
gives them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from fluent_eql.event_time import iso_8601
from fluent_pipeline.bench.defend import (
    MILLISECOND,
    SECOND,
    Host,
    action_of,
    file_event,
    network_event,
    process_event,
)
from fluent_pipeline.bench.programs import Program
from fluent_pipeline.bench.server import CONNECTING, EXECUTED, STARTED, WRITING

Fields = dict[str, Any]

BOOTED = 1_762_000_000 * SECOND
"""When the hosts were started, nanoseconds since the epoch."""
STEP = 7 * MILLISECOND
"""Between the start of a program and that of one it starts."""


@dataclass(frozen=True, slots=True)
class Run:
    """A program that runs; ``started`` in nanoseconds since the epoch."""

    program: Program
    pid: int
    started: int
    parent: Run | None

    @property
    def lineage(self) -> Iterator[Run]:
        """This one, its parent, and so on up to init."""
        found: Run | None = self
        while found is not None:
            yield found
            found = found.parent


def run_of(program: Program, pid: int, time: int) -> Run:
    """A run of the program at that time, below runs of its parents.

    ``pid`` is for one that has none of its own. Of what runs for a short time the parent has the
    pid before its child's.
    """
    own = program.pid or pid
    started = BOOTED + own * STEP if program.pid else time - STEP
    if program.parent is None:
        return Run(program, own, started, None)
    return Run(program, own, started, run_of(program.parent, own - 1, started))


@dataclass(frozen=True, slots=True)
class Server:
    """A host, and whether its policy collects session data."""

    host: Host
    session_data: bool

    def entity_id(self, run: Run) -> str:
        return str(self.host.process(run.program.executable, run.pid)["entity_id"])


def everyday(random: Random, servers: list[Server], time: int) -> Fields:
    """One harmless event of what runs on a server; ``time`` in nanoseconds since the epoch.

    Kinds of events are as frequent as in :func:`fluent_pipeline.bench.defend.background`.
    """
    server = random.choice(servers)
    action, pid = action_of(random), random.randrange(2_000, 30_000)
    if action == "connection_attempted":
        run = run_of(random.choice(CONNECTING), pid, time)
        address, port = random.choice(run.program.peers)
        record = network_event(server.host, _process(server, run), time, address, port)
    elif action == "creation":
        run = run_of(random.choice(WRITING), pid, time)
        path = random.choice(run.program.files).format(random.getrandbits(24))
        record = file_event(server.host, _process(server, run), time, path)
    else:
        program = random.choice(EXECUTED if action == "exec" else STARTED)
        run = run_of(program.before_exec() if action == "fork" else program, pid, time)
        record = process_event(server.host, _process(server, run), time, action)
    return detailed(record, server, run, time)


def detailed(record: Fields, server: Server, run: Run, time: int) -> Fields:
    """The event with the fields that Defend adds for its kind; the run is that of its process."""
    (category,) = record["event"]["category"]
    if category == "process":
        more = _of_process_event(server, run, record["event"]["action"], time)
    elif category == "network":
        more = _capabilities(run) | {"uptime": (time - run.started) // SECOND}
    else:
        more = {}
    common = {
        "command_line": run.program.command_line,
        "Ext": {"ancestry": [server.entity_id(above) for above in run.lineage][1:]},
    }
    # A process that is known by another entity id than the run's keeps it.
    process = _leader_ids(server, run) | common | more | _named(record["process"])
    account = run.program.account
    user = {"id": account.id, "name": account.name}
    group = {"id": account.group_id, "name": account.group_name}
    return record | {
        "event": record["event"] | {"outcome": "unknown"},
        "process": process,
        "user": user | {"Ext": {"real": user}},
        "group": group | {"Ext": {"real": group}},
    }


def _process(server: Server, run: Run) -> Fields:
    return server.host.process(run.program.executable, run.pid)


def _named(process: Fields) -> Fields:
    return {field: process[field] for field in ("entity_id", "executable", "name", "pid")}


def _leader_ids(server: Server, run: Run) -> Fields:
    """The parent and, with session data, the leaders, by their entity ids."""
    found: Fields = {}
    if run.parent is not None:
        found["parent"] = {"entity_id": server.entity_id(run.parent)}
    if server.session_data:
        for role, leader in _leaders(run).items():
            found[role] = {"entity_id": server.entity_id(leader)}
        found["entry_leader"] |= _parent_of_entry(server, _leaders(run)["entry_leader"])
    return found


def _leaders(run: Run) -> dict[str, Run]:
    above = list(run.lineage)
    return {
        "entry_leader": next(each for each in above if each.program.entry),
        "session_leader": next(each for each in above if each.program.leads_session),
        "group_leader": next(
            each for each in above if each.program.leads_group or each.program.leads_session
        ),
    }


def _parent_of_entry(server: Server, leader: Run, *, whole: bool = False) -> Fields:
    parent = leader.parent
    if parent is None:
        return {}
    found: Fields = {"entity_id": server.entity_id(parent)}
    if whole:
        found |= {"pid": parent.pid, "start": iso_8601(parent.started)}
    return {"parent": found}


def _of_process_event(server: Server, run: Run, action: str, time: int) -> Fields:
    more = (
        _arguments(run)
        | _capabilities(run)
        | {"working_directory": run.program.directory, "hash": _hashes(run.program.executable)}
    )
    if run.parent is not None:
        more["parent"] = _told(server, run.parent) | {
            "command_line": run.parent.program.command_line
        }
    if action == "end":
        more |= {"end": iso_8601(time), "exit_code": 0}
    if server.session_data:
        more |= _session_data(server, run, action)
        if run.parent is not None:
            more["parent"] |= _owned(run.parent)
    return more


def _session_data(server: Server, run: Run, action: str) -> Fields:
    more = _owned(run)
    for role, leader in _leaders(run).items():
        same = {"same_as_process": leader is run}
        more[role] = _told(server, leader) | _owned(leader) | same
        if role == "entry_leader":
            more[role] |= {"entry_meta": _entry_meta(server, leader)}
            more[role] |= _parent_of_entry(server, leader, whole=True)
    if action != "fork" and run.parent is not None and not run.program.pid:
        before = run.parent
        more["previous"] = [_arguments(before) | {"executable": before.program.executable}]
    return more


def _entry_meta(server: Server, leader: Run) -> Fields:
    meta: Fields = {"type": leader.program.entry}
    if leader.program.entry == "sshd":
        meta["source"] = {"ip": "10.20.7.250"}
    return meta


def _told(server: Server, run: Run) -> Fields:
    """A related process as process events tell it."""
    return {
        **_arguments(run),
        "entity_id": server.entity_id(run),
        "executable": run.program.executable,
        "name": run.program.name,
        "pid": run.pid,
    }


def _owned(run: Run) -> Fields:
    """Whose a process is, where and since when it runs."""
    account = run.program.account
    user = {"id": account.id, "name": account.name}
    group = {"id": account.group_id, "name": account.group_name}
    terminal = {"tty": {"char_device": {"major": 136, "minor": 0}}} if run.program.terminal else {}
    return {
        "interactive": run.program.terminal,
        "start": iso_8601(run.started),
        "working_directory": run.program.directory,
        "user": user,
        "real_user": user,
        "group": group,
        "real_group": group,
        **terminal,
    }


def _arguments(run: Run) -> Fields:
    return {"args": list(run.program.args), "args_count": len(run.program.args)}


def _capabilities(run: Run) -> Fields:
    names = list(run.program.capabilities)
    return {"thread": {"capabilities": {"effective": names, "permitted": names}}} if names else {}


@cache
def _hashes(executable: str) -> dict[str, str]:
    """Made up: those of its path."""
    return {
        algorithm: hashlib.new(algorithm, executable.encode(), usedforsecurity=False).hexdigest()
        for algorithm in ("md5", "sha1", "sha256")
    }
