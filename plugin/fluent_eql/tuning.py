"""What a configuration changes of rules without a change to their files.

Which of them run, with which severity, and which events are nothing to them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from fluent_eql import options
from fluent_eql.errors import RuleErrors, SourceError, TuningError
from fluent_eql.lang import SequenceQuery, excluding, nodes, parse_condition
from fluent_eql.lang.patterns import wildcard_matcher
from fluent_eql.options import Named, Place, option
from fluent_eql.rules import (
    SEVERITIES,
    Rule,
    RuleFile,
    RuleSet,
    Skipped,
    names_in,
    os_types_of,
)

DISABLED = "disabled in the configuration"


@dataclass(frozen=True, slots=True)
class EventCondition:
    """A condition as it is written, and in normal form."""

    text: str
    expression: nodes.Expression


def condition(text: str) -> EventCondition:
    """Parse an EQL condition. Raises ValueError whose message shows where it is wrong."""
    try:
        return EventCondition(text.strip(), parse_condition(text))
    except SourceError as error:
        excerpt = str(error).partition("\n")[2]
        raise ValueError(f"{error.message}\n{excerpt}" if excerpt else error.message) from error


@dataclass(frozen=True, slots=True)
class RuleException:
    """Events that do not satisfy a stage; ``stage`` counts from 0 on, None is for all of them."""

    stage: int | None = option(
        "stage",
        options.integer(0),
        "the number of the stage, as alerts have it; without it all stages are meant",
        default=None,
    )
    condition: EventCondition = option(
        "condition", condition, "what an event satisfies that is not to satisfy the stage"
    )


def exception(text: str) -> RuleException:
    """Parse an exception from every stage. Raises ValueError as :func:`condition` does."""
    return RuleException(condition=condition(text))


@dataclass(frozen=True, slots=True)
class RuleTuning:
    """The keys under a rule's id; None is what the rule's file says."""

    enabled: bool | None = option(
        "enabled", options.switch, "whether the rule runs, whatever its file says", default=None
    )
    severity: str | None = option(
        "severity",
        options.choice(*SEVERITIES),
        "the severity of its alerts, in the place of the rule's own",
        default=None,
    )
    exceptions: tuple[RuleException, ...] = option(
        "exceptions",
        exception,
        "events that do not satisfy a stage, or none at all",
        default=(),
        many=True,
        schema=RuleException,
    )


@dataclass(frozen=True, slots=True)
class TunedRule:
    """What is changed of the rule ``id``; ``place`` is where the configuration says so."""

    id: str
    tuning: RuleTuning
    place: Place = field(default=Place("tuning"), compare=False)

    def applied_to(self, rule: Rule) -> Rule:
        """The rule as it runs. Raises TuningError for a stage that it does not have."""
        tuning = self.tuning
        excluded = [(item.stage, item.condition) for item in tuning.exceptions]
        for stage, _ in excluded:
            self._check(stage, rule)
        exclusions = [(stage, condition.expression) for stage, condition in excluded]
        return replace(
            rule,
            severity=tuning.severity or rule.severity,
            query=excluding(rule.query, exclusions),
            exceptions=tuple((stage, condition.text) for stage, condition in excluded),
        )

    def error(self, message: str) -> TuningError:
        """An error at the rule's place in the configuration."""
        place, text = self.place, f"tuning {self.id}: {message}"
        return TuningError(text, source=place.source, line=place.line, column=place.column)

    def _check(self, stage: int | None, rule: Rule) -> None:
        stages = len(rule.query.stages) if isinstance(rule.query, SequenceQuery) else 1
        if stage is not None and stage >= stages:
            there_are = f"stages 0 to {stages - 1}" if stages > 1 else "stage 0 only"
            raise self.error(f"there is no stage {stage}: {rule.name} has {there_are}")


def tuned_rule(found: Named) -> TunedRule:
    """What stands under a rule's id."""
    return TunedRule(found.name, found.value, found.place)


def rule_tuning(text: str) -> NoReturn:
    """Refuse what is no map of rules' ids."""
    raise ValueError(f"expected a map of rules' ids, found {text!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFilter:
    """Which rules run: those that each of these accepts; an empty one accepts all.

    All but ``severities`` are compared in any case. A rule that names no operating system is for
    all of them.
    """

    os_types: Collection[str] = ()
    tags: Collection[str] = ()
    tactics: Collection[str] = ()
    severities: Collection[str] = ()

    def reason_against(self, rule: Rule) -> str | None:
        """Why the rule does not run; None where it does."""
        for key, accepts in self._verdicts(rule):
            if not accepts:
                return f"left out by rule_filter.{key}"
        return None

    def _verdicts(self, rule: Rule) -> Iterator[tuple[str, bool]]:
        tactics = [text for item in rule.threats for text in (item.tactic.id, item.tactic.name)]
        yield "os", not self.os_types or _is_for(self.os_types, os_types_of(rule))
        yield "tag", not self.tags or _share(self.tags, rule.tags)
        yield "tactic", not self.tactics or _share(self.tactics, tactics)
        yield "severity", not self.severities or rule.severity in self.severities


def _is_for(wanted: Iterable[str], os_types: Sequence[str]) -> bool:
    """Whether a rule is for one of these systems; its own may be patterns, as in ``win*``."""
    return not os_types or any(map(wildcard_matcher(os_types, insensitive=True), wanted))


def _share(wanted: Iterable[str], found: Iterable[str]) -> bool:
    return not {text.lower() for text in wanted}.isdisjoint(text.lower() for text in found)


def tune(found: RuleSet, tuning: Sequence[TunedRule], wanted: RuleFilter) -> RuleSet:
    """The rules as they run; those that do not are skipped, with the reason.

    Raises RuleErrors with all that is tuned and not there, in the order of the configuration.
    """
    tuned = {item.id: item for item in tuning}
    errors = list(_errors_of_ids(found, tuned))
    files = []
    for file in found.files:
        try:
            files.append(_tuned_file(file, tuned, wanted))
        except TuningError as error:
            errors.append(error)
    if errors:
        raise RuleErrors(sorted(errors, key=lambda error: (error.line, error.column)))
    return RuleSet(files)


def _tuned_file(file: RuleFile, tuned: Mapping[str, TunedRule], wanted: RuleFilter) -> RuleFile:
    rule = file.rule
    if rule is None:
        return file
    item = tuned.get(rule.id)
    if item is not None:
        rule = item.applied_to(rule)
    is_disabled = item is not None and item.tuning.enabled is False
    reason = DISABLED if is_disabled else wanted.reason_against(rule)
    if reason is not None:
        return RuleFile(path=file.path, skipped=Skipped(reason, rule))
    return RuleFile(path=file.path, rule=rule)


def _errors_of_ids(found: RuleSet, tuned: Mapping[str, TunedRule]) -> Iterator[TuningError]:
    """What is wrong with the ids of rules that cannot be tuned.

    A file that is refused, or skipped for its language, has an id, too; it only cannot be enabled.
    """
    names = {text: rule.id for rule in found.rules for text in (rule.name, rule.slug, rule.id)}
    others = [item for item in tuned.values() if item.id not in names.values()]
    if not others:
        return
    idle = {names_in(file.path)[0]: file.skipped for file in found.files if file.rule is None}
    for item in others:
        if item.id not in idle:
            near = difflib.get_close_matches(item.id, names, n=1, cutoff=0.8)
            hint = f"; did you mean {names[near[0]]}?" if near else ""
            yield item.error(f"no rule has this id{hint}")
        elif item.tuning.enabled and (skipped := idle[item.id]):
            yield item.error(f"the rule cannot be enabled: {skipped.reason}")
