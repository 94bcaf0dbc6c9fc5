"""Which test files there are, and the rules that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fluent_eql.rules import RuleFile, read_rules, rule_files

ENDINGS = (".test.yaml", ".test.yml")
"""How the test files of ``X.toml`` end, after the ``X``."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A rule file, what came of it, and its test files."""

    file: RuleFile
    tests: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """``subjects`` in the order of their files; ``orphans`` are test files beside no rule."""

    subjects: tuple[Subject, ...]
    orphans: tuple[Path, ...]


def find(paths: Iterable[Path]) -> Found:
    """The rules that ``paths`` stand for, with their tests.

    A path is a rule file, a test file, which stands for itself and its rule, or a folder of both.
    """
    tests: dict[Path, dict[Path, None]] = {}
    for path in paths:
        for rule, test in _pairs(path):
            known = tests.setdefault(rule, {})
            if test is not None:
                known[test] = None
    orphans = [
        test for rule, those in tests.items() if those and not rule.exists() for test in those
    ]
    rules = [rule for rule, those in tests.items() if not those or rule.exists()]
    files = read_rules(rules).files
    return Found(tuple(Subject(file, tuple(tests[file.path])) for file in files), tuple(orphans))


def rule_beside(test: Path) -> Path:
    """The rule file that a test file is of."""
    stem = next(test.name.removesuffix(end) for end in ENDINGS if test.name.endswith(end))
    return test.with_name(f"{stem}.toml")


def _pairs(path: Path) -> Iterator[tuple[Path, Path | None]]:
    """Rule files, each with none and with each of its test files."""
    if path.name.endswith(ENDINGS) and not path.is_dir():
        yield rule_beside(path), path
        return
    for rule in rule_files([path]):
        yield rule, None
        if not path.is_dir():
            stem = rule.name.removesuffix(".toml")
            beside = [rule.with_name(stem + ending) for ending in ENDINGS]
            yield from ((rule, test) for test in beside if test.exists())
    if path.is_dir():
        for test in sorted(path.rglob("*.test.y*ml")):
            if test.name.endswith(ENDINGS):
                yield rule_beside(test), test
