"""``fluent-eql rules``: what rules there are."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluent_eql.errors import FluentEqlError
from fluent_eql.lang import SequenceQuery
from fluent_eql.loading import read_for
from fluent_eql.needles import Needle, needles_of
from fluent_eql.rules import Rule, RuleFile, names_in, os_types_of, read_rules, require_rules
from fluent_eql.settings import EqlOptions
from fluent_eql.shipped import shipped_rules
from fluent_eql.sources import SourceMapping, in_records
from fluent_pipeline.cli.common import add_rules_option, counted, table
from fluent_pipeline.config import load_config
from fluent_pipeline.errors import ConfigError

COLUMNS = ("ID", "NAME", "SEVERITY", "KIND", "STAGES", "MAXSPAN", "KEYS", "OS", "RECORDS")


@dataclass(frozen=True, slots=True)
class _Listed:
    """What came of a file.

    ``filter`` is the alias of the filter that read it, "" for none, ``mapping`` how that sees its
    records.
    """

    filter: str
    file: RuleFile
    mapping: SourceMapping | None = None

    @property
    def rule(self) -> Rule | None:
        """The rule, be it one that runs or one that the configuration leaves out."""
        skipped = self.file.skipped
        return self.file.rule or (skipped.rule if skipped else None)

    @property
    def status(self) -> str:
        return f"skipped: {self.file.skipped.reason}" if self.file.skipped else "ok"


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "rules",
        help="list rules, or show one",
        description="List the rules, or show the one with the given id or name.",
    )
    command.add_argument("rule", metavar="ID", nargs="?", help="the id, slug or name of a rule")
    source = command.add_mutually_exclusive_group()
    add_rules_option(source)
    source.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        help="a configuration: the rules of its eql filters, as it tunes and filters them",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a rule and line")
    form.add_argument(
        "--screen", action="store_true", help="show the bytes that the screen looks for"
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the rules. Raises RuleErrors, and ConfigError for a wrong configuration."""
    listed = _of_configuration(options.config) if options.config else _of_paths(options)
    if options.json and not options.rule:
        for item in listed:
            line = line_of(item.file, item.mapping)
            print(json.dumps(line | ({"filter": item.filter} if item.filter else {})))
        return 0
    for item in listed:
        if item.file.error:
            print(item.file.error, file=sys.stderr)
    if options.rule:
        _print_one(options, [item for item in listed if _is_called(item.rule, options.rule)])
    elif options.screen:
        for item in listed:
            if item.file.rule:
                _print_screen(item.file.rule, item.mapping)
    else:
        _print_table(listed)
    return 0


def _of_paths(options: argparse.Namespace) -> list[_Listed]:
    """What came of the files. Raises RuleErrors where there is no rule to show."""
    paths: list[Path] = options.rules or [shipped_rules()]
    found = read_rules(paths)
    if not options.json or options.rule:
        require_rules(found, paths)
    return [_Listed("", file) for file in found.files]


def _of_configuration(path: Path) -> list[_Listed]:
    """What came of the files of all eql filters of a configuration."""
    filters = [item for item in load_config(path).filters if isinstance(item.options, EqlOptions)]
    if not filters:
        raise ConfigError("expected a filter of the name eql, found none", source=str(path))
    return [
        _Listed(item.alias, file, item.options.mapping)
        for item in filters
        for file in read_for(item.options).files
    ]


def _is_called(rule: Rule | None, name: str) -> bool:
    return rule is not None and name in (rule.id, rule.slug, rule.name)


def _print_one(options: argparse.Namespace, listed: Sequence[_Listed]) -> None:
    """The rules of one id or name: two may have one name, and two filters one rule."""
    rules = [(item.rule, item) for item in listed if item.rule]
    if not rules:
        raise FluentEqlError(f"no rule has the id or name {options.rule!r}")
    for rule, item in rules:
        if options.json:
            print(json.dumps(facts(rule, item.mapping)))
        elif options.screen:
            _print_screen(rule, item.mapping)
        else:
            _print_rule(rule, item.status if options.config else "")


