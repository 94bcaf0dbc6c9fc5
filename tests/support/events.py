"""Records of a made-up host, and ways to change how a record spells its fields."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from fluent_pipeline.bench import defend

Record = dict[str, Any]

SECOND = 10**9
MILLISECOND = 10**6
START = 1_800_000_000 * SECOND
OUTSIDE = "93.184.216.34"


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""As a field's new value: take the field away."""


class Scene:
    """One host and what happens on it; times are nanoseconds after :data:`START`."""

    def __init__(self, number: int = 1) -> None:
        self.host = defend.host(number)

    def network(
        self,
        time: int = 0,
        *,
        ip: str = OUTSIDE,
        executable: str = "/tmp/agent",
        pid: int = 7,
        **fields: Any,
    ) -> Record:
        """A connection attempt that satisfies the shipped rule's first stage, unless changed."""
        process = self.host.process(executable, pid)
        event = defend.network_event(self.host, process, START + time, ip)
        return with_fields(event, fields)

    def file(
        self,
        time: int = SECOND,
        *,
        path: str = "/opt/out.bin",
        executable: str = "/tmp/agent",
        pid: int = 7,
        **fields: Any,
    ) -> Record:
        """A file creation that satisfies the shipped rule's second stage, unless changed."""
        process = self.host.process(executable, pid)
        event = defend.file_event(self.host, process, START + time, path)
        return with_fields(event, fields)


def with_fields(record: Mapping[str, Any], fields: Mapping[str, Any]) -> Record:
    """A copy with some fields set anew; ``__`` in a name stands for a dot."""
    changed = copy.deepcopy(dict(record))
    for name, value in fields.items():
        *parents, last = name.replace("__", ".").split(".")
        inner = changed
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if value is MISSING:
            inner.pop(last, None)
        else:
            inner[last] = value
    return changed


def flat(record: Mapping[str, Any], prefix: str = "") -> Record:
    """The same record with dotted names in the place of nested objects."""
    pairs: Record = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        pairs |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return pairs


def mixed(record: Mapping[str, Any]) -> Record:
    """The same record with every second object of the first level written with dotted names."""
    pairs: Record = {}
    for number, (key, value) in enumerate(record.items()):
        pairs |= flat({key: value}) if number % 2 else {key: value}
    return pairs


SPELLINGS: dict[str, Callable[[Mapping[str, Any]], Record]] = {
    "nested": dict,
    "flat": flat,
    "mixed": mixed,
}
