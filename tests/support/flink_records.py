"""Random records in the spellings that a job on Flink reads: nested, or by whole names."""

from __future__ import annotations

from random import Random
from typing import Any

from fluent_eql.fields import Fields
from support.random_records import FIELDS, World, random_record

CATEGORY = "event.category"
Record = dict[str, Any]


def readable_record(random: Random, world: World) -> Record:
    """A record with the values of a random one, each field alone, in an array or with nulls."""
    drawn = Fields(random_record(random, world, {}))
    record: Record = {}
    is_flat = random.random() < 0.3
    for name in (*FIELDS, CATEGORY):
        values = [value for value in drawn[name] if not _is_unpaired(value)]
        if not values and random.random() < 0.5:
            continue
        content = _content(random, values)
        if is_flat or name.startswith("any"):
            record[name] = content
        else:
            _put(record, name, content)
    return record


def _is_unpaired(value: Any) -> bool:
    """Whether a text holds a surrogate, which stands for a byte that is no UTF-8."""
    return isinstance(value, str) and any(0xD800 <= ord(char) < 0xE000 for char in value)


def _content(random: Random, values: list[Any]) -> Any:
    if len(values) == 1 and random.random() < 0.6:
        return values[0]
    return random.choice([values, [*values, None], [[], *values]])


def _put(record: Record, name: str, content: Any) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        record = record.setdefault(parent, {})
    record[last] = content
