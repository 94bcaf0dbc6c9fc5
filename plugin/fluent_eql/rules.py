"""Rule files: TOML in the layout of Elastic's public detection rules, one rule a file.

Read are ``[rule]`` name, rule_id, severity, risk_score, query (required), language, description,
references, tags, note, version, type, enabled, ``[[rule.threat]]``, and ``[metadata]`` ruleset and
maturity. Other keys are allowed and ignored. Files whose language or type is not EQL, that are
deprecated or not enabled are skipped and counted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from fluent_eql.errors import RuleErrors, RuleFileError, SourceError
from fluent_eql.lang import EventQuery, Origin, SequenceQuery, compile_query, nodes

SEVERITIES = ("low", "medium", "high", "critical")
TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
RULE_HEADER = re.compile(r"^[ \t]*\[rule\]", re.MULTILINE)
QUERY_START = re.compile(r"^[ \t]*query[ \t]*=[ \t]*('''\n?|\"\"\"\n?|'|\")", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reference:
    """One tactic, technique or subtechnique: its id, name and address."""

    id: str
    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class Threat:
    """One tactic of a framework with the techniques that the rule maps to it."""

    framework: str
    tactic: Reference
    techniques: tuple[Reference, ...]
    subtechniques: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A rule, ready to run. Rules compare by identity.

    ``slug`` is its name in lower case with underscores, or its id where that leaves nothing.
    ``exceptions``, each the number of a stage (None for all) and a condition, are what ``query``
    has been kept from beyond ``query_text``.
    """

    id: str
    name: str
    severity: str
    risk_score: int
    query: EventQuery | SequenceQuery
    query_text: str
    source: str
    description: str = ""
    version: str | None = None
    ruleset: str | None = None
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    threats: tuple[Threat, ...] = ()
    exceptions: tuple[tuple[int | None, str], ...] = ()

    @property
    def slug(self) -> str:
        return _slug(self.name) or _slug(self.id)

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """What tells the rule's metrics from those of others; two rules may have one name."""
        return ("rule", self.slug), ("rule_id", self.id)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleFile:
    """What came of one file: a rule, what is wrong with it, or why it is skipped."""

    path: Path
    rule: Rule | None = None
    error: SourceError | None = None
    skipped: Skipped | None = None


@dataclass(slots=True)
class RuleSet:
    """What a load found, in the order of the files."""

    files: list[RuleFile] = field(default_factory=list)

    @property
    def rules(self) -> list[Rule]:
        """The rules, ready to run."""
        return [file.rule for file in self.files if file.rule is not None]

    @property
    def errors(self) -> list[SourceError]:
        """What is wrong with the files that gave none."""
        return [file.error for file in self.files if file.error is not None]

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """The files that are left out, and why."""
        return [(str(file.path), file.skipped.reason) for file in self.files if file.skipped]


def load_rules(paths: Sequence[Path], *, event_category_field: str = "event.category") -> RuleSet:
    """Read every rule file named, and every ``*.toml`` below every folder named.

    A wrong file does not keep the others from being loaded; two files with one rule id make the
    second wrong. Raises RuleErrors with all that is wrong where no rule is found at all.
    """
    found = read_rules(paths, event_category_field=event_category_field)
    require_rules(found, paths)
    return found


def require_rules(found: RuleSet, paths: Sequence[Path]) -> None:
    """Raise RuleErrors with all that is wrong where the files of ``paths`` hold no rule at all."""
    if any(file.rule or (file.skipped and file.skipped.rule) for file in found.files):
        return
    errors = found.errors
    if not errors:
        where = ", ".join(str(path) for path in paths) or "no path"
        errors = [RuleFileError("expected at least one EQL rule file (*.toml)", source=where)]
    raise RuleErrors(errors)


def read_rules(
    paths: Iterable[Path],
    *,
    event_category_field: str = "event.category",
    enabled: Sequence[str] = (),
) -> RuleSet:
    """What :func:`load_rules` reads, be there a rule or none.

    Rules whose id is among ``enabled`` run also if their files say that they are deprecated or not
    enabled.
    """
    used: dict[str, Path] = {}
    files = []
    for path in rule_files(paths):
        try:
            rule = read_rule(path, event_category_field=event_category_field, enabled=enabled)
            if isinstance(rule, Skipped):
                files.append(RuleFile(path=path, skipped=rule))
                continue
            if rule.id in used:
                message = f"the rule id {rule.id} is already used in {used[rule.id]}"
                raise _Text(str(path), path.read_text("utf-8")).error(message, "rule_id")
            used[rule.id] = path
            files.append(RuleFile(path=path, rule=rule))
        except SourceError as error:
            files.append(RuleFile(path=path, error=error))
    return RuleSet(files)


