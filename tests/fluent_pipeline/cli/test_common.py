from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.errors import RuleErrors
from fluent_pipeline.cli.common import (
    ALERT_COLUMNS,
    alert_row,
    counted,
    duration_option,
    eql_filter,
    printable,
    table,
)

ALERT: dict[str, Any] = {
    "id": "x",
    "rule": {"id": "1", "name": "Rule"},
    "sequence": {
        "by": {"host.id": "h1"},
        "span_ns": 812_000_000,
        "events": [
            {"stage": 0, "process.executable": "/tmp/a", "destination.ip": "1.2.3.4"},
            {"stage": 1, "process.executable": "/tmp/b", "file.path": "/f"},
        ],
    },
}


def test_the_columns_of_a_table_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "LONG"), [["wide cell", "x"], ["y", ""]]) == (
        "A          LONG\nwide cell  x\ny"
    )


def test_what_could_move_a_terminals_cursor_is_not_printed() -> None:
    assert printable("a\x1b[31mb\n\x07é") == "a\ufffd[31mb\ufffd\ufffdé"


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    assert [counted(number, "rule") for number in (0, 1, 2)] == ["0 rules", "1 rule", "2 rules"]


def test_an_alert_is_a_row_of_its_newest_values() -> None:
    row = alert_row(ALERT)
    assert row == ["Rule", "h1", "/tmp/b", "1.2.3.4", "/f", "0.812 s"]
    assert len(row) == len(ALERT_COLUMNS)


def test_a_late_alert_says_so_and_a_hosts_name_takes_its_ids_place() -> None:
    assert alert_row({**ALERT, "late": True}, "web-01")[:2] == ["Rule (late)", "web-01"]


def test_an_alert_of_one_event_has_no_span() -> None:
    alert = {"rule": {"name": "Rule"}, "events": [{"stage": 0, "process.executable": "/x"}]}
    assert alert_row(alert) == ["Rule", "-", "/x", "-", "-", "-"]


def test_a_duration_is_given_as_in_a_configuration() -> None:
    assert duration_option("500ms") == 500_000_000
    with pytest.raises(argparse.ArgumentTypeError, match="soon"):
        duration_option("soon")


def test_a_filter_runs_the_given_rules_or_else_the_shipped_ones(tmp_path: Path) -> None:
    assert len(eql_filter(()).rules) == 1
    with pytest.raises(RuleErrors):
        eql_filter([tmp_path / "none.toml"])
