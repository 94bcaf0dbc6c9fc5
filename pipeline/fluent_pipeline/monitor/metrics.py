"""Samples from all parts of the relay as one Prometheus page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from fluent_eql.api import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Family = CounterMetricFamily | GaugeMetricFamily


class MetricsPage:
    """Renders what ``sample`` yields at the moment of the request."""

    def __init__(self, sample: Callable[[], Iterable[Metric]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Samples(sample))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def render(self) -> bytes:
        """The page in Prometheus's text format."""
        return generate_latest(self._registry)


class _Samples(Collector):
    def __init__(self, sample: Callable[[], Iterable[Metric]]) -> None:
        self._sample = sample

    def collect(self) -> Iterator[Family]:
        """Samples with one name and the same labels are added up: two filters may run one rule."""
        families: dict[str, Family] = {}
        values: dict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        for metric in self._sample():
            if metric.name not in families:
                families[metric.name] = _family(metric)
            values[metric.name, tuple(value for _, value in metric.labels)] += metric.value
        for (name, labels), value in values.items():
            families[name].add_metric(labels, value)
        yield from families.values()


def _family(metric: Metric) -> Family:
    labels = [name for name, _ in metric.labels]
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=labels)
