from __future__ import annotations

import asyncio

import pytest

from fluent_pipeline.engine import Outgoing
from fluent_pipeline.net.output import QueuedOutput
from fluent_pipeline.receipt import Receipt
from support.frames import forward_frame


class Gated(QueuedOutput[Outgoing]):
    """Delivers a frame each time its gate is opened."""

    def __init__(self) -> None:
        super().__init__("gated", lambda tag: True)
        self.gate = asyncio.Semaphore(0)
        self.delivered: list[str] = []

    def send(self, outgoing: Outgoing) -> None:
        self._put(outgoing)

    async def _run(self) -> None:
        while True:
            await self._filled()
            await self.gate.acquire()
            outgoing = self._queue.popleft()
            self.delivered.append(outgoing.frame.tag)
            outgoing.receipt.release()
            self._settle()


def outgoing(tag: str) -> Outgoing:
    receipt = Receipt(lambda: None)
    receipt.hold()
    return Outgoing(forward_frame([{}], tag=tag), receipt)


async def test_frames_are_delivered_in_the_order_in_which_they_were_sent() -> None:
    output = Gated()
    output.start()
    for tag in "abc":
        output.send(outgoing(tag))
        output.gate.release()
    await output.stop(30)
    assert (output.delivered, output.pending) == (["a", "b", "c"], 0)


async def test_a_stop_returns_as_soon_as_nothing_is_pending() -> None:
    output = Gated()
    output.start()
    output.send(outgoing("a"))
    stopping = asyncio.create_task(output.stop(60))
    await asyncio.sleep(0)
    assert not stopping.done()
    output.gate.release()
    async with asyncio.timeout(30):
        await stopping


async def test_a_stop_after_its_grace_leaves_what_is_pending_undelivered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    output = Gated()
    output.start()
    output.send(outgoing("a"))
    await output.stop(0)
    assert output.delivered == []
    assert "gated: stopped with 1 frames undelivered" in caplog.text


async def test_an_output_that_was_never_started_can_be_stopped() -> None:
    output = Gated()
    await output.stop(60)
    assert output.pending == 0


async def test_its_metrics_tell_whether_it_is_up_and_how_much_is_pending() -> None:
    output = Gated()
    output.send(outgoing("a"))
    values = {metric.name: metric.value for metric in output.metrics()}
    assert values == {"fluent_eql_output_up": True, "fluent_eql_output_pending_frames": 1}
