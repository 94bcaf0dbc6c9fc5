from __future__ import annotations

import json
from pathlib import Path

import pytest

from fluent_eql.rules import Rule, parse_rule
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.cli import main
from fluent_pipeline.rule_tests.loader import read_tests
from fluent_pipeline.rule_tests.runner import run_test

SHIPPED = shipped_rules() / "network_connection_followed_by_file_creation.toml"
RULE = """[rule]
name = "{name}"
rule_id = "{name}"
severity = "low"
risk_score = 1
query = 'any where {condition}'
"""
TESTS = """\
tests:
  - name: a one
    stream: [{a: 1}]
    alerts: [1]
  - name: others
    each:
      1:
        a: [2, 3]
    stream: [{a: 1}, {a: 4, id: four}]
    alerts: []
"""


def write(folder: Path, name: str, *, condition: str = "a == 1", tests: str | None = None) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(RULE.format(name=name, condition=condition))
    if tests is not None:
        (folder / f"{name}.test.yaml").write_text(tests)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["test", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_tests_that_pass_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "one", tests=TESTS)
    write(tmp_path, "two", tests=TESTS)
    write(tmp_path, "untested")
    code, out, err = run(capsys, tmp_path)
    assert (code, out) == (0, "")
    assert err == "6 tests of 2 rules, 0 failed, 1 rule without tests\n"


def test_a_test_that_fails_is_a_line_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "one", condition="a > 2", tests=TESTS)
    code, out, err = run(capsys, path)
    file = tmp_path / "one.test.yaml"
    assert code == 1
    assert out.splitlines() == [
        f"{file}:2: one: a one: expected [event-1], found no alert",
        f"{file}:8: one: others (1: a = 2): expected no alert, found [four]",
        f"{file}:8: one: others (1: a = 3): expected no alert, found [event-1] and [four]",
    ]
    assert err == "3 tests of 1 rule, 3 failed, 0 rules without tests\n"


def test_with_json_each_test_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "one", condition="a < 3", tests=TESTS)
    code, out, _ = run(capsys, "--json", tmp_path)
    first, second, third = map(json.loads, out.splitlines())
    assert code == 1
    assert first == {
        "file": str(tmp_path / "one.test.yaml"),
        "line": 2,
        "rule": {"id": "one", "name": "one"},
        "test": "a one",
        "variation": None,
        "status": "passed",
        "expected": [[1]],
        "found": [[1]],
    }
    assert (second["variation"], second["status"]) == ("1: a = 2", "failed")
    assert (second["line"], second["expected"], second["found"]) == (8, [], [[1]])
    assert third["status"] == "passed"


def test_a_wrong_test_file_is_told_and_the_others_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "one", tests=TESTS.replace("alerts: [1]", "alert: [1]"))
    write(tmp_path, "two", tests=TESTS)
    code, out, err = run(capsys, tmp_path)
    assert (code, out) == (1, "")
    assert f"{tmp_path}/one.test.yaml:4:5: a test: unknown key alert; did you mean alerts?" in err
    assert err.endswith("3 tests of 2 rules, 0 failed, 0 rules without tests, 1 test file wrong\n")


def test_a_test_file_beside_no_rule_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "one", tests=TESTS)
    (tmp_path / "on.test.yaml").write_text(TESTS)
    code, _, err = run(capsys, tmp_path)
    assert code == 1
    assert f"{tmp_path}/on.test.yaml: expected the rule beside it, on.toml\n" in err


def test_a_refused_rule_fails_where_it_has_tests_or_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "good", tests=TESTS)
    bad = write(tmp_path, "bad", condition="nosuch(a) == 1")
    code, _, err = run(capsys, tmp_path)
    assert code == 0
    assert f"{bad}:6:" in err
    assert err.endswith("0 failed, 0 rules without tests, 1 refused\n")
    assert run(capsys, tmp_path, bad)[0] == 1
    write(tmp_path, "bad", condition="nosuch(a) == 1", tests=TESTS)
    assert run(capsys, tmp_path)[0] == 1


def test_the_tests_of_a_skipped_rule_are_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "good", tests=TESTS)
    off = write(tmp_path, "off", condition="a == 9", tests=TESTS)
    off.write_text(off.read_text() + "enabled = false\n")
    code, out, err = run(capsys, tmp_path)
    assert (code, out) == (0, "")
    assert f"{tmp_path}/off.test.yaml: not run, {off}: it is not enabled\n" in err
    assert err.endswith("3 tests of 1 rule, 0 failed, 0 rules without tests, 1 skipped\n")


@pytest.mark.parametrize("rules", [[], ["untested"]])
def test_without_any_test_the_run_fails(
    rules: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in rules:
        write(tmp_path, name)
    code, out, err = run(capsys, tmp_path)
    assert (code, out) == (1, "")
    assert err == "fluent-eql: no tests to run: expected X.test.yaml beside a rule X.toml\n"


def test_a_path_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "one", tests=TESTS)
    code, _, err = run(capsys, tmp_path, tmp_path / "none.toml")
    assert code == 1
    assert f"{tmp_path}/none.toml:1:1: cannot be read" in err


def test_what_could_move_a_terminals_cursor_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "one", tests=TESTS.replace("a one", '"a\\e[31mone"').replace("[1]", "[]"))
    assert "a\ufffd[31mone" in run(capsys, tmp_path)[1]


def test_the_shipped_rule_passes_its_tests(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys)
    assert (code, out) == (0, "")
    assert err.endswith("tests of 1 rule, 0 failed, 0 rules without tests\n")
    assert int(err.split()[0]) > 500


@pytest.mark.parametrize(
    ("text", "other", "name"),
    [
        ("maxspan=5s", "maxspan=4999ms", "the time between the two may be up to five seconds"),
        ("maxspan=5s", "maxspan=5001ms", "the time between the two may not be longer"),
        ("by host.id, process", "by process", "another process or host is another sequence"),
        ("by host.id", "by ?host.id", "an event without a key takes no part"),
        ('"/run/user/*"', '"/run/*"', "a program in any other place"),
        ('"/boot/*", ', "", "a program in one of the directories"),
        ("process.executable like (", "process.executable like~ (", "a program in any other place"),
        ('"192.31.196.0/24"', '"192.31.196.0/25"', "addresses of the excluded networks"),
        ('"192.31.196.0/24"', '"192.31.196.0/23"', "addresses outside"),
        ('"::/0"', '"::/96"', "addresses outside"),
        ("and not cidrmatch(destination.ip,", "and cidrmatch(destination.ip,", "several addresses"),
        ('not file.name like "tmp*"', 'not file.name like~ "tmp*"', "a file that is almost"),
        (
            "not file.extension in",
            'file.extension != "" and not file.extension in',
            "a file that is",
        ),
        ('"/loki/wal/*", ', "", "an excluded file neither matches nor uses the connection up"),
        ("process.executable : (", "process.executable in (", "an excluded file neither"),
        ('"/tmp/terraform" and', '"/tmp/terraform" or', "another file of terraform"),
    ],
)
def test_a_rule_that_is_changed_fails_a_test(text: str, other: str, name: str) -> None:
    changed = _shipped(text, other)
    tests = [test for test in read_tests(SHIPPED.with_suffix(".test.yaml")) if name in test.name]
    assert tests
    assert not all(run_test(changed, test).passed for test in tests)


def _shipped(text: str, other: str) -> Rule:
    before = SHIPPED.read_text()
    assert text in before
    rule = parse_rule(before.replace(text, other), source="changed.toml")
    assert isinstance(rule, Rule)
    return rule
