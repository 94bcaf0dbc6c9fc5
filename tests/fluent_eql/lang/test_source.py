from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import EqlSemanticError, EqlSyntaxError
from fluent_eql.lang.nodes import Position
from fluent_eql.lang.source import Origin, Source

TEXT = "process where\n\tpid = 1\r\nend"


@pytest.mark.parametrize(
    ("offset", "line", "column"),
    [(0, 1, 1), (8, 1, 9), (13, 1, 14), (14, 2, 1), (15, 2, 2), (24, 3, 1), (27, 3, 4)],
)
def test_lines_and_columns_count_from_one(offset: int, line: int, column: int) -> None:
    assert Source(TEXT, "q", Origin()).position(offset) == Position(offset, line, column)


def test_an_origin_shifts_every_line_but_only_the_first_lines_columns() -> None:
    source = Source(TEXT, "rule.toml", Origin(line=40, column=10))
    assert source.position(8) == Position(8, 40, 18)
    assert source.position(15) == Position(15, 41, 2)


def test_an_error_prints_file_line_column_and_a_caret_under_the_place() -> None:
    source = Source(TEXT, "rule.toml", Origin(line=40, column=10))
    error = source.error(EqlSyntaxError, "expected ==", source.position(19))
    assert isinstance(error, EqlSyntaxError)
    assert str(error) == "rule.toml:41:6: expected ==\n     pid = 1\n         ^"


def test_the_caret_of_an_error_in_the_first_line_is_indented_with_it() -> None:
    source = Source("a = 1", "rule.toml", Origin(line=3, column=10))
    error = source.error(EqlSemanticError, "no", source.position(2))
    head, line, caret = str(error).split("\n")
    assert head == "rule.toml:3:12: no"
    assert line[caret.index("^")] == "="


def test_an_error_at_the_end_points_behind_the_last_character() -> None:
    source = Source("a ==", "q", Origin())
    error = source.error(EqlSyntaxError, "expected a value", source.position(4))
    assert (error.line, error.column, error.text) == (1, 5, "a ==")


@given(st.text("ab\r\n\t"), st.integers(1, 50), st.integers(1, 50), st.data())
def test_the_column_of_an_error_finds_its_character_in_the_errors_text(
    text: str, line: int, column: int, data: st.DataObject
) -> None:
    source = Source(text, "q", Origin(line, column))
    offset = data.draw(st.integers(0, len(text)))
    error = source.error(EqlSyntaxError, "no", source.position(offset))
    assert error.line == line + text.count("\n", 0, offset)
    if offset < len(text) and text[offset] not in "\r\n":
        assert error.text[error.column - 1] == text[offset]
