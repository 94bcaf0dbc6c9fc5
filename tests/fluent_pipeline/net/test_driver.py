from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from fluent_eql.api import KEEP, Body, Metric, Outcome
from fluent_eql.event import Event
from fluent_pipeline.engine import Engine, Outgoing, Stage
from fluent_pipeline.net.driver import Driver
from fluent_pipeline.net.router import Router
from fluent_pipeline.protocol.limits import Limits
from support.frames import forward_frame


class Holding:
    """Holds every event for a millisecond of the clock."""

    def __init__(self) -> None:
        self.held: list[tuple[int, Event]] = []

    def screen(self, body: Body) -> Sequence[int] | None:
        return None

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        self.held += [(now + 10**6, event) for event in events]
        return Outcome(held=list(events))

    def advance(self, now: int) -> Outcome:
        due = [event for deadline, event in self.held if deadline <= now]
        self.held = [held for held in self.held if held[0] > now]
        return Outcome(decided=[(event, KEEP) for event in due])

    def next_deadline(self) -> int | None:
        return min((deadline for deadline, _ in self.held), default=None)

    def flush(self, now: int) -> Outcome:
        return self.advance(1 << 62)

    def metrics(self) -> Iterable[Metric]:
        return ()


class Collecting:
    name = "collecting"
    trouble: str | None = None

    def __init__(self) -> None:
        self.taken: asyncio.Queue[Outgoing] = asyncio.Queue()

    def matches(self, tag: str) -> bool:
        return True

    @property
    def pending(self) -> int:
        return self.taken.qsize()

    def start(self) -> None: ...

    def send(self, outgoing: Outgoing) -> None:
        self.taken.put_nowait(outgoing)
        outgoing.receipt.release()

    async def stop(self, grace: float) -> None: ...

    def metrics(self) -> Iterable[Metric]:
        return ()


def holding_driver() -> tuple[Driver, Collecting]:
    output = Collecting()
    engine = Engine([Stage("holding", Holding(), lambda tag: True)], Limits())
    return Driver(engine, Router([output])), output


async def test_a_held_frame_leaves_when_its_time_has_come_without_another_coming_in() -> None:
    driver, output = holding_driver()
    delivered = asyncio.Event()
    driver.accept(forward_frame([{"a": 1}]), delivered.set)
    assert output.pending == 0
    async with asyncio.timeout(30):
        await output.taken.get()
        await delivered.wait()


async def test_a_flush_sends_what_is_held_at_once() -> None:
    driver, output = holding_driver()
    driver.accept(forward_frame([{"a": 1}]), lambda: None)
    driver.flush()
    assert output.pending == 1
