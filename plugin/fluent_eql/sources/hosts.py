"""What a record calls its host where it has neither ``host.id`` nor a name of its source's own."""

from __future__ import annotations

from fluent_eql.sources.mapping import Alternative, Fixed, places

NAMES = ("host.name", "hostname", "host", "_HOSTNAME")
"""As agents write it: ECS, Fluent Bit's record_modifier, syslog parsers, the journal."""


def host_fields(*names: str) -> dict[str, tuple[Alternative, ...]]:
    """The fields of the host; ``names`` are where the source writes its name."""
    return {
        "host.id": places("host.id", *names, *NAMES),
        "host.name": places("host.name", *names, *NAMES[1:]),
        "host.os.type": (*places("host.os.type"), Fixed("linux")),
    }
