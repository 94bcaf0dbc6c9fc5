"""What the relay is to cost, as ratios within one run, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from fluent_pipeline.bench.measure import INFLATE, Result
from fluent_pipeline.bench.report import Results
from fluent_pipeline.cli.common import table


@dataclass(frozen=True, slots=True)
class Claim:
    """A ratio of two medians that is to be at most ``limit``.

    ``cost`` and ``beside`` are each a workload's and a relay's name.
    """

    text: str
    cost: tuple[str, str]
    beside: tuple[str, str]
    limit: float
    measure: Callable[[Result], Sequence[float]] = lambda result: result.cpu

    def ratio(self, results: Results) -> float | None:
        """None where one of the two was not measured, or the second is lost in the noise."""
        cost, beside = (self._value(results, *name) for name in (self.cost, self.beside))
        return None if cost is None or beside is None or beside <= 0 else cost / beside

    def _value(self, results: Results, workload: str, relay: str) -> float | None:
        for result in results.get(workload, ()):
            if result.contestant == relay and (found := self.measure(result)):
                return median(found)
        return None


def _p99(result: Result) -> Sequence[float]:
    return result.p99


CLAIMS = (
    Claim("the shipped rule beside skipping alone", ("main", "rules"), ("main", "skip"), 1.5),
    Claim("the shipped rule beside decoding all", ("main", "rules"), ("main", "decode"), 0.2),
    Claim("100 rules beside one", ("rules-100", "rules"), ("main", "rules"), 1.7),
    Claim("1,000 rules beside one", ("rules-1000", "rules"), ("main", "rules"), 2),
    Claim("Elastic's rules for Linux beside one", ("linux-rules", "rules"), ("main", "rules"), 5),
    Claim("20 % candidates beside 2 %", ("candidates-20", "rules"), ("main", "rules"), 3),
    *(
        Claim(f"{name} entities beside 10 k", (workload, "rules"), ("entities-10k", "rules"), 1.15)
        for name, workload in (
            ("100 k", "entities-100k"),
            ("1 M", "entities-1M"),
            ("10 M", "entities-10M"),
        )
    ),
    Claim("added p99 beside skipping alone", ("main", "rules"), ("main", "skip"), 3, _p99),
    Claim("gzip passed on beside inflating", ("gzip", "no-filter"), ("gzip", INFLATE), 1.2),
)


def claims_table(results: Results) -> str:
    """Each claim that the results say something about."""
    rows = []
    for claim in CLAIMS:
        ratio = claim.ratio(results)
        if ratio is not None:
            verdict = "yes" if ratio <= claim.limit else "no"
            rows.append([claim.text, f"{ratio:.2f}", f"{claim.limit:g}", verdict])
    return table(("COST", "RATIO", "AT MOST", "HELD"), rows) if rows else ""
