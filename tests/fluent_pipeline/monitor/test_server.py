from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from fluent_eql.api import Metric
from fluent_pipeline.monitor.observed import Observed
from fluent_pipeline.monitor.server import MonitorServer


@asynccontextmanager
async def serving(troubles: list[str], listen: str = "127.0.0.1") -> AsyncIterator[MonitorServer]:
    observed = Observed(
        troubles=lambda: troubles, sample=lambda: [Metric("fluent_eql_x", "X", "gauge", 3)]
    )
    server = MonitorServer(listen, 0, observed)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_health_is_200_until_something_is_wrong_and_says_what() -> None:
    troubles: list[str] = []
    async with serving(troubles) as server, aiohttp.ClientSession() as http:
        async with http.get(server.address + "/api/v1/health") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok", "troubles": []})
        troubles.append("forward.0: 127.0.0.1:1: connection refused")
        async with http.get(server.address + "/api/v1/health") as answer:
            assert answer.status == 503
            assert await answer.json() == {"status": "error", "troubles": troubles}


async def test_metrics_are_plain_text_for_prometheus() -> None:
    async with serving([]) as server, aiohttp.ClientSession() as http:
        async with http.get(server.address + "/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert "fluent_eql_x 3.0" in await answer.text()


async def test_uptime_counts_from_the_start() -> None:
    async with serving([]) as server, aiohttp.ClientSession() as http:
        async with http.get(server.address + "/api/v1/uptime") as answer:
            assert 0 <= (await answer.json())["uptime_sec"] < 60


async def test_other_paths_are_not_found_and_nothing_can_be_written() -> None:
    async with serving([]) as server, aiohttp.ClientSession() as http:
        async with http.get(server.address + "/etc/passwd") as answer:
            assert answer.status == 404
        async with http.post(server.address + "/api/v1/health") as answer:
            assert answer.status == 405


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_its_address_is_one_that_can_be_asked_on_ipv6_too() -> None:
    async with serving([], "::1") as server, aiohttp.ClientSession() as http:
        assert server.address.startswith("http://[::1]:")
        async with http.get(server.address + "/metrics") as answer:
            assert answer.status == 200


async def test_a_probe_may_ask_with_head() -> None:
    async with serving(["full"]) as server, aiohttp.ClientSession() as http:
        async with http.head(server.address + "/api/v1/health") as answer:
            assert answer.status == 503


async def test_a_port_in_use_is_an_error_when_it_starts() -> None:
    async with serving([]) as server:
        port = int(server.address.rpartition(":")[2])
        second = MonitorServer("127.0.0.1", port, Observed(troubles=list, sample=list))
        with pytest.raises(OSError, match=str(port)):
            await second.start()
        await second.stop()


@asynccontextmanager
async def reloadable(
    token: str | None, problems: list[str]
) -> AsyncIterator[tuple[str, list[int]]]:
    """The address of a server's reload, and a list that gets an item for each one done."""
    done: list[int] = []

    async def reload() -> list[str]:
        done.append(1)
        return problems

    observed = Observed(troubles=list, sample=list, reload=reload)
    server = MonitorServer("127.0.0.1", 0, observed, token=token)
    await server.start()
    try:
        yield server.address + "/api/v1/reload", done
    finally:
        await server.stop()


@pytest.mark.parametrize(
    "authorization", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "], ids=repr
)
async def test_who_bears_the_token_may_reload(authorization: str) -> None:
    async with reloadable("s3cret", []) as (url, done), aiohttp.ClientSession() as http:
        async with http.post(url, headers={"Authorization": authorization}) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok", "problems": []})
    assert len(done) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}],
    ids=["none", "wrong", "basic"],
)
async def test_who_does_not_bear_the_token_changes_nothing(headers: dict[str, str]) -> None:
    async with reloadable("s3cret", []) as (url, done), aiohttp.ClientSession() as http:
        async with http.post(url, headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert "s3cret" not in await answer.text()
    assert done == []


async def test_without_a_token_nobody_may_reload() -> None:
    async with reloadable(None, []) as (url, done), aiohttp.ClientSession() as http:
        async with http.post(url, headers={"Authorization": "Bearer "}) as answer:
            assert answer.status == 403
            assert "http_token" in await answer.text()
    assert done == []


async def test_what_a_reload_could_not_do_is_told() -> None:
    async with reloadable("s3cret", ["a: no such file"]) as (url, _), aiohttp.ClientSession() as h:
        async with h.post(url, headers={"Authorization": "Bearer s3cret"}) as answer:
            assert answer.status == 500
            assert (await answer.json())["problems"] == ["a: no such file"]
