"""Tracee's events as JSON, of both of its forms.

The older one is ``types/trace/trace.go`` in github.com/aquasecurity/tracee, the newer one
``api/v1beta1/event.proto``.
"""

from __future__ import annotations

from fluent_eql.sources.hosts import host_fields
from fluent_eql.sources.mapping import (
    Alternative,
    Flagged,
    Kind,
    SourceMapping,
    event,
    path,
    places,
    when,
)
from fluent_eql.sources.transforms import BASENAME, EPOCH_NS, EXTENSION, NUMBER, TEXT, Transform

NAMES = ("eventName", "name")
EXECUTABLES = ("executable.path", "workload.process.executable.path")
O_CREAT = 0o100


def _argument(*names: str, transform: Transform | None = None) -> tuple[Alternative, ...]:
    """What an event has of its own; each name is ``argument/part in the old/part in the new``."""
    paths = []
    for text in names:
        argument, old, new = text.split("/")
        paths += [f"args[name={argument}].{old}", f"data[name={argument}].{new}"]
    return places(*paths, transform=transform)


TRACEE = SourceMapping(
    "tracee",
    kinds=(
        Kind(
            (when(*NAMES, is_one_of=("security_socket_connect",)),),
            event("network", "start", "connection_attempted"),
        ),
        Kind(
            (
                when(*NAMES, is_one_of=("security_file_open",)),
                Flagged(
                    (
                        path("args[name=flags].value"),
                        path("data[name=flags].int32"),
                        path("data[name=flags].str"),
                    ),
                    "O_CREAT",
                    O_CREAT,
                ),
            ),
            event("file", "creation", "creation"),
        ),
        Kind(
            (when(*NAMES, is_one_of=("sched_process_exec",)),),
            event("process", "start", "exec"),
        ),
    ),
    fields={
        "@timestamp": places("timestamp", transform=EPOCH_NS),
        **host_fields("hostName"),
        "process.entity_id": places("processEntityId", "workload.process.unique_id"),
        "process.executable": places(*EXECUTABLES),
        "process.name": (
            *places(*EXECUTABLES, transform=BASENAME),
            *places("processName", "workload.process.thread.name"),
        ),
        "process.pid": places("hostProcessId", "workload.process.host_pid"),
        "process.args": _argument("argv/value/str_array.value"),
        "process.parent.entity_id": places("parentEntityId"),
        "process.parent.pid": places("hostParentProcessId"),
        "user.id": places("userId", "workload.process.real_user.id", transform=TEXT),
        "container.id": places("container.id", "containerId", "workload.container.id"),
        "container.name": places("container.name", "workload.container.name"),
        "container.image.name": places("container.image", "workload.container.image.name"),
        "orchestrator.namespace": places("kubernetes.podNamespace", "workload.k8s.namespace.name"),
        "orchestrator.resource.name": places("kubernetes.podName", "workload.k8s.pod.name"),
        "destination.ip": _argument(
            "remote_addr/value.sin_addr/sockaddr.sin_addr",
            "remote_addr/value.sin6_addr/sockaddr.sin6_addr",
        ),
        "destination.port": _argument(
            "remote_addr/value.sin_port/sockaddr.sin_port",
            "remote_addr/value.sin6_port/sockaddr.sin6_port",
            transform=NUMBER,
        ),
        "file.path": _argument("pathname/value/str"),
        "file.name": _argument("pathname/value/str", transform=BASENAME),
        "file.extension": _argument("pathname/value/str", transform=EXTENSION),
    },
)
