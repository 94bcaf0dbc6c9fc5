"""From the parts that a job wrote to one file of alerts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects in the finished parts of a folder; those not finished are hidden."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            with path.open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)


def write_alerts(parts: Path, output: Path) -> int:
    """Write the alerts of the parts into one file, a line each; how many they are.

    They are in the order of their last events' times, and each is there once: what a job writes
    again after it was killed has the same id. The file is there in whole or not at all.
    """
    alerts = {alert["id"]: alert for alert in read_lines(parts)}
    partial = output.with_name(f".{output.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        for alert in sorted(alerts.values(), key=_when):
            file.write(json.dumps(alert) + "\n")
    os.replace(partial, output)
    return len(alerts)


def _when(alert: dict[str, Any]) -> tuple[str, str]:
    events = alert["sequence"]["events"] if "sequence" in alert else alert["events"]
    return str(events[-1]["@timestamp"]), str(alert["id"])