def _print_table(listed: Sequence[_Listed]) -> None:
    """The rules, and how many files gave none; of a configuration with what it makes of them."""
    rows = [(item, _row(item.rule, item.mapping)) for item in listed if item.rule]
    columns = list(COLUMNS)
    if any(item.filter for item in listed):
        columns += ["STATUS"]
        rows = [(item, [*row, item.status]) for item, row in rows]
    if len({item.filter for item in listed}) > 1:
        columns = ["FILTER", *columns]
        rows = [(item, [item.filter, *row]) for item, row in rows]
    print(table(columns, [row for _, row in rows]))
    running = sum(item.file.rule is not None for item in listed)
    refused = sum(item.file.error is not None for item in listed)
    skipped = len(listed) - running - refused
    told = [
        f"{count} {what}" for count, what in ((refused, "refused"), (skipped, "skipped")) if count
    ]
    if told:
        print(f"{counted(running, 'rule')}, {', '.join(told)}", file=sys.stderr)


def line_of(file: RuleFile, mapping: SourceMapping | None = None) -> dict[str, Any]:
    """What came of a file, as plain values; a rule's with the facts about it."""
    if file.rule is not None:
        return {**facts(file.rule, mapping), "status": "ok", "reason": None}
    refused = file.error is not None
    reason = file.error.message if file.error else file.skipped.reason if file.skipped else ""
    status = {"status": "refused" if refused else "skipped", "reason": reason}
    if file.skipped and file.skipped.rule:
        return {**facts(file.skipped.rule, mapping), **status}
    rule_id, name = names_in(file.path)
    return {"file": str(file.path), "id": rule_id, "name": name, **status, "kind": None}


def facts(rule: Rule, mapping: SourceMapping | None = None) -> dict[str, Any]:
    """What there is to know of a rule, as plain values; ``mapping`` is how its records are seen."""
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
        "screened": all(needles is not None for needles in _needles(rule, mapping)),
    }


def _row(rule: Rule, mapping: SourceMapping | None) -> list[str]:
    known = facts(rule, mapping)
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


def _print_rule(rule: Rule, status: str) -> None:
    print(f"{rule.name}\n{'=' * len(rule.name)}")
    print(f"id          {rule.id}\nfile        {rule.source}")
    if status:
        print(f"status      {status}")
    print(f"severity    {rule.severity} (risk score {rule.risk_score})")
    for threat in rule.threats:
        names = [f"{item.id} {item.name}" for item in (*threat.techniques, *threat.subtechniques)]
        print(f"{threat.framework}  {threat.tactic.id} {threat.tactic.name}: {', '.join(names)}")
    for reference in rule.references:
        print(f"reference   {reference}")
    print(f"\n{rule.description}\n\n{rule.query_text.strip()}\n")
    for stage, condition in rule.exceptions:
        where = "all stages" if stage is None else f"stage {stage}"
        print(f"exception from {where}: {condition}")
    if rule.note:
        print(rule.note)


def _print_screen(rule: Rule, mapping: SourceMapping | None) -> None:
    print(rule.name)
    for stage, needles in enumerate(_needles(rule, mapping)):
        if needles is None:
            print(f"  stage {stage}: nothing certain; every record is decoded")
            continue
        print(f"  stage {stage}: one of")
        for needle in sorted(needles, key=repr):
            print(f"    {_shown(needle)}")


def _shown(needle: Needle) -> str:
    if needle.number is not None:
        return f"{needle.field} = {needle.number}"
    text = json.dumps(needle.text) + (" in any case" if needle.caseless else "")
    return f"{needle.field} = {text}…" if needle.field else f"{text} anywhere"


def _needles(rule: Rule, mapping: SourceMapping | None) -> list[frozenset[Needle] | None]:
    conditions = in_records(rule.query.conditions, mapping)
    return [needles_of(condition.expression) for condition in conditions]
