"""What the code under test says of a record."""

from __future__ import annotations

from typing import Any

from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields, Projection
from fluent_eql.lang import EventQuery, compile_query


def verdicts(text: str, record: dict[Any, Any]) -> set[bool]:
    """Whether a record satisfies a query, the record whole and only what the query asks for."""
    query = compile_query(text)
    assert isinstance(query, EventQuery)
    raw = encode_value(record)
    condition = query.condition
    projection = Projection(condition.fields)
    return {
        condition.matches(Fields(decode_record(raw))),
        condition.matches(projection.fields(raw)),
    }
