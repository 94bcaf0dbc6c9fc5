"""A worker's stand-in for a filter of the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count

from fluent_eql.api import Body, Filter, Metric, Outcome, Reloadable, Stateful
from fluent_eql.event import Event
from fluent_pipeline.workers import wire


class RemoteFilter:
    """Screens here and has the rest done in the hub.

    Every event that is processed is held until the hub's outcome comes in by :meth:`receive`;
    it is given on at the next call of :meth:`advance`. ``say`` sends the hub a message; ``stage``
    is the filter's number in the pipeline and ``screening`` a filter like the hub's.
    """

    def __init__(self, stage: int, screening: Filter, say: Callable[[bytes], None]) -> None:
        self._stage = stage
        self._screening = screening
        self._say = say
        self._numbers = count()
        self._waiting: dict[int, Event] = {}
        self._outcome = Outcome()
        self._has_news = False

    @property
    def memory(self) -> int:
        """That of the filter."""
        return self._screening.memory if isinstance(self._screening, Stateful) else 0

    def recall(self, notes: Iterable[tuple[int, bytes]], now: int) -> list[str]:
        """Leave the notes to the hub, which tells of what cannot be used."""
        self._say(wire.encode(wire.RECALL, self._stage, list(notes)))
        return []

    @property
    def is_reloadable(self) -> bool:
        """Whether the filter can be changed while it runs."""
        return isinstance(self._screening, Reloadable)

    def screen_as(self, screening: Filter) -> None:
        """Screen from now on as another filter does."""
        self._screening = screening

    def screen(self, body: Body) -> Sequence[int] | None:
        return self._screening.screen(body)

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        numbered = dict(zip(self._numbers, events))  # noqa: B905  the numbers have no end
        self._waiting.update(numbered)
        said = [wire.plain_event(number, event) for number, event in numbered.items()]
        self._say(wire.encode(wire.EVENTS, self._stage, said))
        return Outcome(held=list(events))

    def receive(self, plain: wire.Plain) -> None:
        """Take an outcome of the hub's."""
        wire.add_outcome(plain, self._waiting.__getitem__, self._outcome)
        for number, _ in plain[0]:
            del self._waiting[number]
        self._has_news = True

    def advance(self, now: int) -> Outcome:
        outcome, self._outcome, self._has_news = self._outcome, Outcome(), False
        return outcome

    def next_deadline(self) -> int | None:
        return 0 if self._has_news else None

    def flush(self, now: int) -> Outcome:
        """What has come in; the hub has to have been asked to flush before."""
        return self.advance(now)

    def metrics(self) -> Iterable[Metric]:
        return ()
