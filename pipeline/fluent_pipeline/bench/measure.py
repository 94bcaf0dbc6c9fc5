"""Runs a workload through every relay, in turns, and takes what it costs."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from fluent_pipeline.bench.batches import Batches
from fluent_pipeline.bench.load import NANOSECONDS, TIMEOUT, Pace, offer
from fluent_pipeline.bench.sink import Sink
from fluent_pipeline.bench.targets import Contestant, running
from fluent_pipeline.bench.usage import cpu_seconds, peak_rss
from fluent_pipeline.bench.workloads import Workload
from fluent_pipeline.protocol.compression import inflate
from fluent_pipeline.protocol.limits import Limits

WARM_UP = 8
"""Batches sent before anything is measured."""

MOST_UNACKNOWLEDGED = 1_000

INFLATE = "inflate"
"""The name under which the cost of inflating alone is reported."""


@dataclass(slots=True)
class Result:
    """One relay under one workload, a value for each round.

    ``cpu``: seconds a record. ``rate``: records a second. ``p50`` and ``p99``: seconds that the
    relay adds to the way of a frame that is not held. ``rss``: bytes at most.
    """

    contestant: str
    title: str
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    rss: int = 0


@dataclass(slots=True)
class _Entrant:
    """A relay that is running, and the number of its next batch."""

    contestant: Contestant
    pid: int
    port: int
    result: Result
    next_batch: int = 0


class Course:
    """The relays of one workload, running side by side, with one sink behind them."""

    def __init__(
        self, workload: Workload, rounds: int, sink: Sink, entrants: Sequence[_Entrant]
    ) -> None:
        self.workload = workload
        self._sink = sink
        self._entrants = entrants
        self._batches = Batches(workload)
        self._batches.prepare(range(WARM_UP + rounds * workload.batches))
        self._inflating = Result(INFLATE, "inflating alone")
        for entrant in entrants:
            self._send(entrant, WARM_UP)

    def throughput_round(self) -> None:
        """Send the workload through each relay once, one after another."""
        for entrant in self._entrants:
            cpu = cpu_seconds(entrant.pid)
            seconds = self._send(entrant, self.workload.batches)
            records = self.workload.batches * self.workload.batch
            entrant.result.cpu.append((cpu_seconds(entrant.pid) - cpu) / records)
            entrant.result.rate.append(records / seconds)
        if self.workload.form.is_compressed:
            self._inflate()

    def latency_round(self) -> None:
        """Send frames at half the rate of the slowest relay that is compared.

        Each way is compared with that of a client that sends to the sink without a relay.
        """
        compared = [each for each in self._entrants if each.contestant.in_latency]
        rate = min(median(each.result.rate) for each in compared) / 2
        pace = Pace(1, MOST_UNACKNOWLEDGED, round(self.workload.batch / rate * NANOSECONDS))
        count = self.workload.latency
        direct = self._latencies(self._sink.port, range(count), pace)
        for entrant in compared:
            numbers = range(entrant.next_batch, entrant.next_batch + count)
            entrant.next_batch += count
            found = self._latencies(entrant.port, numbers, pace)
            entrant.result.p50.append(found[49] - direct[49])
            entrant.result.p99.append(found[98] - direct[98])

    def results(self) -> list[Result]:
        for entrant in self._entrants:
            entrant.result.rss = peak_rss(entrant.pid)
        found = [entrant.result for entrant in self._entrants]
        return [*found, self._inflating] if self._inflating.cpu else found

    def _latencies(self, port: int, numbers: range, pace: Pace) -> list[float]:
        """The percentiles, in seconds."""
        self._sink.take()
        offer(port, self._batches, numbers, pace)
        return [value / NANOSECONDS for value in quantiles(self._sink.take().latencies, n=100)]

    def _inflate(self) -> None:
        """What it costs to inflate the bodies of a round and do nothing else."""
        limit, algorithm = Limits().inflated, self.workload.form.value
        cpu = time.process_time()
        for number in range(self.workload.batches):
            inflate(self._batches.body(number), algorithm, limit)
        records = self.workload.batches * self.workload.batch
        self._inflating.cpu.append((time.process_time() - cpu) / records)

    def _send(self, entrant: _Entrant, count: int) -> float:
        """The seconds that it takes until all that is not held is through."""
        numbers = range(entrant.next_batch, entrant.next_batch + count)
        entrant.next_batch += count
        self._sink.take()
        started = time.monotonic()
        pace = Pace(self.workload.connections, self.workload.window)
        seconds = offer(entrant.port, self._batches, numbers, pace)
        if entrant.contestant.acks_end_to_end:
            return seconds
        self._wait_for(count * self.workload.batch, entrant.contestant.title)
        return time.monotonic() - started

    def _wait_for(self, records: int, relay: str) -> None:
        """Wait until the sink has got that many. Raises TimeoutError where they do not come."""
        deadline = time.monotonic() + TIMEOUT
        while records > 0:
            time.sleep(0.02)
            records -= self._sink.take().records
            if time.monotonic() > deadline:
                raise TimeoutError(f"{relay}: {records} records have not come through")


@contextlib.contextmanager
def course(workload: Workload, contestants: Sequence[Contestant], rounds: int) -> Iterator[Course]:
    """Start the relays that take this workload, and a sink; they end with the context."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sink = Sink()
        stack.callback(sink.close)
        entrants = []
        for contestant in contestants:
            if contestant.takes(workload):
                relay = running(contestant, workload, folder / contestant.name, sink.port)
                try:
                    pid, port = stack.enter_context(relay)
                except RuntimeError as error:
                    if contestant.acks_end_to_end:
                        raise
                    print(f"left out: {error}", file=sys.stderr)
                    continue
                result = Result(contestant.name, contestant.title)
                entrants.append(_Entrant(contestant, pid, port, result))
        yield Course(workload, rounds, sink, entrants)


def results_of(
    workload: Workload, contestants: Sequence[Contestant], rounds: int, *, latency: bool = True
) -> list[Result]:
    """Measure one workload: all rounds for throughput, then those for latency if it has them.

    Raises OSError or RuntimeError where a relay fails.
    """
    with course(workload, contestants, rounds) as running_course:
        for _ in range(rounds):
            running_course.throughput_round()
        if workload.latency and latency:
            for _ in range(rounds):
                running_course.latency_round()
        return running_course.results()
