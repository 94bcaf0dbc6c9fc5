"""Sysmon for Linux's events, its XML made JSON, in four forms.

``System`` and ``EventData`` as objects of the record or of ``Event``, as ``winlog.event_data``, or
all in one object. The names are those of Sysmon's own event schema.
"""

from __future__ import annotations

from fluent_eql.sources.hosts import host_fields
from fluent_eql.sources.mapping import Alternative, Kind, SourceMapping, event, places, when
from fluent_eql.sources.transforms import BASENAME, DATE_TIME, EXTENSION, NUMBER, Transform

DATA = ("EventData.", "Event.EventData.", "winlog.event_data.", "")
SYSTEM = ("System.", "Event.System.", "")
EVENT_IDS = (*(f"{prefix}EventID" for prefix in SYSTEM), "winlog.event_id")
RECORD_IDS = (*(f"{prefix}EventRecordID" for prefix in SYSTEM), "winlog.record_id")
HOSTS = (*(f"{prefix}Computer" for prefix in SYSTEM), "winlog.computer_name")


def _names(name: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for prefix in DATA)


def _data(name: str, transform: Transform | None = None) -> tuple[Alternative, ...]:
    return places(*_names(name), transform=transform)


def _kind(number: str, category: str, type: str, action: str) -> Kind:
    return Kind((when(*EVENT_IDS, is_one_of=(number,)),), event(category, type, action))


SYSMON = SourceMapping(
    "sysmon",
    kinds=(
        Kind(
            (
                when(*EVENT_IDS, is_one_of=("3",)),
                when(*_names("Initiated"), is_one_of=("true", "True")),
            ),
            event("network", "start", "connection_attempted"),
        ),
        _kind("3", "network", "start", "connection_accepted"),
        _kind("11", "file", "creation", "creation"),
        _kind("23", "file", "deletion", "deletion"),
        _kind("1", "process", "start", "exec"),
        _kind("5", "process", "end", "end"),
    ),
    fields={
        "@timestamp": _data("UtcTime", DATE_TIME),
        "event.sequence": places(*RECORD_IDS, transform=NUMBER),
        **host_fields(*HOSTS),
        "process.entity_id": _data("ProcessGuid"),
        "process.executable": _data("Image"),
        "process.name": _data("Image", BASENAME),
        "process.pid": _data("ProcessId", NUMBER),
        "process.command_line": _data("CommandLine"),
        "process.working_directory": _data("CurrentDirectory"),
        "process.parent.entity_id": _data("ParentProcessGuid"),
        "process.parent.executable": _data("ParentImage"),
        "process.parent.name": _data("ParentImage", BASENAME),
        "process.parent.command_line": _data("ParentCommandLine"),
        "process.parent.pid": _data("ParentProcessId", NUMBER),
        "user.name": _data("User"),
        "destination.ip": _data("DestinationIp"),
        "destination.port": _data("DestinationPort", NUMBER),
        "source.ip": _data("SourceIp"),
        "source.port": _data("SourcePort", NUMBER),
        "network.transport": _data("Protocol"),
        "file.path": _data("TargetFilename"),
        "file.name": _data("TargetFilename", BASENAME),
        "file.extension": _data("TargetFilename", EXTENSION),
    },
)
