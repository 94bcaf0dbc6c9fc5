from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.rule_tests.files import Found, find, rule_beside

RULE = """[rule]
name = "{name}"
rule_id = "{name}"
severity = "low"
risk_score = 1
query = 'any where true'
"""


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RULE.format(name=path.stem) if name.endswith(".toml") else "")


def told(found: Found, folder: Path) -> dict[str, list[str]]:
    return {
        str(subject.file.path.relative_to(folder)): [path.name for path in subject.tests]
        for subject in found.subjects
    }


def test_a_folder_stands_for_all_rules_below_it_with_their_tests(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", "a.test.yaml", "b.toml", "sub/c.toml", "sub/c.test.yml", "d.yaml")
    found = find([tmp_path])
    assert told(found, tmp_path) == {
        "a.toml": ["a.test.yaml"],
        "b.toml": [],
        "sub/c.toml": ["c.test.yml"],
    }
    assert found.orphans == ()


@pytest.mark.parametrize("name", ["a.toml", "a.test.yaml"])
def test_a_rule_file_or_a_test_file_stands_for_both(name: str, tmp_path: Path) -> None:
    write(tmp_path, "a.toml", "a.test.yaml", "b.toml", "b.test.yaml")
    assert told(find([tmp_path / name]), tmp_path) == {"a.toml": ["a.test.yaml"]}


def test_a_rule_may_have_two_test_files_and_one_of_them_may_be_named(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", "a.test.yaml", "a.test.yml")
    assert told(find([tmp_path / "a.toml"]), tmp_path) == {"a.toml": ["a.test.yaml", "a.test.yml"]}
    assert told(find([tmp_path / "a.test.yml"]), tmp_path) == {"a.toml": ["a.test.yml"]}


def test_what_is_named_twice_is_found_once(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", "a.test.yaml")
    paths = [tmp_path / "a.test.yaml", tmp_path, tmp_path / "a.toml"]
    assert told(find(paths), tmp_path) == {"a.toml": ["a.test.yaml"]}


def test_a_test_file_beside_no_rule_is_an_orphan(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", "b.test.yaml")
    found = find([tmp_path, tmp_path / "c.test.yaml"])
    assert told(found, tmp_path) == {"a.toml": []}
    assert found.orphans == (tmp_path / "b.test.yaml", tmp_path / "c.test.yaml")


def test_the_rule_of_a_test_file_has_its_name(tmp_path: Path) -> None:
    assert rule_beside(Path("x", "a.b.test.yaml")) == Path("x", "a.b.toml")
    assert rule_beside(Path("a.test.yml")) == Path("a.toml")


def test_a_rule_that_is_not_there_is_refused(tmp_path: Path) -> None:
    [subject] = find([tmp_path / "none.toml"]).subjects
    assert subject.file.error is not None
    assert "cannot be read" in subject.file.error.message
