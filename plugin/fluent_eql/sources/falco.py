"""Falco's alerts as JSON: what a rule's output names is in ``output_fields``, under dotted keys.

The names are those of Falco's supported fields, falco.org/docs/reference/rules/supported-fields.
"""

from __future__ import annotations

from fluent_eql.sources.hosts import host_fields
from fluent_eql.sources.mapping import (
    Alternative,
    Joined,
    Kind,
    SourceMapping,
    event,
    path,
    places,
    when,
)
from fluent_eql.sources.transforms import BASENAME, EXTENSION, TEXT, WORDS, Transform

TYPE = "output_fields.evt.type"
OPENS = ("open", "openat", "openat2", "open_by_handle_at")
FILES = ("fs.path.name", "fd.name")


def _in_output(*names: str, transform: Transform | None = None) -> tuple[Alternative, ...]:
    return places(*(f"output_fields.{name}" for name in names), transform=transform)


FALCO = SourceMapping(
    "falco",
    kinds=(
        Kind(
            (when(TYPE, is_one_of=("connect",)),),
            event("network", "start", "connection_attempted"),
        ),
        Kind(
            (
                when(TYPE, is_one_of=OPENS),
                when("output_fields.evt.is_open_create", is_one_of=("true",)),
            ),
            event("file", "creation", "creation"),
        ),
        Kind((when(TYPE, is_one_of=("creat",)),), event("file", "creation", "creation")),
        Kind(
            (when(TYPE, is_one_of=("execve", "execveat")),),
            event("process", "start", "exec"),
        ),
    ),
    fields={
        "@timestamp": places("time"),
        "event.id": places("uuid"),
        **host_fields("hostname", "output_fields.evt.hostname"),
        "process.entity_id": (
            Joined((path("output_fields.proc.pid"), path("output_fields.proc.pid.ts")), "-"),
            *_in_output("proc.pid"),
        ),
        "process.executable": _in_output("proc.exepath"),
        "process.name": (*_in_output("proc.exepath", transform=BASENAME), *_in_output("proc.name")),
        "process.pid": _in_output("proc.pid"),
        "process.args": _in_output("proc.args", transform=WORDS),
        "process.command_line": _in_output("proc.cmdline"),
        "process.working_directory": _in_output("proc.cwd"),
        "process.parent.executable": _in_output("proc.pexepath"),
        "process.parent.name": (
            *_in_output("proc.pexepath", transform=BASENAME),
            *_in_output("proc.pname"),
        ),
        "process.parent.pid": _in_output("proc.ppid"),
        "user.id": _in_output("user.uid", transform=TEXT),
        "user.name": _in_output("user.name"),
        "container.id": _in_output("container.id"),
        "container.name": _in_output("container.name"),
        "container.image.name": _in_output("container.image.repository"),
        "orchestrator.namespace": _in_output("k8s.ns.name"),
        "orchestrator.resource.name": _in_output("k8s.pod.name"),
        "destination.ip": _in_output("fd.sip", "fd.rip"),
        "destination.port": _in_output("fd.sport", "fd.rport"),
        "source.ip": _in_output("fd.cip", "fd.lip"),
        "source.port": _in_output("fd.cport", "fd.lport"),
        "network.transport": _in_output("fd.l4proto"),
        "file.path": _in_output(*FILES),
        "file.name": _in_output(*FILES, transform=BASENAME),
        "file.extension": _in_output(*FILES, transform=EXTENSION),
    },
)
