"""Rules from a query alone, and filters that run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fluent_eql.filter import EqlFilter
from fluent_eql.lang import compile_query
from fluent_eql.rules import Reference, Rule, Threat
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver

SHIPPED_SLUG = "network_connection_followed_by_file_creation"

THREATS = (
    Threat(
        "MITRE ATT&CK",
        Reference("TA1", "Tactic one", "https://example.org/TA1"),
        (Reference("T1", "Technique one", "https://example.org/T1"),),
        (Reference("T1.001", "Part one", "https://example.org/T1/001"),),
    ),
    Threat(
        "MITRE ATT&CK",
        Reference("TA2", "Tactic two", "https://example.org/TA2"),
        (Reference("T2", "Technique two", "https://example.org/T2"),),
        (),
    ),
)


def rule(query: str, *, name: str = "Test rule", **parts: Any) -> Rule:
    """A rule with this query; its id is made from its name."""
    known: dict[str, Any] = {
        "id": f"id-{name}",
        "severity": "low",
        "risk_score": 21,
        "source": "test.toml",
    }
    return Rule(name=name, query=compile_query(query), query_text=query, **(known | parts))


def driver(*rules: Rule, **settings: Any) -> FilterDriver:
    """A driver of the EQL filter with these rules, the shipped ones without any."""
    options = EqlOptions(**settings)
    return FilterDriver(EqlFilter(rules, options) if rules else EqlFilter.create(options))


def driver_without_notes(*rules: Rule, **settings: Any) -> FilterDriver:
    """A driver of the EQL filter with these rules, which may let events wait unread."""
    return FilterDriver(EqlFilter(rules, EqlOptions(**settings)), keeps_notes=False)


def rule_file(folder: Path, name: str, text: str) -> Path:
    """Write a rule file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
