from __future__ import annotations

import json
from pathlib import Path

import pytest

from fluent_pipeline.cli import main

ID = "6d3b5c0e-9a41-4f0b-8f5e-2c7b1f7a9d64"
NAME = "Network Connection Followed by File Creation"
SLUG = "network_connection_followed_by_file_creation"
UNSCREENED = """[rule]
name = "Everything"
rule_id = "2"
severity = "low"
risk_score = 1
query = 'any where not user.id == "0"'
"""


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["rules", *arguments]) == 0
    return capsys.readouterr().out


def test_the_shipped_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    head, row = printed(capsys).splitlines()
    assert head.split()[:3] == ["ID", "NAME", "SEVERITY"]
    assert ID in row
    assert NAME in row
    assert "5s" in row
    assert "host.id, process.entity_id" in row
    assert "screened" in row


@pytest.mark.parametrize("called", [ID, NAME, SLUG])
def test_a_rule_is_shown_by_its_id_its_name_or_its_slug(
    called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, called)
    for part in (NAME, ID, "T1071.001", "sequence by host.id", "What to look at"):
        assert part in text


def test_a_rule_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "none"]) == 1
    assert "no rule has the id or name 'none'" in capsys.readouterr().err


def test_the_screen_is_shown_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--screen")
    assert text.count('executable = "/dev/shm/"') == 2
    assert "stage 0: one of" in text


def test_a_rule_that_makes_every_record_decoded_is_named_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.toml"
    path.write_text(UNSCREENED)
    assert "every record is decoded" in printed(capsys, "--screen", "--rules", str(path))
    assert "all decoded" in printed(capsys, "--rules", str(path))


def test_the_screen_is_not_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rules", "--json", "--screen"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_with_json_each_rule_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.toml"
    path.write_text(UNSCREENED)
    (line,) = printed(capsys, "--json", "--rules", str(path)).splitlines()
    assert json.loads(line) == {
        "file": str(path),
        "id": "2",
        "name": "Everything",
        "severity": "low",
        "risk_score": 1,
        "kind": "event",
        "stages": 1,
        "maxspan": None,
        "keys": [],
        "os": [],
        "screened": False,
        "status": "ok",
        "reason": None,
    }
    (line,) = printed(capsys, "--json").splitlines()
    assert json.loads(line)["maxspan"] == "5s"
    assert json.loads(line)["os"] == ["linux"]
    assert json.loads(line)["keys"] == ["host.id", "process.entity_id"]


def test_with_json_every_file_is_a_line_whatever_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = UNSCREENED.replace('any where not user.id == "0"', "sample by x [a where true]")
    (tmp_path / "1.toml").write_text(UNSCREENED)
    (tmp_path / "2.toml").write_text(sample.replace('rule_id = "2"', 'rule_id = "3"'))
    (tmp_path / "3.toml").write_text(UNSCREENED + 'language = "kuery"\n')
    (tmp_path / "4.toml").write_text("no toml")
    lines = printed(capsys, "--json", "--rules", str(tmp_path)).splitlines()
    found = [json.loads(line) for line in lines]
    assert [(item["id"], item["name"], item["status"]) for item in found] == [
        ("2", "Everything", "ok"),
        ("3", "Everything", "refused"),
        ("2", "Everything", "skipped"),
        (None, None, "refused"),
    ]
    assert "sample" in found[1]["reason"]
    assert found[2]["reason"] == "its language is kuery, not eql"
    assert found[3]["reason"].startswith("not TOML")
    assert [item["file"] for item in found] == [str(tmp_path / f"{n}.toml") for n in range(1, 5)]


