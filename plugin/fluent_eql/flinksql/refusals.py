"""What cannot be said in Flink SQL without a difference is refused by name."""

from __future__ import annotations

from fluent_eql.errors import UnsupportedError
from fluent_eql.lang import Position
from fluent_eql.rules import Rule


class NotExportableError(Exception):
    """A part of a query that Flink SQL cannot run exactly; ``position`` is its place there."""

    def __init__(self, name: str, position: Position | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.position = position


def refused(rule: Rule, error: NotExportableError) -> UnsupportedError:
    """The error for a rule that is not exported; it names what cannot be."""
    place = error.position
    return UnsupportedError(
        f"not exported to Flink SQL: {error.name}",
        source=rule.source,
        line=place.line if place else 1,
        column=place.column if place else 1,
    )
