"""EQL, the Event Query Language, with the meaning that Elasticsearch gives it."""

from fluent_eql.lang.compile import (
    Condition,
    EventQuery,
    JoinKey,
    SequenceQuery,
    Stage,
    compile_query,
)
from fluent_eql.lang.exclude import excluding, parse_condition
from fluent_eql.lang.nodes import Position
from fluent_eql.lang.source import Origin

__all__ = [
    "Condition",
    "EventQuery",
    "JoinKey",
    "Origin",
    "Position",
    "SequenceQuery",
    "Stage",
    "compile_query",
    "excluding",
    "parse_condition",
]
