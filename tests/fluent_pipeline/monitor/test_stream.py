from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from fluent_pipeline.monitor import server, stream
from fluent_pipeline.monitor.kept import KeptAlerts
from support.monitors import Asking, alert_of, evidence_of, serving
from support.target import WAIT


@asynccontextmanager
async def reading(
    asking: Asking, last: str | None = None, query: str = ""
) -> AsyncIterator[aiohttp.ClientResponse]:
    headers = {} if last is None else {"Last-Event-ID": last}
    url = f"{asking.server.address}/api/v1/alerts/stream{query}"
    async with asking.http.get(url, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        yield answer


async def event(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The next event, or comment under the name ""."""
    found: dict[str, str] = {}
    while not found or set(found) == {"retry"}:
        found = {}
        async with asyncio.timeout(WAIT):
            while line := (await answer.content.readline()).decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                found[name] = value
    return found


def alert_id(found: dict[str, str]) -> str:
    assert found["event"] == "alert"
    return str(json.loads(found["data"])["alert"]["id"])


async def test_alerts_are_sent_as_they_are_found() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1), None)
    async with serving(alerts) as asking, reading(asking) as answer:
        start = await event(answer)
        assert (start["event"], start["id"]) == ("start", f"{alerts.run}.1")
        for number in (2, 3):
            alerts.add(alert_of(number), evidence_of({}, host="web-01\nevent: x"))
        found = [await event(answer) for _ in range(2)]
    assert [alert_id(one) for one in found] == ["alert-2", "alert-3"]
    assert found[1]["id"] == f"{alerts.run}.3"
    assert json.loads(found[0]["data"])["host"] == "web-01\nevent: x"


@pytest.mark.parametrize("in_query", [False, True], ids=["header", "query"])
async def test_a_reader_that_comes_back_gets_what_it_missed(in_query: bool) -> None:
    alerts = KeptAlerts()
    for number in (1, 2, 3):
        alerts.add(alert_of(number), None)
    last = f"{alerts.run}.1"
    how = ("", f"?last_event_id={last}") if in_query else (last, "")
    async with serving(alerts) as asking, reading(asking, how[0] or None, how[1]) as answer:
        assert [alert_id(await event(answer)) for _ in range(2)] == ["alert-2", "alert-3"]
        alerts.add(alert_of(4), None)
        assert alert_id(await event(answer)) == "alert-4"


@pytest.mark.parametrize(
    "last", ["{run}.0", "other.1", "{run}.9", "nonsense", "{run}.-1", "{run}.٣"]
)
async def test_a_reader_is_told_where_what_it_missed_is_not_kept(last: str) -> None:
    alerts = KeptAlerts(most=1)
    for number in (1, 2):
        alerts.add(alert_of(number), None)
    async with serving(alerts) as asking:
        query = "?last_event_id=" + last.format(run=alerts.run)
        async with reading(asking, query=query) as answer:
            found = await event(answer)
    assert (found["event"], found["id"]) == ("reset", f"{alerts.run}.2")


async def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    async with serving() as asking, reading(asking) as answer:
        await event(answer)
        assert await event(answer) == {"": "heartbeat"}


async def test_many_alerts_at_once_are_all_sent_in_their_order() -> None:
    alerts = KeptAlerts()
    async with serving(alerts) as asking, reading(asking) as answer:
        await event(answer)
        for number in range(500):
            alerts.add(alert_of(number), None)
        found = [alert_id(await event(answer)) for _ in range(500)]
    assert found == [f"alert-{number}" for number in range(500)]


async def test_a_reader_that_falls_behind_what_is_kept_is_told() -> None:
    alerts = KeptAlerts(most=5)
    async with serving(alerts) as asking, reading(asking) as answer:
        await event(answer)
        for number in range(6):
            alerts.add(alert_of(number), None)
        assert (await event(answer))["event"] == "reset"
        alerts.add(alert_of(7), None)
        assert alert_id(await event(answer)) == "alert-7"


async def test_a_reader_that_takes_nothing_is_cut_off_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "SLOWEST", 2)
    alerts = KeptAlerts()
    async with serving(alerts) as asking, reading(asking) as slow, reading(asking) as quick:
        await event(slow)
        await event(quick)
        for number in range(40):
            alerts.add(alert_of(number, text="x" * 400_000), None)
            assert await size_of_event(quick) > 400_000
        async with asyncio.timeout(WAIT):
            while len(asking.server._alerts.stream._readers) > 1:
                await asyncio.sleep(0.02)
        with pytest.raises(aiohttp.ClientError):
            while True:
                async with asyncio.timeout(WAIT):
                    assert await slow.content.readany()


async def size_of_event(answer: aiohttp.ClientResponse) -> int:
    """The size of the next event, whose lines are longer than aiohttp reads as one."""
    size, end = 0, b""
    async with asyncio.timeout(WAIT):
        while end != b"\n\n":
            data = await answer.content.readany()
            assert data, "cut off"
            size, end = size + len(data), (end + data)[-2:]
    return size


async def test_there_are_no_more_readers_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_READERS", 1)
    async with serving() as asking:
        async with reading(asking) as answer:
            await event(answer)
            told = await asking.get("/api/v1/alerts/stream", status=503)
            assert "1 readers" in told
        async with asyncio.timeout(WAIT):
            while asking.server._alerts.stream._readers:  # it is noticed when a reader goes
                await asyncio.sleep(0.01)


async def test_a_stop_ends_the_streams_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LAST_ANSWERS", 3600)
    async with serving() as asking, reading(asking) as answer:
        await event(answer)
        async with asyncio.timeout(WAIT):
            await asking.server.stop()
            assert await answer.content.read() == b""


async def test_nobody_who_may_not_read_is_sent_alerts() -> None:
    async with serving(token="s3cret") as asking:
        told = await asking.get("/api/v1/alerts/stream", status=401, Authorization="Bearer no")
        assert "token" in told
