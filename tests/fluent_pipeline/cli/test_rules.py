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
