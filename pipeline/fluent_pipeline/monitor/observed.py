"""What the relay tells the HTTP server about itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fluent_eql.api import Insight, Inspectable, Metric
from fluent_pipeline.engine import Stage


async def reload_nothing() -> Iterable[str]:
    """What a relay does that cannot be reloaded."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Asked at each request.

    ``troubles`` gives a line for each thing that keeps records from being delivered, ``unready``
    one for each that keeps them from being taken, ``sample`` the metrics, ``stages`` the filters.
    ``reload`` says what could not be.
    """

    troubles: Callable[[], Iterable[str]]
    sample: Callable[[], Iterable[Metric]]
    unready: Callable[[], Iterable[str]] = tuple
    stages: Callable[[], Sequence[Stage]] = tuple
    reload: Callable[[], Awaitable[Iterable[str]]] = reload_nothing

    def insights(self) -> Iterator[tuple[str, Insight]]:
        """Looks into those of the filters that have rules, with their names."""
        for stage in self.stages():
            if isinstance(stage.filter, Inspectable):
                yield stage.name, stage.filter.inspection

    def rules(self) -> Iterator[tuple[str, Insight, Mapping[str, Any]]]:
        """The rules of all filters, each with the name of its filter and the look into that."""
        for name, insight in self.insights():
            for rule in insight.rules():
                yield name, insight, rule
