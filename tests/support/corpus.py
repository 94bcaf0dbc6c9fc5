"""The corpus of tests/corpus: queries, streams of records, and the alerts that must come of them.

Nothing here knows how a query is run: another evaluator can be held to the same cases. The format
of the files is described in tests/corpus/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fluent_eql.event_time import iso_8601
from support.events import SECOND, START, Record

FOLDER = Path(__file__).parent.parent / "corpus"

CASE_KEYS = {"name", "query", "stream", "alerts", "refused", "warning"}
MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
OFFSET = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(ms|[smhd])")
SCALARS = (str, int, float, bool, type(None))

Alert = tuple[int, ...]
"""The numbers of an alert's events in the stream, from 1, in the order of the stages."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """All alerts of the stream, in ascending order.

    The same events twice are two alerts, of two join keys. ``warning`` is a part of what is said
    when the query is compiled; None where the case is not about that.
    """

    found: tuple[Alert, ...]
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The query is an error whose message has this part."""

    part: str


@dataclass(frozen=True, slots=True)
class Case:
    """One query over one stream.

    ``file`` is the file's name without its end, ``row`` the statement of the language that the
    case is about and ``section`` where that stands. The records are complete, in the order of
    their arrival; ``entry_times`` are those of their Fluent entries, in nanoseconds since the
    epoch, which count where a record has no usable ``@timestamp``.
    """

    file: str
    section: str
    row: str
    name: str
    query: str
    stream: tuple[Record, ...]
    entry_times: tuple[int, ...]
    expected: Alerts | Refused

    def __str__(self) -> str:
        return f"{self.file}::{self.name}"


@cache
def cases() -> tuple[Case, ...]:
    """All cases. Raises ValueError, with the file's name, for one that is not in the format."""
    return tuple(case for path in sorted(FOLDER.glob("*.yaml")) for case in _cases_of(path))


def index() -> list[tuple[str, str]]:
    """The sections and rows that README.md lists: rows are indented below their section."""
    block = (FOLDER / "README.md").read_text("utf-8").split("```")[1]
    rows = []
    section = ""
    for line in block.splitlines()[1:]:
        if line.startswith(" "):
            rows.append((section, line.strip()))
        else:
            section = line
    return rows


class _StrictLoader(yaml.CSafeLoader):
    """YAML in which a key that stands twice is an error."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    pairs = [(loader.construct_object(key), value) for key, value in node.value]
    made = {key: loader.construct_object(value, deep=True) for key, value in pairs}
    if len(made) < len(pairs):
        raise ValueError(f"a key stands twice, line {node.start_mark.line + 1}")
    return made


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _cases_of(path: Path) -> Iterator[Case]:
    try:
        with path.open(encoding="utf-8") as text:
            document = yaml.load(text, Loader=_StrictLoader)
        _expect_keys(document, {"section", "rows"})
        names: set[str] = set()
        for row in document["rows"]:
            _expect_keys(row, {"row", "cases"})
            for given in row["cases"]:
                case = _case(path.stem, document["section"], row["row"], given)
                if case.name in names:
                    raise ValueError(f"two cases have the name {case.name}")
                names.add(case.name)
                yield case
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _case(file: str, section: str, row: str, given: Mapping[str, Any]) -> Case:
    name = given["name"]
    if not given.keys() <= CASE_KEYS or ("refused" in given) is ("alerts" in given):
        raise ValueError(f"{name}: expected name, query, and stream and alerts or refused")
    short = given.get("stream", [])
    stream = tuple(_record(record) for record in short)
    entry_times = tuple(START + number * SECOND for number in range(len(stream)))
    expected: Alerts | Refused
    if "refused" in given:
        expected = Refused(given["refused"])
    else:
        expected = Alerts(_alerts(given["alerts"]), given.get("warning"))
        if any(not 1 <= number <= len(stream) for alert in expected.found for number in alert):
            raise ValueError(f"{name}: an alert has a number that is not in the stream")
    return Case(file, section, row, name, given["query"], stream, entry_times, expected)


def _alerts(given: list[Any]) -> tuple[Alert, ...]:
    return tuple(sorted(tuple(a) if isinstance(a, list) else (a,) for a in given))


def _record(short: Mapping[str, Any]) -> Record:
    record = dict(short)
    if "at" in record:
        record["@timestamp"] = iso_8601(START + _nanoseconds(record.pop("at")))
    _check(record)
    return record


def _nanoseconds(offset: str) -> int:
    found = OFFSET.fullmatch(offset)
    if found is None:
        raise ValueError(f"{offset} is no time such as 1.5s")
    return int(Decimal(found[1]) * MILLISECONDS[found[2]] * 10**6)


def _check(value: Any) -> None:
    """YAML makes dates of some texts, which no record can hold."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{key!r} is no name of a field")
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
    elif not isinstance(value, SCALARS):
        raise ValueError(f"{value!r} is no value of a record; quote it")


def _expect_keys(value: Any, keys: set[str]) -> None:
    if not isinstance(value, dict) or value.keys() != keys:
        raise ValueError(f"expected {' and '.join(sorted(keys))}, found {str(value)[:60]}")
