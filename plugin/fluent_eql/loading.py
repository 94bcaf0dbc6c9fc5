"""From the filter's settings to the rules that it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fluent_eql.errors import RuleErrors, TuningError
from fluent_eql.rules import RuleSet, read_rules, require_rules
from fluent_eql.settings import EqlOptions
from fluent_eql.shipped import shipped_rules
from fluent_eql.tuning import tune


def load_for(options: EqlOptions) -> RuleSet:
    """What :func:`read_for` reads. Raises RuleErrors where it leaves no rule to run, too."""
    found = read_for(options)
    if not found.rules:
        reasons = Counter(file.skipped.reason for file in found.files if file.skipped)
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        message = f"expected at least one rule to run, found none: {counts}"
        where = ", ".join(map(str, _paths_of(options)))
        raise RuleErrors([*found.errors, TuningError(message, source=where)])
    return found


def read_for(options: EqlOptions) -> RuleSet:
    """The rules that the options name, or the shipped ones, as the options tune and filter them.

    Raises RuleErrors where there is no rule at all, and where something is tuned that is not there.
    """
    paths = _paths_of(options)
    found = read_rules(
        paths,
        event_category_field=options.event_category_field,
        enabled=[item.id for item in options.tuning if item.tuning.enabled],
    )
    require_rules(found, paths)
    return tune(found, options.tuning, options.rule_filter)


def _paths_of(options: EqlOptions) -> Sequence[Path]:
    return options.rules or (shipped_rules(),)
