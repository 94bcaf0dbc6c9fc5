"""The metrics that the relay has, found in a running one and in the source."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from fluent_eql.api import Metric
from fluent_pipeline.app import Relay
from fluent_pipeline.config import parse_config

ROOT = Path(__file__).parents[2]
PREFIX = "fluent_eql_"
PROCESS = frozenset(
    {
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    }
)
"""What prometheus-client's ProcessCollector adds."""

EVERY_KIND = """
pipeline:
  inputs:
    - {name: forward, listen: 127.0.0.1, port: 0}
  filters:
    - {name: eql}
    - {name: python, call: f, code: "def f(tag, time, record): return 0, 0, None"}
  outputs:
    - {name: forward, match: a, port: 24224}
    - {name: file, match: a}
"""


@functools.cache
def sampled_metrics() -> dict[str, Metric]:
    """A sample of each metric that a relay with all kinds of parts has from its start."""
    relay = Relay(parse_config(EVERY_KIND, environ={}, working=ROOT))
    return {metric.name: metric for metric in relay.metrics()}


@functools.cache
def metric_names() -> frozenset[str]:
    """The names of all metrics, also of those that appear only once there is one to count."""
    sources = [*ROOT.glob("plugin/**/*.py"), *ROOT.glob("pipeline/**/*.py")]
    return frozenset(sampled_metrics()).union(*map(_written_in, sources))


def _written_in(path: Path) -> Iterator[str]:
    """The names in a module that are written out; those put together are sampled instead."""
    tree = ast.parse(path.read_text("utf-8"))
    pieces = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in pieces and _is_name(node.value):
            yield str(node.value)


def _is_name(value: object) -> bool:
    """Whether a text is a whole name, and not one that more is put behind."""
    is_one = isinstance(value, str) and value.startswith(PREFIX) and value.isidentifier()
    return is_one and not str(value).endswith("_")
