"""The Linux audit log as LAUREL writes it: one JSON object an event, with all of its records.

The names are those of laurel-about(7) and laurel(8); ``SYSCALL.SYSCALL`` and ``SOCKADDR.SADDR``
are there where LAUREL translates them (``[translate] universal = true``).
"""

from __future__ import annotations

from fluent_eql.sources.hosts import host_fields
from fluent_eql.sources.mapping import Kind, Resolved, SourceMapping, event, path, places, when
from fluent_eql.sources.transforms import (
    AUDIT_SERIAL,
    AUDIT_TIME,
    BASENAME,
    EXTENSION,
    TEXT,
)

CALL = "SYSCALL.SYSCALL"
CREATED = path("PATH[nametype=CREATE].name")
FOLDER = path("CWD.cwd")
DONE = when("SYSCALL.success", is_one_of=("yes",))
PARENTS = ("SYSCALL.PPID", "SYSCALL.SPAWNED_BY")

AUDITD = SourceMapping(
    "auditd",
    kinds=(
        Kind(
            (when(CALL, is_one_of=("connect",)),),
            event("network", "start", "connection_attempted"),
        ),
        Kind(
            (
                when("PATH.nametype", is_one_of=("CREATE",)),
                when(CALL, is_one_of=("open", "openat", "openat2", "creat")),
                DONE,
            ),
            event("file", "creation", "creation"),
        ),
        Kind(
            (when(CALL, is_one_of=("execve", "execveat")), DONE),
            event("process", "start", "exec"),
        ),
    ),
    fields={
        "@timestamp": places("ID", transform=AUDIT_TIME),
        "event.id": places("ID"),
        "event.sequence": places("ID", transform=AUDIT_SERIAL),
        **host_fields("NODE"),
        "process.entity_id": places("SYSCALL.pid"),
        "process.executable": places("SYSCALL.exe"),
        "process.name": places("SYSCALL.exe", transform=BASENAME),
        "process.pid": places("SYSCALL.pid"),
        "process.args": places("EXECVE.ARGV"),
        "process.working_directory": places("CWD.cwd"),
        "process.parent.executable": places(*(f"{name}.exe" for name in PARENTS)),
        "process.parent.name": places(*(f"{name}.exe" for name in PARENTS), transform=BASENAME),
        "process.parent.pid": places("SYSCALL.ppid"),
        "user.id": places("SYSCALL.uid", transform=TEXT),
        "user.name": places("SYSCALL.UID"),
        "destination.ip": places("SOCKADDR.SADDR.addr"),
        "destination.port": places("SOCKADDR.SADDR.port"),
        "file.path": (Resolved(CREATED, FOLDER),),
        "file.name": (Resolved(CREATED, FOLDER, BASENAME),),
        "file.extension": (Resolved(CREATED, FOLDER, EXTENSION),),
    },
)
