"""``fluent-eql rules``: what rules there are."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fluent_eql.errors import FluentEqlError
from fluent_eql.lang import SequenceQuery
from fluent_eql.rules import Rule, RuleFile, RuleSet, load_rules, names_in, os_types_of, read_rules
from fluent_eql.screen import Needle, needles_of
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.cli.common import add_rules_option, counted, table

COLUMNS = ("ID", "NAME", "SEVERITY", "KIND", "STAGES", "MAXSPAN", "KEYS", "OS", "RECORDS")


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "rules",
        help="list rules, or show one",
        description="List the rules, or show the one with the given id or name.",
    )
    command.add_argument("rule", metavar="ID", nargs="?", help="the id, slug or name of a rule")
    add_rules_option(command)
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a rule and line")
    form.add_argument(
        "--screen", action="store_true", help="show the bytes that the screen looks for"
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the rules. Raises RuleErrors."""
    paths: list[Path] = options.rules or [shipped_rules()]
    found = read_rules(paths)
    if options.json and not options.rule:
        for file in found.files:
            print(json.dumps(line_of(file)))
        return 0
    rules = load_rules(paths).rules
    for error in found.errors:
        print(error, file=sys.stderr)
    if options.rule:
        rules = [rule for rule in rules if options.rule in (rule.id, rule.slug, rule.name)]
        if not rules:
            raise FluentEqlError(f"no rule has the id or name {options.rule!r}")
    if options.json:
        for rule in rules:
            print(json.dumps(facts(rule)))
    elif options.screen:
        _print_screen(rules)
    elif options.rule:
        _print_rule(rules[0])
    else:
        print(table(COLUMNS, [_row(rule) for rule in rules]))
        _tell_what_is_missing(found)
    return 0


def _tell_what_is_missing(found: RuleSet) -> None:
    parts = [(len(found.errors), "refused"), (len(found.skipped), "skipped")]
    told = [f"{count} {what}" for count, what in parts if count]
    if told:
        print(f"{counted(len(found.rules), 'rule')}, {', '.join(told)}", file=sys.stderr)


def line_of(file: RuleFile) -> dict[str, Any]:
    """What came of a file, as plain values; a rule's with the facts about it."""
    if file.rule is not None:
        return {**facts(file.rule), "status": "ok", "reason": None}
    rule_id, name = names_in(file.path)
    refused = file.error is not None
    reason = file.error.message if file.error else file.skipped.reason if file.skipped else ""
    return {
        "file": str(file.path),
        "id": rule_id,
        "name": name,
        "status": "refused" if refused else "skipped",
        "reason": reason,
        "kind": None,
    }


def facts(rule: Rule) -> dict[str, Any]:
    """What there is to know of a rule, as plain values."""
    query = rule.query
    sequence = query if isinstance(query, SequenceQuery) else None
    maxspan = sequence.maxspan if sequence else None
    return {
        "file": rule.source,
        "id": rule.id,
        "name": rule.name,
        "severity": rule.severity,
        "risk_score": rule.risk_score,
        "kind": "sequence" if sequence else "event",
        "stages": len(sequence.stages) if sequence else 1,
        "maxspan": f"{maxspan / 10**9:g}s" if maxspan is not None else None,
        "keys": [key.name for key in sequence.stages[0].by] if sequence else [],
        "os": list(os_types_of(rule)),
        "screened": all(needles is not None for needles in _needles(rule)),
    }


def _row(rule: Rule) -> list[str]:
    known = facts(rule)
    return [
        rule.id,
        rule.name,
        rule.severity,
        known["kind"],
        str(known["stages"]),
        known["maxspan"] or "-",
        ", ".join(known["keys"]) or "-",
        ", ".join(known["os"]) or "any",
        "screened" if known["screened"] else "all decoded",
    ]


def _print_rule(rule: Rule) -> None:
    print(f"{rule.name}\n{'=' * len(rule.name)}")
    print(f"id          {rule.id}\nfile        {rule.source}")
    print(f"severity    {rule.severity} (risk score {rule.risk_score})")
    for threat in rule.threats:
        names = [f"{item.id} {item.name}" for item in (*threat.techniques, *threat.subtechniques)]
        print(f"{threat.framework}  {threat.tactic.id} {threat.tactic.name}: {', '.join(names)}")
    for reference in rule.references:
        print(f"reference   {reference}")
    print(f"\n{rule.description}\n\n{rule.query_text.strip()}\n")
    if rule.note:
        print(rule.note)


def _print_screen(rules: list[Rule]) -> None:
    for rule in rules:
        print(rule.name)
        for stage, needles in enumerate(_needles(rule)):
            if needles is None:
                print(f"  stage {stage}: nothing certain; every record is decoded")
                continue
            print(f"  stage {stage}: one of")
            for needle in sorted(needles, key=repr):
                print(f"    {_shown(needle)}")


def _shown(needle: Needle) -> str:
    text = json.dumps(needle.text) + (" in any case" if needle.caseless else "")
    return f"{needle.field} = {text}…" if needle.field else f"{text} anywhere"


def _needles(rule: Rule) -> list[frozenset[Needle] | None]:
    return [needles_of(condition.expression) for condition in rule.query.conditions]