def names_in(path: Path) -> tuple[str | None, str | None]:
    """The id and the name in a rule file, as far as it can be read."""
    try:
        body = tomllib.loads(path.read_text("utf-8")).get("rule")
    except (OSError, ValueError):
        return None, None
    values = [body.get(key) if isinstance(body, dict) else None for key in ("rule_id", "name")]
    rule_id, name = (value if isinstance(value, str) else None for value in values)
    return rule_id, name


def os_types_of(rule: Rule) -> tuple[str, ...]:
    """The values of ``host.os.type`` of which the rule asks for one; none where any will do.

    A condition asks for what its tests for equality, membership and patterns say; alternatives ask
    for something only where each of them does. Stages may differ.
    """
    asked = [_asked_os(condition.expression) for condition in rule.query.conditions]
    return tuple(dict.fromkeys(chain.from_iterable(asked)))


def _asked_os(expression: nodes.Expression) -> tuple[str, ...]:
    match expression:
        case nodes.And(operands=parts):
            asked = [values for part in parts if (values := _asked_os(part))]
            return min(asked, key=len, default=())
        case nodes.Or(operands=parts):
            asked = [_asked_os(part) for part in parts]
            return tuple(chain.from_iterable(asked)) if all(asked) else ()
        case nodes.Comparison("==", nodes.Field("host.os.type"), nodes.Literal() as literal):
            return _texts_of([literal])
        case nodes.Membership(operand=nodes.Field("host.os.type"), values=values):
            return _texts_of(values)
        case nodes.PatternMatch(operand=nodes.Field("host.os.type"), patterns=patterns):
            return () if expression.operator.startswith("regex") else _texts_of(patterns)
    return ()


def _texts_of(values: Iterable[nodes.Expression]) -> tuple[str, ...]:
    literals = [value.value for value in values if isinstance(value, nodes.Literal)]
    return tuple(value for value in literals if isinstance(value, str))


def rule_files(paths: Iterable[Path]) -> list[Path]:
    """The files that ``paths`` stand for: files as they are, folders as their ``*.toml``."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.rglob("*.toml")) if path.is_dir() else [path]
    return list(dict.fromkeys(files))


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that holds no EQL rule, or one that is not to run, and why.

    ``rule`` is the rule where only the configuration leaves it out.
    """

    reason: str
    rule: Rule | None = None


