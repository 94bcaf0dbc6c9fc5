"""The relay's metrics as figures for a page, and in the layout of Fluent Bit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from fluent_eql.api import Metric

RULE_COUNTS = {
    "fluent_eql_stage_matches_total": "stage_matches",
    "fluent_eql_entities": "entities",
    "fluent_eql_entities_evicted_total": "evicted",
}
TOTALS = {
    "records": "fluent_eql_input_records_total",
    "bytes": "fluent_eql_input_bytes_total",
    "frames": "fluent_eql_input_frames_total",
    "connections": "fluent_eql_input_open_connections",
    "decoded": "fluent_eql_events_decoded_total",
    "alerts": "fluent_eql_alerts_total",
    "candidates": "fluent_eql_entities",
    "held_events": "fluent_eql_held_events",
    "pending_frames": "fluent_eql_output_pending_frames",
    "in_flight_bytes": "fluent_eql_in_flight_bytes",
    "in_flight_limit_bytes": "fluent_eql_in_flight_limit_bytes",
    "workers": "fluent_eql_workers",
}
INPUT = {"records": "records", "bytes": "bytes", "frames": "frames"}
OUTPUT = {"frames": "frames", "bytes": "bytes", "records": "records", "retries": "retries"}


class Figures:
    """What the samples of one moment add up to. Numbers are whole where they can be."""

    def __init__(self, samples: Iterable[Metric]) -> None:
        self._samples = [(metric.name, dict(metric.labels), metric.value) for metric in samples]
        self._sums: Counter[str] = Counter()
        for name, _, value in self._samples:
            self._sums[name] += int(value)

    def totals(self) -> dict[str, int]:
        """Sums over all parts; counters count from the start of the process."""
        return {name: self._sums[metric] for name, metric in TOTALS.items()}

    def inputs(self) -> list[dict[str, Any]]:
        """What each input has received, and its open connections."""
        found = self._by_name("fluent_eql_input_")
        return [
            {
                "name": name,
                **{key: values[f"{of}_total"] for key, of in INPUT.items()},
                "connections": values["open_connections"],
            }
            for name, values in found.items()
            if "frames_total" in values
        ]

    def outputs(self) -> list[dict[str, Any]]:
        """What each output has delivered and has still to deliver, and how its targets are."""
        targets = defaultdict(list)
        for name, labels, value in self._samples:
            if name == "fluent_eql_target_up":
                targets[labels["name"]].append({"address": labels["target"], "up": bool(value)})
        return [
            {
                "name": name,
                "up": bool(values["up"]),
                "pending_frames": values["pending_frames"],
                **{
                    key: values[f"{of}_total"]
                    for key, of in OUTPUT.items()
                    if f"{of}_total" in values
                },
                "targets": targets[name],
            }
            for name, values in self._by_name("fluent_eql_output_").items()
        ]

    def by_rule(self) -> dict[str, dict[str, int]]:
        """Each rule's counts, by its id."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for name, labels, value in self._samples:
            if name == "fluent_eql_alerts_total":
                found[labels["rule_id"]]["alerts"] += int(value)
                found[labels["rule_id"]]["late"] += int(value) * (labels["late"] == "true")
            elif name in RULE_COUNTS:
                found[labels["rule_id"]][RULE_COUNTS[name]] += int(value)
        return {rule_id: dict(counts) for rule_id, counts in found.items()}

    def as_fluent_bit(self) -> dict[str, Any]:
        """Fluent Bit's layout, for probes that know it, and beside it every sample as it is."""
        return {
            "input": {
                item["name"]: {"records": item["records"], "bytes": item["bytes"]}
                for item in self.inputs()
            },
            "filter": {},
            "output": {
                item["name"]: {
                    "proc_records": item.get("records", 0),
                    "proc_bytes": item.get("bytes", 0),
                    "errors": 0,
                    "retries": item.get("retries", 0),
                    "retries_failed": 0,
                }
                for item in self.outputs()
            },
            "samples": [
                {"name": name, "labels": labels, "value": value}
                for name, labels, value in self._samples
            ],
        }

    def _by_name(self, prefix: str) -> dict[str, Counter[str]]:
        """The metrics with that prefix, by the label ``name``."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for metric, labels, value in self._samples:
            if metric.startswith(prefix):
                found[labels["name"]][metric.removeprefix(prefix)] += int(value)
        return found
