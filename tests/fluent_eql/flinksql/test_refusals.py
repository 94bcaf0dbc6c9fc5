"""Rules that are not exported: the error says what, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluent_eql.errors import UnsupportedError
from fluent_eql.flinksql import compile_rule
from fluent_eql.flinksql.refusals import NotExportableError, refused
from fluent_eql.lang import Position
from fluent_eql.rules import Rule, load_rules
from support.rules import rule, rule_file

FILE = '''[rule]
name = "Lengths"
rule_id = "1"
severity = "low"
risk_score = 1
query = """
any where process.name == "sh" and
  length(process.name) > 5
"""
'''


def test_the_error_names_the_part_its_file_line_and_column() -> None:
    one = rule("any where true", source="rules/a.toml")
    error = refused(one, NotExportableError("a thing", Position(9, 4, 7)))
    assert isinstance(error, UnsupportedError)
    assert error.message == "not exported to Flink SQL: a thing"
    assert (error.source, error.line, error.column) == ("rules/a.toml", 4, 7)


def test_what_has_no_place_of_its_own_is_at_the_start_of_the_file() -> None:
    error = refused(rule("any where true"), NotExportableError("a thing"))
    assert (error.line, error.column) == (1, 1)


def test_a_part_of_a_rule_file_is_refused_at_its_place_in_the_file(tmp_path: Path) -> None:
    path = rule_file(tmp_path, "lengths.toml", FILE)
    [one] = load_rules([path]).rules
    with pytest.raises(UnsupportedError) as caught:
        compile_rule(one)
    assert str(caught.value).startswith(f"{path}:8:3: not exported to Flink SQL: ")
    assert "a test of what length gives" in str(caught.value)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("any where length(a) > 5", "a test of what length gives"),
        ("any where a + 1 == 2", "a test of what add gives"),
        ('any where (a == "x" or b == 1) == (b == 2)', "a test of a condition's value"),
        ("any where a == b", "a comparison of two fields"),
        ('any where a > "x"', "strings compared by >"),
        ("any where a == 9007199254740993", "the number 9007199254740993, past 9007199254740992"),
        ('any where a == "\\u{01}"', "a control character in the text '\\x01'"),
        ('any where a regex "a&b"', "& in a regular expression"),
        ('any where a regex "~b"', "~ in a regular expression"),
        ('any where a regex "<1-5>"', "<n-m> in a regular expression"),
        ('any where a regex "(ab)*"', "a repeated group in a regular expression"),
        ("any where startsWith(a, b)", "a comparison of two fields"),
        ("any where a == concat(b, c)", "a comparison with what concat gives"),
        ("sequence with maxspan=1s [any where a == 1] ![any where b == 1]", "a missing event"),
        ("sequence [any where a == 1] with runs=101 [any where b == 1]", "with runs of more"),
    ],
)
def test_what_is_not_exported_has_a_name(query: str, name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        compile_rule(rule(query))
    assert name in str(caught.value)


def test_the_place_is_that_of_the_part_not_of_the_query() -> None:
    one: Rule = rule('any where a == 1 and\n  b > "x"')
    with pytest.raises(UnsupportedError) as caught:
        compile_rule(one)
    assert (caught.value.line, caught.value.column) == (2, 5)