def test_a_table_says_how_many_files_gave_no_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1.toml").write_text(UNSCREENED)
    (tmp_path / "2.toml").write_text("no toml")
    (tmp_path / "3.toml").write_text(UNSCREENED + 'language = "kuery"\n')
    assert main(["rules", "--rules", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "2.toml:1:" in told.err
    assert "1 rule, 1 refused, 1 skipped" in told.err


CONFIG = """pipeline:
  filters:
    - name: eql
      rules: {folder}/rules
      rule_filter.severity: [high]
      tuning:
        "1": {{severity: high}}
        "2":
          severity: high
          enabled: off
          exceptions:
            - user.name == "backup"
            - {{stage: 0, condition: 'user.id == "7"'}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a rule that runs, one that is disabled and two that are left out."""
    folder = tmp_path / "rules"
    folder.mkdir()
    for number in "123":
        text = UNSCREENED.replace('rule_id = "2"', f'rule_id = "{number}"')
        (folder / f"{number}.toml").write_text(text.replace("Everything", f"Rule {number}"))
    (folder / "4.toml").write_text(UNSCREENED + 'language = "kuery"\n')
    (folder / "5.toml").write_text("no toml")
    path = tmp_path / "relay.yaml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def test_the_rules_of_a_configuration_are_listed_with_what_it_makes_of_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "--config", str(config)]) == 0
    told = capsys.readouterr()
    head, *rows = told.out.splitlines()
    assert head.split()[-1] == "STATUS"
    columns = [(row[: row.index(" ")], row.split("all decoded")[1].strip()) for row in rows]
    assert columns == [
        ("1", "ok"),
        ("2", "skipped: disabled in the configuration"),
        ("3", "skipped: left out by rule_filter.severity"),
    ]
    assert "5.toml:1:" in told.err
    assert "1 rule, 1 refused, 3 skipped" in told.err


def test_with_json_the_files_of_a_configuration_have_status_reason_and_filter(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [json.loads(line) for line in printed(capsys, "--json", "-c", str(config)).splitlines()]
    assert [(item["id"], item["status"], item["kind"]) for item in found] == [
        ("1", "ok", "event"),
        ("2", "skipped", "event"),
        ("3", "skipped", "event"),
        ("2", "skipped", None),
        (None, "refused", None),
    ]
    assert [item["reason"] for item in found[:3]] == [
        None,
        "disabled in the configuration",
        "left out by rule_filter.severity",
    ]
    assert [item["severity"] for item in found[:3]] == ["high", "high", "low"]
    assert {item["filter"] for item in found} == {"eql.0"}


def test_a_rule_of_a_configuration_is_shown_with_its_status_and_its_exceptions(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "2", "--config", str(config))
    assert "severity    high" in text
    assert "status      skipped: disabled in the configuration" in text
    assert 'exception from all stages: user.name == "backup"' in text
    assert 'exception from stage 0: user.id == "7"' in text
    assert "status " not in printed(capsys, "2", "--rules", str(config.parent / "rules/2.toml"))


def test_the_screen_of_a_configuration_is_that_of_the_rules_that_run(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "--screen", "--config", str(config))
    assert "Rule 1" in text
    assert "Rule 2" not in text


def test_of_several_filters_each_line_names_its_own(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text() + f"    - {{name: eql, rules: {config.parent}/rules}}\n")
    head, *rows = printed(capsys, "--config", str(config)).splitlines()
    assert head.startswith("FILTER")
    assert [row.split()[:2] for row in rows] == [
        [f"eql.{filter}", rule] for filter in "01" for rule in "123"
    ]


def test_a_configuration_without_eql_filter_has_no_rules_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "relay.yaml"
    path.write_text("pipeline: {}\n")
    assert main(["rules", "--config", str(path)]) == 1
    assert "expected a filter of the name eql, found none" in capsys.readouterr().err


def test_a_configuration_is_shown_or_rules_are_not_both(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rules", "--config", str(config), "--rules", str(config.parent)])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["rules --config", "check"])
def test_a_tuned_id_that_no_rule_has_is_told_with_its_line(
    command: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text().replace('"2":', '"22":'))
    assert main([*command.split(), str(config)]) == 1
    told = capsys.readouterr()
    assert f"{config}:8:9: tuning 22: no rule has this id" in told.err
    assert ": ok" not in told.out


def test_the_screen_of_a_filter_looks_for_what_its_source_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("pipeline: {filters: [{name: eql, source: falco}]}")
    text = printed(capsys, "--screen", "--config", str(config))
    assert 'exepath = "/tmp/"…' in text
    constant = "{process.executable: {value: x}}"
    config.write_text(f"pipeline: {{filters: [{{name: eql, fields: {constant}}}]}}")
    assert json.loads(printed(capsys, "--json", "--config", str(config)))["screened"] is True


def test_a_rule_whose_events_a_source_writes_as_numbers_is_not_screened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = UNSCREENED.replace('any where not user.id == "0"', 'file where event.type == "creation"')
    (tmp_path / "file.toml").write_text(rule)
    config = tmp_path / "relay.yaml"
    config.write_text(f"pipeline: {{filters: [{{name: eql, source: sysmon, rules: {tmp_path}}}]}}")
    assert json.loads(printed(capsys, "--json", "--config", str(config)))["screened"] is False
    assert "every record is decoded" in printed(capsys, "--screen", "--config", str(config))
    assert "all decoded" in printed(capsys, "--config", str(config))
