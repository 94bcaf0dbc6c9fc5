"""The keys of the ``eql`` filter's configuration section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fluent_eql import options
from fluent_eql.options import option
from fluent_eql.rules import SEVERITIES
from fluent_eql.sources import ECS, SOURCES, FieldMapping, MappedField, SourceMapping, mapping_of
from fluent_eql.sources.custom import map_of_fields, mapped_field
from fluent_eql.tuning import RuleFilter, RuleTuning, TunedRule, rule_tuning, tuned_rule

PLACEHOLDERS = ("${rule.slug}", "${rule.id}", "${tag}")
"""What an alert tag may hold: the rule's slug and id, and the tag of the completing record."""


def tag_template(text: str) -> str:
    """Parse an alert tag. Raises ValueError for a placeholder that there is not."""
    for placeholder in re.findall(r"\$\{[^}]*\}?", text):
        if placeholder not in PLACEHOLDERS:
            raise ValueError(f"expected one of {', '.join(PLACEHOLDERS)}, found {placeholder}")
    return options.text(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class EqlOptions:
    """Durations are in nanoseconds. A ``reorder_window`` of None waits until the stream ends."""

    rules: tuple[Path, ...] = option(
        "rules",
        options.path,
        "rule files, or folders of rule files; without it the shipped rule runs",
        default=(),
        many=True,
    )
    reorder_window: int | None = option(
        "reorder_window",
        options.duration,
        "how long a record that could complete a sequence waits for events that precede it",
        default=2 * 10**9,
    )
    state_ttl: int | None = option(
        "state.ttl",
        options.duration,
        "how long a join key is remembered; by default 10m, or twice maxspan where that is longer",
        default=None,
    )
    max_entities: int = option(
        "state.max_entities",
        options.integer(1),
        "how many join keys a rule remembers; past it the least recent is forgotten",
        default=100_000,
    )
    max_pending: int = option(
        "state.max_pending",
        options.integer(1),
        "how many events are remembered for each join key and stage",
        default=64,
    )
    source: str = option(
        "source",
        options.choice(ECS, *SOURCES),
        "the program that made the records, whose fields are seen under ECS names",
        default=ECS,
    )
    fields: tuple[MappedField, ...] = option(
        "fields",
        map_of_fields,
        "ECS fields, by their names, and where in the records their values are",
        default=(),
        many=True,
        schema=FieldMapping,
        named=mapped_field,
        short_for="from",
    )
    timestamp_fields: tuple[str, ...] = option(
        "timestamp_field",
        options.text,
        "fields that hold the event's time; the first usable one counts, then the Fluent time",
        default=("@timestamp",),
        many=True,
    )
    tiebreaker_field: str = option(
        "tiebreaker_field",
        options.text,
        "the field that orders events of the same time",
        default="event.sequence",
    )
    event_category_field: str = option(
        "event_category_field",
        options.text,
        "the field that a rule's event category is compared with",
        default="event.category",
    )
    alert_tag: str = option(
        "alert_tag",
        tag_template,
        "the tag of late alerts and copies; knows ${rule.slug}, ${rule.id} and ${tag}",
        default="eql.alert.${rule.slug}",
    )
    alert_copies: bool = option(
        "alert_copies",
        options.switch,
        "send a copy of every tagged record under the alert tag",
        default=False,
    )
    rule_filter_os: tuple[str, ...] = option(
        "rule_filter.os",
        options.text,
        "operating systems whose rules run; a rule that names none always does",
        default=(),
        many=True,
    )
    rule_filter_tags: tuple[str, ...] = option(
        "rule_filter.tag",
        options.text,
        "tags of which a rule has one to run",
        default=(),
        many=True,
    )
    rule_filter_tactics: tuple[str, ...] = option(
        "rule_filter.tactic",
        options.text,
        "ids or names of tactics of which a rule has one to run",
        default=(),
        many=True,
    )
    rule_filter_severities: tuple[str, ...] = option(
        "rule_filter.severity",
        options.choice(*SEVERITIES),
        "severities of which a rule has one to run",
        default=(),
        many=True,
    )
    tuning: tuple[TunedRule, ...] = option(
        "tuning",
        rule_tuning,
        "what is changed of rules, by their ids",
        default=(),
        many=True,
        schema=RuleTuning,
        named=tuned_rule,
    )

    def __post_init__(self) -> None:
        ids = [item.id for item in self.tuning]
        if len(set(ids)) < len(ids):
            raise ValueError("tuning: the id of a rule is given twice")
        names = [item.name for item in self.fields]
        if len(set(names)) < len(names):
            raise ValueError("fields: a field is given twice")

    @property
    def mapping(self) -> SourceMapping | None:
        """How the records' fields are seen; None where they are ECS fields themselves."""
        return mapping_of(self.source, self.fields)

    @property
    def rule_filter(self) -> RuleFilter:
        """Which of the loaded rules run."""
        return RuleFilter(
            os_types=self.rule_filter_os,
            tags=self.rule_filter_tags,
            tactics=self.rule_filter_tactics,
            severities=self.rule_filter_severities,
        )


CHANGEABLE = frozenset({"rules", "rule_filter", "tuning", "alert_tag", "alert_copies"})
"""The keys that may change while a filter runs; what is remembered depends on the others."""


def fixed_keys_changed(before: EqlOptions, after: EqlOptions) -> list[str]:
    """The keys with another value than before that only a restart can change."""
    keys = options.options_of(EqlOptions)
    return [
        key
        for key, (name, _) in keys.items()
        if key not in CHANGEABLE and getattr(before, name) != getattr(after, name)
    ]
