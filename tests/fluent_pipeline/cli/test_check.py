from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.cli import main

ROOT = Path(__file__).parent.parent.parent.parent
RULE = """[rule]
name = "Shell"
rule_id = "1"
severity = "low"
risk_score = 1
query = 'process where {condition}'
"""
FORWARD = """pipeline:
  outputs:
    - {name: forward, host: 127.0.0.1, %s}
"""


def checked(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, str, str]:
    code = main(["check", *map(str, paths)])
    return code, *capsys.readouterr()


def test_what_is_right_is_told_with_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    config, rules = ROOT / "conf" / "fluent-eql.yaml", ROOT / "conf" / "rules"
    code, out, err = checked(capsys, config, rules)
    assert (code, err) == (0, "")
    assert f"{config}: ok (1 input, 1 filter, 1 output, 1 rule)" in out
    assert f"{rules}: ok (1 rule)" in out


def test_which_relative_path_won_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = checked(capsys, ROOT / "conf" / "fluent-eql.yaml")
    assert str(ROOT / "conf" / "rules") in out


def test_a_wrong_configuration_is_told_with_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("pipeline:\n  outputs:\n    - name: forward\n      port: many\n")
    code, out, err = checked(capsys, path)
    assert (code, out) == (1, "")
    assert err.startswith(f"{path}:4:13: port: expected a whole number")


def test_what_run_would_refuse_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "relay.yaml"
    path.write_text(FORWARD % "storage.type: filesystem")
    code, out, err = checked(capsys, path)
    assert code == 1
    assert ": ok" not in out
    assert err.startswith(f"{path}:3:7: storage.type filesystem needs storage.path")


def test_a_certificate_that_cannot_be_used_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.crt").write_text("no certificate")
    path = tmp_path / "relay.yaml"
    path.write_text(FORWARD % "tls: on, tls.ca_file: bad.crt")
    code, _, err = checked(capsys, path)
    assert code == 1
    assert err.startswith(f"{path}:3:7: ")


def test_a_check_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "relay.yaml"
    storage = tmp_path / "storage"
    path.write_text(
        f"service: {{storage.path: {storage}}}\n" + FORWARD % "storage.type: filesystem"
    )
    code, out, _ = checked(capsys, path)
    assert code == 0
    assert "1 output" in out
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_query_is_told_with_its_line_in_the_file_and_a_caret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(RULE.format(condition="user.id = 5"))
    code, _, err = checked(capsys, path)
    assert code == 1
    place, text, caret = err.splitlines()[:3]
    assert place.startswith(f"{path}:6:32: ")
    assert text[caret.index("^")] == "="


def test_all_that_is_wrong_is_told_and_what_is_right_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, good = (tmp_path / name for name in ("a.toml", "b.toml", "c.toml"))
    first.write_text(RULE.format(condition="nosuch(x) > 1"))
    second.write_text("no toml")
    good.write_text(RULE.format(condition="true"))
    code, out, err = checked(capsys, first, second, good)
    assert code == 1
    assert f"{first}:6:" in err
    assert "nosuch" in err
    assert f"{second}:1:" in err
    assert f"{good}: ok (1 rule)" in out


def test_a_wrong_rule_of_a_folder_is_told_and_fails_only_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text(RULE.format(condition="nosuch(x) > 1"))
    (tmp_path / "good.toml").write_text(RULE.format(condition="true"))
    code, out, err = checked(capsys, tmp_path)
    assert (code, out) == (0, f"{tmp_path}: ok (1 rule, 1 refused)\n")
    assert "bad.toml:6:" in err
    assert main(["check", "--strict", str(tmp_path)]) == 1
    strict = capsys.readouterr()
    assert "bad.toml:6:" in strict.err
    assert strict.out == ""


def test_what_is_accepted_and_has_no_effect_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "piped.toml"
    path.write_text(RULE.format(condition="true | head 5"))
    code, _, err = checked(capsys, path)
    assert code == 0
    assert "warning: " in err
    assert "head" in err


def test_rules_of_other_languages_are_counted_as_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = RULE.format(condition="true")
    (tmp_path / "eql.toml").write_text(text)
    (tmp_path / "kuery.toml").write_text(text.replace('"1"', '"2"') + 'language = "kuery"\n')
    code, out, _ = checked(capsys, tmp_path)
    assert code == 0
    assert "1 rule, 1 skipped" in out


@pytest.mark.parametrize("name", ["none.yaml", "none.toml"])
def test_a_file_that_is_not_there_is_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = checked(capsys, tmp_path / name)
    assert code == 1
    assert name in err


def test_rules_that_a_configuration_leaves_out_are_counted_as_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.toml").write_text(RULE.format(condition="true"))
    other = RULE.format(condition="true").replace('"1"', '"2"').replace("low", "high")
    (tmp_path / "two.toml").write_text(other)
    config = tmp_path / "relay.yaml"
    config.write_text(
        "pipeline:\n  filters:\n    - name: eql\n      match: '*'\n"
        f"      rules: {tmp_path}\n      rule_filter: {{severity: high}}\n"
    )
    code, out, err = checked(capsys, config)
    assert (code, err) == (0, "")
    assert f"{config}: ok (0 inputs, 1 filter, 1 output, 1 rule, 1 skipped)" in out
