"""Tetragon's JSON export: one event in an object that is named after its kind.

The names are those of ``api/v1/tetragon/*.proto`` in github.com/cilium/tetragon.
"""

from __future__ import annotations

from fluent_eql.sources.hosts import host_fields
from fluent_eql.sources.mapping import (
    Alternative,
    Joined,
    Kind,
    SourceMapping,
    event,
    has,
    path,
    places,
    when,
)
from fluent_eql.sources.transforms import BASENAME, EXTENSION, TEXT, WORDS, Transform

HOOKS = ("process_kprobe", "process_lsm")
EVENTS = (*HOOKS, "process_exec", "process_exit")

CONNECTS = ("tcp_connect", "security_socket_connect", "socket_connect")
CREATIONS = ("security_inode_create", "inode_create")
"""Functions of the kernel; the shorter names are those of LSM hooks."""
CREATION_TAG = "file-creation"
"""A tag of a policy's hook: whatever the hook is, its events are creations of files."""


def _in_events(rest: str, transform: Transform | None = None) -> tuple[Alternative, ...]:
    return places(*(f"{name}.{rest}" for name in EVENTS), transform=transform)


def _in_arguments(*rests: str, transform: Transform | None = None) -> tuple[Alternative, ...]:
    paths = [f"{name}.args.{rest}" for name in HOOKS for rest in rests]
    return places(*paths, transform=transform)


FILES = ("file_arg.path", "path_arg.path")

TETRAGON = SourceMapping(
    "tetragon",
    kinds=(
        Kind(
            (when(*(f"{name}.function_name" for name in HOOKS), is_one_of=CONNECTS),),
            event("network", "start", "connection_attempted"),
        ),
        Kind(
            (when(*(f"{name}.function_name" for name in HOOKS), is_one_of=CREATIONS),),
            event("file", "creation", "creation"),
        ),
        Kind(
            (when(*(f"{name}.tags" for name in HOOKS), is_one_of=(CREATION_TAG,)),),
            event("file", "creation", "creation"),
        ),
        Kind((has("process_exec.process.binary"),), event("process", "start", "exec")),
        Kind((has("process_exit.process.binary"),), event("process", "end", "end")),
    ),
    fields={
        "@timestamp": places("time"),
        **host_fields("node_name"),
        "process.entity_id": _in_events("process.exec_id"),
        "process.executable": _in_events("process.binary"),
        "process.name": _in_events("process.binary", BASENAME),
        "process.pid": _in_events("process.pid"),
        "process.args": _in_events("process.arguments", WORDS),
        "process.command_line": (
            *(
                Joined((path(f"{name}.process.binary"), path(f"{name}.process.arguments")), " ")
                for name in EVENTS
            ),
            *_in_events("process.binary"),
        ),
        "process.working_directory": _in_events("process.cwd"),
        "process.parent.entity_id": _in_events("process.parent_exec_id"),
        "process.parent.executable": _in_events("parent.binary"),
        "process.parent.name": _in_events("parent.binary", BASENAME),
        "process.parent.pid": _in_events("parent.pid"),
        "user.id": _in_events("process.uid", TEXT),
        "container.id": _in_events("process.docker"),
        "container.name": _in_events("process.pod.container.name"),
        "container.image.name": _in_events("process.pod.container.image.name"),
        "orchestrator.namespace": _in_events("process.pod.namespace"),
        "orchestrator.resource.name": _in_events("process.pod.name"),
        "destination.ip": _in_arguments("sock_arg.daddr", "sockaddr_arg.addr"),
        "destination.port": _in_arguments("sock_arg.dport", "sockaddr_arg.port"),
        "source.ip": _in_arguments("sock_arg.saddr"),
        "source.port": _in_arguments("sock_arg.sport"),
        "file.path": _in_arguments(*FILES),
        "file.name": _in_arguments(*FILES, transform=BASENAME),
        "file.extension": _in_arguments(*FILES, transform=EXTENSION),
    },
)
