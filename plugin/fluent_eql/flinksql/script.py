"""Rules as one job: the statements that make tables and views, and what is inserted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fluent_eql.errors import UnsupportedError
from fluent_eql.flinksql.records import Steps, field_steps, keyed_step, told_steps
from fluent_eql.flinksql.refusals import NotExportableError, refused
from fluent_eql.flinksql.screens import LINE, screen_of
from fluent_eql.flinksql.sequences import sequence_steps
from fluent_eql.flinksql.stages import groups_of
from fluent_eql.flinksql.tables import ALERTS, SCREENED, UNREAD, Storage, tables
from fluent_eql.flinksql.text import STAGE, quoted, replaced
from fluent_eql.lang import SequenceQuery
from fluent_eql.rules import Rule

TIME_ZONE = "table.local-time-zone"
REUSE_ROWS = "pipeline.object-reuse"
SHARE_STEPS = "table.optimizer.reuse-optimize-block-with-digest-enabled"
STATE_TTL = "table.exec.state.ttl"
LEAST_TTL = 3600 * 10**9


@dataclass(frozen=True, slots=True)
class View:
    """A query by its name."""

    name: str
    query: str

    @property
    def statement(self) -> str:
        """What makes the view."""
        return f"CREATE TEMPORARY VIEW {self.name} AS\n{self.query}"


@dataclass(frozen=True, slots=True)
class RuleSql:
    """One rule: the views of the events told of, of its alerts, and of the records not read.

    The second and the third read the first.
    """

    rule: Rule
    told: View
    alerts: View
    unread: View

    @property
    def views(self) -> tuple[View, ...]:
        """All three, in the order in which they are made."""
        return self.told, self.alerts, self.unread


@dataclass(frozen=True, slots=True)
class Job:
    """What a cluster runs: settings, the tables, the views, then the inserts as one set.

    ``refused`` are the errors of the rules that are not in it.
    """

    settings: dict[str, str]
    tables: tuple[str, ...]
    views: tuple[View, ...]
    inserts: tuple[str, ...]
    refused: tuple[UnsupportedError, ...]

    def text(self) -> str:
        """The job as a script for Flink's SQL client."""
        parts = [f"SET {quoted(key)} = {quoted(value)}" for key, value in self.settings.items()]
        parts += [*self.tables, *(view.statement for view in self.views)]
        inserts = "\n".join(f"{insert};" for insert in self.inserts)
        return "\n\n".join(f"{part};" for part in parts) + (
            f"\n\nEXECUTE STATEMENT SET\nBEGIN\n{inserts}\nEND;\n"
        )


def compile_job(rules: Sequence[Rule], storage: Storage, reorder_bound: int | None) -> Job:
    """The job of those rules that can be exported.

    ``reorder_bound`` is how much earlier than the latest event one may come, in nanoseconds; None
    decides all when all is read.
    """
    compiled: list[RuleSql] = []
    errors: list[UnsupportedError] = []
    for number, rule in enumerate(rules):
        try:
            compiled.append(compile_rule(rule, number))
        except UnsupportedError as error:
            errors.append(error)
    screen = screen_of(item.rule for item in compiled)
    views = [view for item in compiled for view in item.views]
    inserts = [
        f"INSERT INTO {table}\n" + "\nUNION ALL\n".join(f"SELECT {LINE} FROM {n}" for n in names)
        for table, names in (
            (ALERTS, [item.alerts.name for item in compiled]),
            (UNREAD, [item.unread.name for item in compiled]),
        )
        if names
    ]
    settings = {
        TIME_ZONE: "UTC",
        SHARE_STEPS: "true",
        REUSE_ROWS: "true",
        STATE_TTL: f"{_ttl(compiled) // 10**6} ms",
    }
    made = tables(storage, screen, reorder_bound)
    return Job(settings, tuple(made), tuple(views), tuple(inserts), tuple(errors))


def compile_rule(rule: Rule, number: int = 0) -> RuleSql:
    """A rule's views and queries. Raises UnsupportedError, which names what cannot be said."""
    try:
        return _compiled(rule, number, f"{SCREENED} AND {screen_of([rule])}")
    except NotExportableError as error:
        raise refused(rule, error) from error


def _compiled(rule: Rule, number: int, screen: str) -> RuleSql:
    query = rule.query
    groups = groups_of(query)
    prefix = f"eql_{number}_{re.sub('[^a-z0-9]+', '_', rule.slug)[:40].strip('_')}"
    events = Steps()
    last = told_steps(events, groups, field_steps(events, groups, screen))
    told = View(f"{prefix}_events", events.query("SELECT *", last))
    if isinstance(query, SequenceQuery):
        steps = Steps()
        keyed = keyed_step(steps, groups, told.name)
        complete = sequence_steps(steps, groups, query.maxspan, keyed)
        alerts = steps.query(f"SELECT {_sequence_alert(rule)} AS {LINE}", complete)
    else:
        alerts = f"SELECT {_event_alert(rule)} AS {LINE} FROM {told.name} WHERE reason IS NULL"
    reason = f"JSON_OBJECT('rule' VALUE {quoted(rule.id)}, 'reason' VALUE reason"
    unread = (
        f"SELECT {reason}, 'record' VALUE {LINE}) AS {LINE} FROM {told.name}"
        f" WHERE reason IS NOT NULL AND TRIM({LINE}) <> ''"
    )
    return RuleSql(rule, told, View(f"{prefix}_alerts", alerts), View(f"{prefix}_unread", unread))


def _sequence_alert(rule: Rule) -> str:
    named = f"{quoted(f'[{json.dumps(rule.id)}, ')} || by_keys || ', [' || ids || ']]'"
    body = (
        '\', "sequence": {"by": \' || by_keys || \', "span_ns": \''
        " || CAST(at_ns - began_ns AS STRING) || ', \"events\": [' || told || ']}}'"
    )
    return _alert(rule, named, body)


def _event_alert(rule: Rule) -> str:
    event = replaced("told", (STAGE, "0"))
    named = f"{quoted(f'[{json.dumps(rule.id)}, null, [')} || COALESCE(id, {event}) || ']]'"
    body = f"', \"events\": [' || {event} || ']}}'"
    return _alert(rule, named, body)


def _alert(rule: Rule, named: str, body: str) -> str:
    about = {
        "rule": {"id": rule.id, "name": rule.name},
        "severity": rule.severity,
        "risk_score": rule.risk_score,
    }
    described = quoted('", ' + json.dumps(about)[1:-1])
    identifier = f"SUBSTRING(SHA256({named}), 1, 32)"
    return f'\'{{"id": "\' || {identifier} || {described} || {body}'


def _ttl(compiled: Sequence[RuleSql]) -> int:
    """For how long state without a bound of its own is kept after its last use."""
    queries = [item.rule.query for item in compiled]
    spans = [query.maxspan or 0 for query in queries if isinstance(query, SequenceQuery)]
    return max([LEAST_TTL, *(4 * span for span in spans)])
