from __future__ import annotations

import re
from pathlib import Path

import pytest

from fluent_pipeline.cli import main
from support.rules import SHIPPED_SLUG

RULE = """[rule]
name = "{name}"
rule_id = "{name}"
severity = "low"
risk_score = 1
query = '{query}'
"""
GOOD = "any where a == 1"
MISSING = "sequence by host.id with maxspan=1m [any where a == 1] ![any where b == 1]"


def written(folder: Path, **queries: str) -> Path:
    for name, query in queries.items():
        (folder / f"{name}.toml").write_text(RULE.format(name=name, query=query))
    return folder


def exported(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["export", "--to", "flink-sql", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_the_script_alone_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = exported(capsys)
    assert code == 0
    assert out.startswith("SET '")
    assert out.endswith("END;\n")
    assert SHIPPED_SLUG[:40] in out
    assert err == "1 rule exported, 0 refused\n"


def test_the_rules_that_are_named_are_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = exported(capsys, written(tmp_path, one=GOOD, two=GOOD))
    assert code == 0
    assert "eql_0_one_alerts" in out
    assert "eql_1_two_alerts" in out
    assert err == "2 rules exported, 0 refused\n"


def test_a_rule_that_cannot_be_said_is_told_with_its_file_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = exported(capsys, written(tmp_path, good=GOOD, missing=MISSING))
    assert code == 0
    assert "missing_alerts" not in out
    told, *_, summary = err.splitlines()
    assert re.match(rf"{re.escape(str(tmp_path / 'missing.toml'))}:\d+:\d+: .*missing event", told)
    assert summary == "1 rule exported, 1 refused"


def test_where_no_rule_is_left_there_is_no_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = exported(capsys, written(tmp_path, missing=MISSING))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "fluent-eql: no rule can be exported to Flink SQL"


def test_a_wrong_rule_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = exported(capsys, written(tmp_path, wrong="any where a = 1") / "wrong.toml")
    assert (code, out) == (1, "")
    assert f"{tmp_path / 'wrong.toml'}:6:" in err


def test_files_are_read_and_written_by_the_names_that_are_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("--input", "/in/events", "--output", "/out/alerts", "--unread", "/out/unread")
    _, out, _ = exported(capsys, *names)
    paths = re.findall(r"'path' = '(.*)'", out)
    assert paths == ["/in/events", "/out/alerts", "/out/unread"]


def test_topics_are_read_and_written_by_the_names_that_are_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = exported(capsys, "--kafka", "broker:9092", "--input", "endpoint")
    assert re.findall(r"'topic' = '(.*)'", out) == ["endpoint", "alerts", "unread"]
    servers = re.findall(r"'properties.bootstrap.servers' = '(.*)'", out)
    assert servers == ["broker:9092"] * 3
    assert "'connector' = 'filesystem'" not in out


@pytest.mark.parametrize(
    ("arguments", "bound"),
    [([], "0 00:00:10.000"), (["--reorder-bound", "90s"], "0 00:01:30.000")],
)
def test_the_clock_is_behind_the_latest_event_by_the_bound(
    arguments: list[str], bound: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = exported(capsys, *arguments)
    assert f"WATERMARK FOR event_time AS event_time - INTERVAL '{bound}'" in out


@pytest.mark.parametrize("arguments", [[], ["--to", "sigma"], ["--reorder-bound", "soon"]])
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["export", *arguments])
    assert caught.value.code == 2
    assert "usage: fluent-eql export" in capsys.readouterr().err


def test_files_are_written_by_one_task_however_many_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, files, _ = exported(capsys)
    _, topics, _ = exported(capsys, "--kafka", "broker:9092")
    assert files.count("'sink.parallelism' = '1'") == 2
    assert "sink.parallelism" not in topics


def test_a_script_has_its_cluster_save_the_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "SET 'execution.checkpointing.interval' = '10 s';" in exported(capsys)[1]
