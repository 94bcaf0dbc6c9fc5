"""docs/testing-rules.md says what it shows: its rule passes its tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fluent_pipeline.cli import main
from fluent_pipeline.rule_tests.loader import parse_tests

TEXT = (Path(__file__).parent.parent.parent / "docs" / "testing-rules.md").read_text()
EXAMPLES = re.findall(r"```(?:toml|yaml)\n(.*?)```", TEXT, re.DOTALL)


def test_the_rule_of_the_page_passes_its_tests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule, tests, _ = EXAMPLES
    (tmp_path / "curl.toml").write_text(rule)
    (tmp_path / "curl.test.yaml").write_text(tests)
    code = main(["test", str(tmp_path)])
    assert (code, capsys.readouterr().err.split(",")[0]) == (0, "16 tests of 1 rule")


def test_the_variations_of_the_page_are_three() -> None:
    _, tests, variations = EXAMPLES
    shared = tests.partition("tests:")[0]
    text = f"{shared}tests:\n  - name: varied\n{variations}"
    assert len(parse_tests(text, source="page.yaml")) == 3


def test_the_pieces_of_events_that_the_page_shows_can_be_read() -> None:
    shared = EXAMPLES[1].partition("tests:")[0]
    pieces = re.findall(r"^- .*: `- (.*)`$", TEXT, re.MULTILINE)
    assert len(pieces) == 3
    for piece in pieces:
        text = f"{shared}tests: [{{name: x, alerts: [], stream: [{piece}]}}]"
        assert parse_tests(text, source="page.yaml")
