"""A rule as plain values, for people: for a page or an API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from fluent_eql.lang import EventQuery, SequenceQuery, nodes
from fluent_eql.rules import Reference, Rule, Threat, os_types_of


@lru_cache(maxsize=4096)
def about(rule: Rule) -> dict[str, Any]:
    """What there is to know of a rule; treat it as read-only.

    ``stages`` has an object for each event of a sequence, or for the one event: the event category
    (None for ``any``), whether it is one that must be ``missing``, the names of the tested fields.
    ``maxspan_ns`` is None where there is none. Of references only web addresses with TLS are
    given, so that a page may link them.
    """
    query = rule.query
    sequence = query if isinstance(query, SequenceQuery) else None
    return {
        "id": rule.id,
        "name": rule.name,
        "slug": rule.slug,
        "severity": rule.severity,
        "risk_score": rule.risk_score,
        "description": rule.description,
        "version": rule.version,
        "ruleset": rule.ruleset,
        "file": rule.source,
        "kind": "sequence" if sequence else "event",
        "stages": list(_stages_of(query)),
        "keys": [key.name for key in sequence.stages[0].by] if sequence else [],
        "maxspan_ns": sequence.maxspan if sequence else None,
        "os": list(os_types_of(rule)),
        "query": rule.query_text.strip(),
        "exceptions": [{"stage": stage, "condition": text} for stage, text in rule.exceptions],
        "references": [link for link in rule.references if is_web_address(link)],
        "threats": [_threat(threat) for threat in rule.threats],
        "tags": list(rule.tags),
        "note": rule.note,
    }


def is_web_address(text: str) -> bool:
    """Whether a text is an address that a page may link to: ``https`` and a host, nothing odd."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and "@" not in parts.netloc and text.isprintable()


def _stages_of(query: EventQuery | SequenceQuery) -> Iterator[dict[str, Any]]:
    statement = query.ast.statement
    if isinstance(query, EventQuery) or not isinstance(statement, nodes.Sequence):
        category = statement.category if isinstance(statement, nodes.EventFilter) else None
        fields = [name for condition in query.conditions for name in condition.fields]
        yield {"category": category, "missing": False, "fields": fields}
        return
    runs = [1 if term.runs is None else term.runs for term in statement.terms]
    terms = [term for term, times in zip(statement.terms, runs, strict=True) for _ in range(times)]
    for stage, term in zip(query.stages, terms, strict=True):
        fields = list(stage.condition.fields)
        yield {"category": term.filter.category, "missing": stage.missing, "fields": fields}


def _threat(threat: Threat) -> dict[str, Any]:
    return {
        "framework": threat.framework,
        "tactic": _reference(threat.tactic),
        "techniques": [_reference(item) for item in (*threat.techniques, *threat.subtechniques)],
    }


def _reference(item: Reference) -> dict[str, Any]:
    link = item.reference if is_web_address(item.reference) else None
    return {"id": item.id, "name": item.name, "reference": link}
