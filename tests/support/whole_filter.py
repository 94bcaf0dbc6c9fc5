"""Filters that take frames as a whole, and do with them what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fluent_eql.api import DROP, KEEP, Batch, Body, Metric, Outcome, Replace, Verdict
from fluent_eql.event import Event, encode_value
from support.engines import Record, marked

Step = Callable[[Batch], Outcome]
"""What is decided in one call, with the first frame that came."""


class Whole:
    """A filter that takes whole frames; each call does what the next step says of the first."""

    def __init__(self, *steps: Step, offsets: Sequence[int] | None = None) -> None:
        self._steps = list(steps)
        self._offsets = offsets
        self.batches: list[Batch] = []
        self.singles: list[Event] = []

    def screen(self, body: Body) -> Sequence[int] | None:
        return self._offsets

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        self.singles += events
        return Outcome()

    def process_batch(self, batch: Batch, now: int) -> Outcome:
        self.batches.append(batch)
        return self._next()

    def advance(self, now: int) -> Outcome:
        return self._next()

    def next_deadline(self) -> int | None:
        return None

    def flush(self, now: int) -> Outcome:
        return self._next()

    def objection(self, successor: object) -> str | None:
        return None

    def go_on_as(self, successor: object, now: int) -> Outcome:
        return self._next()

    def metrics(self) -> Iterable[Metric]:
        return ()

    def _next(self) -> Outcome:
        return self._steps.pop(0)(self.batches[0]) if self._steps else Outcome()


def nothing(batch: Batch) -> Outcome:
    """Let the frame go on as it came, or wait on where it is held."""
    return Outcome()


def hold(batch: Batch) -> Outcome:
    """Hold the frame."""
    return Outcome(held_batches=[batch])


def release(batch: Batch) -> Outcome:
    """Let the frame go that is held."""
    return Outcome(released_batches=[batch])


def event_of(batch: Batch, number: int) -> Event:
    """An entry of the frame that has to be an event."""
    event = batch.event(number)
    assert event is not None
    return event


def holding(number: int) -> Step:
    """Hold an event."""
    return lambda batch: Outcome(held=[event_of(batch, number)])


def marking(number: int) -> Step:
    """Put a mark on an event, see :func:`support.engines.marked`."""

    def mark(batch: Batch) -> Outcome:
        event = event_of(batch, number)
        return Outcome(decided=[(event, marked(event.record))])

    return mark


def both(*steps: Step) -> Step:
    """What several steps do, in one call."""

    def together(batch: Batch) -> Outcome:
        whole = Outcome()
        for outcome in (step(batch) for step in steps):
            whole.held += outcome.held
            whole.decided += outcome.decided
            whole.emitted += outcome.emitted
            whole.held_batches += outcome.held_batches
            whole.released_batches += outcome.released_batches
        return whole

    return together


AT_ONCE: dict[str, Callable[[Record], Verdict]] = {
    "keep": lambda record: KEEP,
    "drop": lambda record: DROP,
    "mark": marked,
    "double": lambda record: Replace((encode_value(record), encode_value(record))),
}
SAID = (*AT_ONCE, "say nothing", "hold", "hold later", "mark last")
"""What a record may say in its field ``said``."""


class Judging(Whole):
    """Does with each record what that says, and holds the frames under the tag ``held``.

    Of these alone records are held later, or marked without. With ``is_early`` all are decided
    before the frames are released; else those held are after that.
    """

    def __init__(self, is_early: bool) -> None:
        super().__init__()
        self._is_early = is_early
        self._calls = 0

    def process_batch(self, batch: Batch, now: int) -> Outcome:
        self.batches.append(batch)
        outcome = Outcome(held_batches=[batch] if batch.tag == "held" else [])
        for number in range(len(batch.ends)):
            event = event_of(batch, number)
            said = event.record["said"]
            if said in AT_ONCE:
                outcome.decided.append((event, AT_ONCE[said](event.record)))
            elif said == "hold":
                outcome.held.append(event)
        return outcome

    def advance(self, now: int) -> Outcome:
        self._calls += 1
        waiting = [batch for batch in self.batches if batch.tag == "held"]
        if self._calls == 1:
            return Outcome(held=self._saying("hold later", waiting))
        decides, releases = (2, 3) if self._is_early else (3, 2)
        outcome = Outcome()
        if self._calls == decides:
            self._mark(outcome, self._saying("hold", self.batches))
            self._mark(outcome, self._saying("hold later", waiting))
        if self._calls == 2:
            self._mark(outcome, self._saying("mark last", waiting))
        if self._calls == releases:
            outcome.released_batches += waiting
        return outcome

    @staticmethod
    def _saying(said: str, batches: Iterable[Batch]) -> list[Event]:
        events = (event_of(batch, n) for batch in batches for n in range(len(batch.ends)))
        return [event for event in events if event.record["said"] == said]

    @staticmethod
    def _mark(outcome: Outcome, events: Iterable[Event]) -> None:
        outcome.decided += [(event, marked(event.record)) for event in events]
