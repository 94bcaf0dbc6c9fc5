"""A query's text and where it stands, for positions and errors."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from fluent_eql.errors import SourceError
from fluent_eql.lang.nodes import Position


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a query's first character stands in its file; both count from 1."""

    line: int = 1
    column: int = 1


class Source:
    """The text of a query in the file ``name``."""

    def __init__(self, text: str, name: str, origin: Origin) -> None:
        self.text = text
        self.name = name
        self._origin = origin
        self._starts = [0]
        self._starts += [offset + 1 for offset, char in enumerate(text) if char == "\n"]

    def position(self, offset: int) -> Position:
        """The place of the character at ``offset``, from 0 to the text's length."""
        index = bisect_right(self._starts, offset) - 1
        column = offset - self._starts[index] + 1 + self._indent(index)
        return Position(offset, self._origin.line + index, column)

    def error(self, kind: type[SourceError], message: str, position: Position) -> SourceError:
        """An error at ``position``, with the line that it stands in."""
        index = position.line - self._origin.line
        start = self._starts[index]
        line = self.text[start:].partition("\n")[0].rstrip("\r")
        return kind(
            message,
            source=self.name,
            line=position.line,
            column=position.column,
            text=" " * self._indent(index) + line,
        )

    def _indent(self, index: int) -> int:
        return self._origin.column - 1 if index == 0 else 0
