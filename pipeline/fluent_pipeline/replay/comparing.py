"""What two sets of rules find in the same stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from fluent_pipeline.replay.found import Found


@dataclass(slots=True)
class Comparison:
    """The alerts of A alone, of B alone, and of both, these as B has them; each by time."""

    only_a: list[Found] = field(default_factory=list)
    only_b: list[Found] = field(default_factory=list)
    both: list[Found] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Whether no alert comes or goes."""
        return not self.only_a and not self.only_b

    def by_rule(self) -> Iterator[tuple[str, int, int, int]]:
        """Each rule's name with how many alerts are in A alone, in B alone, and in both.

        A rule that has another name in B has that one.
        """
        names: dict[str, str] = {}
        counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for column, alerts in enumerate((self.only_a, self.only_b, self.both)):
            for found in alerts:
                rule = found.alert["rule"]
                names[rule["id"]] = rule["name"]
                counts[rule["id"]][column] += 1
        for rule_id in sorted(counts, key=lambda rule_id: (names[rule_id], rule_id)):
            a, b, both = counts[rule_id]
            yield names[rule_id], a, b, both


def compared(a: Sequence[Found], b: Sequence[Found]) -> Comparison:
    """Alerts are the same that are of a rule with the same id and of the same events.

    So they are whatever else has changed of the rule: its name, its severity, its join keys, the
    fields that it tests.
    """
    unmatched: defaultdict[Hashable, list[Found]] = defaultdict(list)
    for found in sorted(b, key=_order):
        unmatched[_sameness(found)].append(found)
    comparison = Comparison()
    for found in sorted(a, key=_order):
        if same := unmatched[_sameness(found)]:
            comparison.both.append(same.pop(0))
        else:
            comparison.only_a.append(found)
    comparison.only_b = sorted((found for rest in unmatched.values() for found in rest), key=_order)
    return comparison


def _order(found: Found) -> tuple[str, str]:
    return found.order


def _sameness(found: Found) -> Hashable:
    """The rule and its events by id and time; where one has no id, with join key and host."""
    rule = found.alert["rule"]["id"]
    events = tuple((repr(each.get("event.id")), str(each["@timestamp"])) for each in found.events)
    if all("event.id" in event for event in found.events):
        return rule, events
    by = repr(found.alert.get("sequence", {}).get("by"))
    return rule, events, by, found.host
