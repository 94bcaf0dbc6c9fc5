"""Records and bodies that can mostly be read as rows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from support.random_conditions import records

ENTRY_HEAD = b"\x92\xd7\x00\x65\x00\x00\x00\x00\x00\x00\x00"
"""What stands before the record in an entry."""


def body_of(raws: Iterable[bytes]) -> tuple[bytes, list[int]]:
    """The entries of raw records, and where in them each ends."""
    entries = [ENTRY_HEAD + raw for raw in raws]
    return b"".join(entries), list(accumulate(map(len, entries)))


def nested(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the fields of another, none of whose keys has a dot, and no rare values.

    What then would be in the way of something else is left out.
    """
    found: dict[str, Any] = {}
    for key, value in record.items():
        *way, last = key.split(".")
        inner: Any = found
        for part in way:
            inner = inner.setdefault(part, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and last not in inner:
            inner[last] = nested(value) if isinstance(value, dict) else _usual(value)
    return found


def _usual(value: Any) -> Any:
    if isinstance(value, list):
        return [_usual(item) for item in value if not isinstance(item, list | dict)]
    if isinstance(value, bool | float | bytes):
        return int(value) if isinstance(value, float) else str(value)
    return value


def rowed_records() -> st.SearchStrategy[dict[str, Any]]:
    """Random records, most of which can be read as rows."""
    return st.one_of(records().map(nested), records().map(nested), records())
