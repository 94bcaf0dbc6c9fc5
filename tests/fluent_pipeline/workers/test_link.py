from __future__ import annotations

import asyncio
import socket

import pytest

from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from fluent_pipeline.workers import wire
from fluent_pipeline.workers.link import Link
from fluent_pipeline.workers.remote import RemoteFilter
from support.target import WAIT


class Hearing:
    """The hub's end of a link."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        self.link = Link(theirs)
        self.news = asyncio.Event()
        self.lost = asyncio.Event()
        self.reloaded = asyncio.Event()

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=self.socket)
        await self.link.open(self.news.set, self.lost.set, self.reloaded.set)

    async def heard(self, count: int) -> list[list[object]]:
        """The next messages."""
        decoder, found = wire.Decoder(), list[list[object]]()
        async with asyncio.timeout(WAIT):
            while len(found) < count:
                found += decoder.messages(await self.reader.read(1000))
        return found


async def test_what_was_said_before_it_opened_is_sent_first() -> None:
    hub = Hearing()
    hub.link.say(wire.encode(wire.RECALL, 0, []))
    await hub.open()
    hub.link.say(wire.encode(wire.READY))
    assert await hub.heard(2) == [["recall", 0, []], ["ready"]]
    await hub.link.close()
    hub.writer.close()


async def test_outcomes_reach_their_filter_and_are_news() -> None:
    hub = Hearing()
    remote = RemoteFilter(1, EqlFilter.create(EqlOptions()), hub.link.say)
    hub.link.filters = {1: remote}
    await hub.open()
    event = make_event({})
    remote.process([event], 0)
    await hub.heard(1)
    hub.writer.write(wire.encode(wire.OUTCOME, 1, [[[0, True]], [], [], []]))
    async with asyncio.timeout(WAIT):
        await hub.news.wait()
    assert [decided for decided, _ in remote.advance(0).decided] == [event]
    await hub.link.close()
    hub.writer.close()


async def test_a_worker_is_told_when_the_hubs_filters_have_been_changed() -> None:
    hub = Hearing()
    await hub.open()
    hub.writer.write(wire.encode(wire.RELOADED))
    async with asyncio.timeout(WAIT):
        await hub.reloaded.wait()
    await hub.link.close()
    hub.writer.close()


async def test_a_flush_returns_when_the_hub_has_flushed_or_is_gone() -> None:
    hub = Hearing()
    await hub.open()
    for end in (lambda: hub.writer.write(wire.encode(wire.FLUSHED)), hub.writer.close):
        flushing = asyncio.create_task(hub.link.flush())
        assert await hub.heard(1) == [["flush"]]
        assert not flushing.done()
        end()
        async with asyncio.timeout(WAIT):
            await flushing
    assert hub.lost.is_set()
    await hub.link.close()


async def test_a_hub_that_dies_with_something_unheard_is_gone_too() -> None:
    hub = Hearing()
    reader, writer = await asyncio.open_connection(sock=hub.socket)
    await hub.link.open(hub.news.set, hub.lost.set, hub.reloaded.set)
    hub.link.say(wire.encode(wire.READY))
    writer.transport.abort()
    async with asyncio.timeout(WAIT):
        await hub.lost.wait()
    await hub.link.close()


async def test_a_hub_that_says_nonsense_is_gone_too(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hearing()
    await hub.open()
    hub.writer.write(wire.encode(wire.OUTCOME, 7, []))
    async with asyncio.timeout(WAIT):
        await hub.lost.wait()
    assert "cannot be carried out" in caplog.text
    await hub.link.close()
    hub.writer.close()
