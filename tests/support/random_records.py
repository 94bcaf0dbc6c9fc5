"""Random records of few fields and few values, in every spelling that a record may have."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import msgpack

Record = dict[Any, Any]

TEXTS = (
    *("bash", "BASH", "ash", "/tmp/a.sh", "/TMP/A.sh", "a*b", "a?b", "", "12", "0x1F", "-7"),
    *("1.5e3", "x\ny", "Ärger", "ärger", "\u212a\u017f", "ks", "a.b-c", 'say "hi"', "\\d+", "😀x"),
    *("aaa", "abab", "443", "99999999999999999999", "true", "a b\tc", "é", "~a&b|<1-5>@#", "0b1"),
    *("/tmp/a\n.sh", "\n\r\n", "a\u2028b", "ÄRGER", " x ", '""', "xaxbxcx", "b-a-b-a", "x😀y", "𝔘"),
)
NUMBERS = (0, 1, 2, 7, -3, 443, 2.5, 1.0, -0.0, 1e10, 0.0001, 65535, 2**63, -(2**63), 2**64 - 1)
ADDRESSES = (
    *("10.0.0.1", "10.255.0.9", "192.168.7.7", "::1", "::ffff:10.0.0.1", "::FFFF:c0a8:101"),
    *("fe80::1%eth0", "FE80::1", "10.0.0.1%1", "0.0.0.0", "::", "10.0.0", "10.0.0.01"),
    *("2001:db8::", "::ffff:10.0.0.1%2"),
)
NUMERALS = (
    *("12", "0x1F", "-7", "+5", "1.5e3", "99999999999999999999", ".5", "5.", "007", "0b1", "1e"),
    *("0x", "-0x1F", "0x0x1", "7f", "1_000", " 5", "", "-", "٣", "0x8000000000000000", "-0"),
    *("Zz", "-1x", "0o7"),
)
BOOLEANS = (True, False)

TEXT, NUMBER, ADDRESS, BOOLEAN, MIXED = "text", "number", "address", "boolean", "mixed"
NUMERAL = "numeral"
POOLS: dict[str, tuple[Any, ...]] = {
    TEXT: TEXTS,
    NUMBER: NUMBERS,
    ADDRESS: ADDRESSES,
    NUMERAL: NUMERALS,
    BOOLEAN: BOOLEANS,
    MIXED: (*TEXTS[:6], *NUMBERS[:6], *BOOLEANS, *ADDRESSES[:2]),
}
FIELDS = {
    "process.name": TEXT,
    "process.parent.args": TEXT,
    "user-id": TEXT,
    "file.path.where": TEXT,
    "process.pid": NUMBER,
    "destination.port": NUMBER,
    "source.ip": ADDRESS,
    "process.trusted": BOOLEAN,
    "process.code": NUMERAL,
    "any": MIXED,
    "any.x": MIXED,
    'w"ei`rd': MIXED,
}
"""The fields of records, and what most of their values are."""
PARENTS = ("process", "destination", "host", "file.path")
CATEGORIES = ("process", "network", "file")
NO_VALUES: tuple[Any, ...] = (
    *(None, [], [None], {"deep": 1}, [[], [None, {}]]),
    msgpack.ExtType(5, b"x"),
)


@dataclass(frozen=True)
class World:
    """The few values that each field has, which is what makes queries match."""

    values: dict[str, tuple[Any, ...]]

    @classmethod
    def random(cls, random: Random) -> World:
        """Two or three values a field."""
        return cls(
            {
                name: tuple(random.choice(POOLS[kind]) for _ in range(random.choice((2, 2, 3))))
                for name, kind in FIELDS.items()
            }
        )

    def value(self, random: Random, name: str) -> Any:
        """A value of a field, at times one of another type."""
        if random.random() < 0.04:
            return random.choice(POOLS[MIXED])
        return random.choice(self.values[name])


def random_record(random: Random, world: World, given: Mapping[str, Any]) -> Record:
    """A record with most of the fields, and those ``given`` by their names."""
    fields = dict(given)
    for name in FIELDS:
        if random.random() < 0.8:
            fields[name] = _content(random, world, name)
    record: Record = {}
    for name, value in random.sample(list(fields.items()), len(fields)):
        _put(random, record, name, value)
        if name in FIELDS and random.random() < 0.03:
            _put(random, record, name, world.value(random, name))
    if random.random() < 0.1:
        record.setdefault(random.choice(PARENTS), random.choice((None, 5, "x", False)))
    if random.random() < 0.1:
        record = {key: _in_arrays(random, value) for key, value in record.items()}
    return _with_binary_keys(record) if random.random() < 0.05 else record


def _content(random: Random, world: World, name: str) -> Any:
    """What stands in a field's place: mostly a value or a list of some."""
    chance = random.random()
    if chance < 0.6:
        return world.value(random, name)
    if chance < 0.7:
        return copy.deepcopy(random.choice(NO_VALUES))
    values = [world.value(random, name) for _ in range(random.choice((1, 1, 2, 3)))]
    if chance < 0.9:
        return values
    if chance < 0.95:
        return [values[0], [None, *values[1:], {"x": 1}], []]
    return [value.encode() if isinstance(value, str) else value for value in [*values, b"\xff"]]


def _put(random: Random, record: Record, name: str, value: Any) -> None:
    """Put a value into a record under its name, in one of the ways to spell that."""
    parts = name.split(".")
    while len(parts) > 1 and random.random() < 0.6:
        size = random.randint(1, len(parts) - 1)
        inner = record.setdefault(".".join(parts[:size]), {})
        if not isinstance(inner, dict):
            break
        record, parts = inner, parts[size:]
    record[".".join(parts)] = value


def _in_arrays(random: Random, value: Any) -> Any:
    """An object as one of an array's."""
    if not isinstance(value, dict) or random.random() < 0.3:
        return value
    pairs = list(value.items())
    middle = random.randint(0, len(pairs))
    return [dict(pairs[:middle]), 5, [dict(pairs[middle:])], None]


def _with_binary_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.encode(): _with_binary_keys(inner) for key, inner in value.items()}
    return [_with_binary_keys(item) for item in value] if isinstance(value, list) else value