def read_rule(
    path: Path, *, event_category_field: str = "event.category", enabled: Sequence[str] = ()
) -> Rule | Skipped:
    """Read one rule file. Raises SourceError with file, line and column."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleFileError(f"cannot be read: {error}", source=str(path)) from error
    return parse_rule(
        text, source=str(path), event_category_field=event_category_field, enabled=enabled
    )


def parse_rule(
    text: str,
    *,
    source: str,
    event_category_field: str = "event.category",
    enabled: Sequence[str] = (),
) -> Rule | Skipped:
    """Read one rule from the text of its file. Raises SourceError with line and column."""
    file = _Text(source, text)
    document = file.parse()
    body = file.table(document, "rule")
    metadata = file.table(document, "metadata") if "metadata" in document else {}
    if reason := _reason_to_skip(body, metadata, enabled):
        return Skipped(reason)
    return Rule(
        id=file.text_value(body, "rule_id"),
        name=file.text_value(body, "name"),
        severity=_severity(file, body),
        risk_score=_risk_score(file, body),
        query=compile_query(
            file.text_value(body, "query"),
            source=source,
            origin=file.query_origin(),
            event_category_field=event_category_field,
        ),
        query_text=file.text_value(body, "query"),
        source=source,
        description=str(body.get("description", "")).strip(),
        version=str(body["version"]) if "version" in body else None,
        ruleset=file.text_value(metadata, "ruleset") if "ruleset" in metadata else None,
        references=file.texts(body, "references"),
        tags=file.texts(body, "tags"),
        note=str(body.get("note", "")).strip(),
        threats=_threats(file, body),
    )


def _reason_to_skip(
    body: Mapping[str, Any], metadata: Mapping[str, Any], enabled: Sequence[str]
) -> str | None:
    for key in ("language", "type"):
        if (value := body.get(key, "eql")) != "eql":
            return f"its {key} is {value}, not eql"
    if body.get("rule_id") in enabled:
        return None
    if metadata.get("maturity") == "deprecated":
        return "its maturity is deprecated"
    return "it is not enabled" if body.get("enabled") is False else None


def _severity(file: _Text, body: Mapping[str, Any]) -> str:
    severity = file.text_value(body, "severity")
    if severity not in SEVERITIES:
        raise file.error(f"expected one of {', '.join(SEVERITIES)}, found {severity!r}", "severity")
    return severity


def _risk_score(file: _Text, body: Mapping[str, Any]) -> int:
    score = body.get("risk_score")
    if not isinstance(score, int) or isinstance(score, bool) or not 0 <= score <= 100:
        message = f"expected risk_score, a whole number from 0 to 100; found {score!r}"
        raise file.error(message, "risk_score" if "risk_score" in body else "[rule]")
    return score


def _threats(file: _Text, body: Mapping[str, Any]) -> tuple[Threat, ...]:
    try:
        return tuple(_threat(item) for item in body.get("threat", ()))
    except (KeyError, TypeError, AttributeError) as error:
        raise file.error(
            "expected [[rule.threat]] with a tactic and techniques that have id, name, reference",
            "threat",
        ) from error


def _threat(item: Mapping[str, Any]) -> Threat:
    techniques = item.get("technique", ())
    return Threat(
        framework=str(item.get("framework", "MITRE ATT&CK")),
        tactic=_reference(item["tactic"]),
        techniques=tuple(_reference(technique) for technique in techniques),
        subtechniques=tuple(
            _reference(part)
            for technique in techniques
            for part in technique.get("subtechnique", ())
        ),
    )


def _reference(item: Mapping[str, Any]) -> Reference:
    return Reference(str(item["id"]), str(item["name"]), str(item.get("reference", "")))


class _Text:
    """A rule file's text, to say where in it something is wrong."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._text = text

    def parse(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            place = TOML_PLACE.search(str(error))
            line, column = (int(place[1]), int(place[2])) if place else (self._lines(), 1)
            message = f"not TOML: {TOML_PLACE.sub('', str(error)).strip()}"
            raise self._at(message, line, column) from error

    def table(self, document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = document.get(key)
        if not isinstance(value, dict):
            raise self._at(f"expected a table [{key}]", 1, 1)
        return value

    def text_value(self, body: Mapping[str, Any], key: str) -> str:
        value = body.get(key)
        if not isinstance(value, str) or not value.strip():
            message = f"expected {key}, a text; found {value!r}"
            raise self.error(message, key if key in body else "[rule]")
        return value

    def texts(self, body: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = body.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"expected {key}, a list of texts; found {value!r}", key)
        return tuple(value)

    def error(self, message: str, key: str) -> RuleFileError:
        """An error at the line that gives ``key``, else at the ``[rule]`` that lacks it."""
        name = re.escape(key)
        key_line = re.compile(rf"^[ \t]*(?:{name}[ \t]*=|\[+rule\.{name}\])", re.MULTILINE)
        found = key_line.search(self._text) or RULE_HEADER.search(self._text)
        line = self._text.count("\n", 0, found.start()) + 1 if found else 1
        return self._at(message, line, 1)

    def query_origin(self) -> Origin:
        """Where the query's first character stands in the file."""
        found = QUERY_START.search(self._text)
        if found is None:
            return Origin(1, 1)
        start = found.end()
        line_start = self._text.rfind("\n", 0, start) + 1
        return Origin(self._text.count("\n", 0, start) + 1, start - line_start + 1)

    def _at(self, message: str, line: int, column: int) -> RuleFileError:
        lines = self._text.splitlines()
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        return RuleFileError(message, source=self._source, line=line, column=column, text=text)

    def _lines(self) -> int:
        return max(self._text.count("\n"), 1)
