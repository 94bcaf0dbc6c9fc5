"""``fluent-eql test``: do rules give the alerts that their tests expect?"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluent_eql.rules import Rule
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.cli.common import counted, printable
from fluent_pipeline.errors import ConfigError, FluentPipelineError
from fluent_pipeline.rule_tests.files import Subject, find, rule_beside
from fluent_pipeline.rule_tests.loader import read_tests
from fluent_pipeline.rule_tests.model import Alerts
from fluent_pipeline.rule_tests.runner import Verdict, run_test


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "test",
        help="run the tests of rules",
        description="Run the tests in X.test.yaml beside a rule X.toml, and tell where a rule "
        "gives other alerts than expected.",
    )
    command.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="*",
        help="a rule file, a test file or a folder of both (default: the shipped rule)",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a test")
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print what failed; 1 where anything did, or could not be run.

    Raises RuleErrors, and FluentPipelineError where there is no test at all.
    """
    paths: list[Path] = options.paths or [shipped_rules()]
    found = find(paths)
    run = _Run(as_json=options.json, named=frozenset(paths))
    for test in found.orphans:
        run.refuse(f"{test}: expected the rule beside it, {rule_beside(test).name}")
    for subject in found.subjects:
        run.take(subject)
    return run.finish()


@dataclass(slots=True)
class _Run:
    """Runs the tests of rules one after the other, and counts."""

    as_json: bool
    named: frozenset[Path]
    tests: int = 0
    failed: int = 0
    tested_rules: int = 0
    untested: int = 0
    refused: int = 0
    skipped: int = 0
    wrong_files: int = 0
    is_incomplete: bool = False

    def refuse(self, message: str) -> None:
        """Tell what is wrong with a test file."""
        print(message, file=sys.stderr)
        self.wrong_files += 1
        self.is_incomplete = True

    def take(self, subject: Subject) -> None:
        """Run the tests of a rule file.

        One that is refused and has no tests is only told, unless it was named itself.
        """
        file = subject.file
        if file.error is not None:
            self.refused += 1
            print(file.error, file=sys.stderr)
            self.is_incomplete |= bool(subject.tests) or file.path in self.named
        elif file.skipped is not None:
            self.skipped += 1
            for path in subject.tests:
                print(f"{path}: not run, {file.path}: {file.skipped.reason}", file=sys.stderr)
        elif file.rule is None or not subject.tests:
            self.untested += 1
        else:
            self.tested_rules += 1
            for path in subject.tests:
                self._run(file.rule, path)

    def finish(self) -> int:
        """Print the summary; the exit code.

        Raises FluentPipelineError where there was nothing to run.
        """
        if not self.tests and not self.is_incomplete:
            raise FluentPipelineError("no tests to run: expected X.test.yaml beside a rule X.toml")
        parts = [
            f"{counted(self.tests, 'test')} of {counted(self.tested_rules, 'rule')}",
            f"{self.failed} failed",
            f"{counted(self.untested, 'rule')} without tests",
        ]
        told = (self.refused, "refused"), (self.skipped, "skipped")
        parts += [f"{number} {what}" for number, what in told if number]
        if self.wrong_files:
            parts.append(f"{counted(self.wrong_files, 'test file')} wrong")
        print(", ".join(parts), file=sys.stderr)
        return int(self.is_incomplete or self.failed > 0)

    def _run(self, rule: Rule, path: Path) -> None:
        try:
            tests = read_tests(path)
        except ConfigError as error:
            self.refuse(str(error))
            return
        for test in tests:
            verdict = run_test(rule, test)
            self.tests += 1
            self.failed += not verdict.passed
            if self.as_json:
                print(json.dumps(_facts(rule, path, verdict)))
            elif not verdict.passed:
                print(_failure(rule, path, verdict))


def _failure(rule: Rule, path: Path, verdict: Verdict) -> str:
    expected, found = _shown(verdict, verdict.expected), _shown(verdict, verdict.found)
    place = f"{path}:{verdict.test.line}"
    told = f"{rule.name}: {verdict.test.title}: expected {expected}, found {found}"
    return f"{place}: {printable(told)}"


def _shown(verdict: Verdict, alerts: Alerts) -> str:
    """Alerts with their events' ids, as they could stand in the test file."""
    ids = [sent.id for sent in verdict.test.stream]
    events = [f"[{', '.join(ids[number - 1] for number in alert)}]" for alert in alerts]
    return " and ".join(events) or "no alert"


def _facts(rule: Rule, path: Path, verdict: Verdict) -> dict[str, Any]:
    test = verdict.test
    return {
        "file": str(path),
        "line": test.line,
        "rule": {"id": rule.id, "name": rule.name},
        "test": test.name,
        "variation": test.variation or None,
        "status": "passed" if verdict.passed else "failed",
        "expected": verdict.expected,
        "found": verdict.found,
    }
