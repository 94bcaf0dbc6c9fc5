from __future__ import annotations

import asyncio
import errno
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fluent_pipeline.app import Relay
from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.config import WebhookOutputConfig, parse_config
from fluent_pipeline.config.parsers import Header
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.ndjson import to_line
from fluent_pipeline.net.signature import signature_of
from fluent_pipeline.net.webhook import MOST_BYTES, WebhookOutput
from fluent_pipeline.receipt import Receipt
from support.certificates import Authority
from support.events import SECOND, Scene
from support.frames import ack_of, forward_frame
from support.hooks import WAIT, Hook, hook
from support.relays import client_of, configuration, running_relay
from support.target import target

MILLISECOND = 10**6


def alert(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"a{number}", "rule": {"id": "r", "name": "R"}, **fields}


def record(*alerts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"message": "m", "eql": {"alerts": list(alerts)}, **fields}


def made(server: Hook, *, buffer: DiskBuffer | None = None, **settings: Any) -> WebhookOutput:
    url = settings.pop("url", f"http://127.0.0.1:{server.port}/hook?key=1")
    waits = {"retry_wait": 10 * MILLISECOND, "retry_max_interval": 50 * MILLISECOND}
    config = WebhookOutputConfig(url=url, **{**waits, **settings})
    return WebhookOutput(config, "webhook.0", lambda tag: True, buffer)


@asynccontextmanager
async def posting(
    server: Hook, grace: float = WAIT, **settings: Any
) -> AsyncIterator[WebhookOutput]:
    output = made(server, **settings)
    output.start()
    try:
        yield output
    finally:
        await output.stop(grace)


def send(output: WebhookOutput, *records: dict[str, Any], tag: str = "app") -> list[str]:
    """Send records as a frame; "delivered" is in the list once it is."""
    told: list[str] = []
    receipt = Receipt(lambda: told.append("delivered"))
    receipt.hold()
    output.send(Outgoing(forward_frame(records, tag=tag), receipt))
    return told


def values(output: WebhookOutput) -> dict[str, float]:
    """Its metrics by name, those with a reason by that."""
    return {
        dict(metric.labels).get("reason", metric.name): metric.value for metric in output.metrics()
    }


async def settled(output: WebhookOutput) -> None:
    """Wait until nothing waits to be posted: the last answer has been read, too."""
    async with asyncio.timeout(WAIT):
        while output.pending:
            await asyncio.sleep(0.002)


async def test_the_alert_objects_of_a_record_are_posted_and_nothing_else_of_it() -> None:
    async with hook() as server, posting(server) as output:
        assert send(output, {"no": "alert"}, record(alert(1), alert(2))) == ["delivered"]
        await server.has_taken(2)
        (request,) = server.requests
        assert request.path == "/hook"
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["User-Agent"].startswith("fluent-eql/")
        assert request.content == {"alerts": [alert(1), alert(2)]}


async def test_whole_records_are_posted_where_they_are_asked_for() -> None:
    async with hook() as server, posting(server, send="records") as output:
        send(output, {"no": "alert"}, record(alert(1), alert(2), host={"name": "h"}))
        await server.has_taken(1)
        assert server.requests[0].content == {
            "records": [record(alert(1), alert(2), host={"name": "h"})]
        }


async def test_a_request_is_signed_with_its_time_and_its_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.9)
    async with hook() as server, posting(server, secret="s3cret") as output:
        send(output, record(alert(1)))
        await server.has_taken(1)
        (request,) = server.requests
        expected = signature_of("s3cret", request.body, 1_800_000_000)
        assert request.headers["X-Fluent-Eql-Signature"] == expected


async def test_without_a_secret_nothing_is_signed_and_own_headers_are_sent() -> None:
    headers = (Header("Authorization", "Bearer x"), Header("User-Agent", "mine"))
    async with hook() as server, posting(server, header=headers) as output:
        send(output, record(alert(1)))
        await server.has_taken(1)
        sent = server.requests[0].headers
        assert "X-Fluent-Eql-Signature" not in sent
        assert (sent["Authorization"], sent["User-Agent"]) == ("Bearer x", "mine")


async def test_an_alert_that_comes_again_is_posted_once() -> None:
    async with hook() as server, posting(server) as output:
        send(output, record(alert(1)))
        send(output, record(alert(1), alert(2)), tag="eql.alert.r")
        await server.has_taken(2)
        send(output, record(alert(2)))
        send(output, record(alert(3)))
        await server.has_taken(3)
    assert server.ids == ["a1", "a2", "a3"]


@pytest.mark.parametrize("status", [500, 503, 429, 401, 404, 302])
async def test_what_is_not_taken_is_posted_again_until_it_is(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with hook() as server, posting(server) as output:
        server.answers = [status, status]
        assert send(output, record(alert(1))) == ["delivered"]
        await server.has_taken(1)
        assert len(server.requests) == 3
        assert values(output)["fluent_eql_output_retries_total"] == 2
    assert f"answered {status}: this is {status}; 1 alerts wait" in caplog.text
    assert "key=1" not in caplog.text


async def test_a_redirect_is_not_followed() -> None:
    async with hook() as server, posting(server) as output:
        server.answers, server.headers = [307], {"Location": "/elsewhere"}
        send(output, record(alert(1)))
        await server.has_taken(1)
        assert [request.path for request in server.requests] == ["/hook", "/hook"]


async def test_an_outage_delays_alerts_and_nothing_else() -> None:
    async with hook() as server, posting(server) as output:
        await server.stop()
        for number in range(200):
            assert send(output, record(alert(number))) == ["delivered"]
        async with asyncio.timeout(WAIT):
            while output.down is None:
                await asyncio.sleep(0.002)
        assert output.trouble is None
        assert values(output)["fluent_eql_output_up"] is False
        assert output.pending == 200
        await server.start()
        await server.has_taken(200)
        assert server.ids == [f"a{number}" for number in range(200)]
        await settled(output)
        assert (output.down, values(output)["fluent_eql_output_up"]) == (None, True)
        assert values(output)["fluent_eql_webhook_posted_total"] == 200


async def test_a_server_that_hangs_is_asked_again_after_the_timeout() -> None:
    async with hook() as server, posting(server, timeout=50 * MILLISECOND) as output:
        server.open.clear()
        send(output, record(alert(1)))
        await server.was_asked(2)
        assert output.down is not None
        assert "127.0.0.1" in output.down
        server.open.set()
        await server.has_taken(1)


async def test_what_comes_while_a_request_is_under_way_goes_together_in_the_next_ones() -> None:
    async with hook() as server, posting(server, batch_size=4) as output:
        server.open.clear()
        send(output, record(alert(0)))
        await server.was_asked(1)
        for number in range(1, 10):
            send(output, record(alert(number)))
        server.open.set()
        await server.has_taken(10)
        assert [len(request.content["alerts"]) for request in server.requests] == [1, 4, 4, 1]


async def test_a_request_has_a_largest_size_that_a_single_alert_may_exceed() -> None:
    big = "x" * (MOST_BYTES // 2 - 1000)
    async with hook() as server, posting(server) as output:
        server.open.clear()
        send(output, record(alert(0)))
        await server.was_asked(1)
        for number in range(1, 4):
            send(output, record(alert(number, text=big)))
        send(output, record(alert(4, text=big * 3)))
        server.open.set()
        await server.has_taken(5)
        assert [len(request.content["alerts"]) for request in server.requests] == [1, 2, 1, 1]


async def test_one_alert_that_the_server_refuses_does_not_keep_the_others_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with hook() as server, posting(server) as output:
        server.open.clear()
        send(output, record(alert(0)))
        await server.was_asked(1)
        for number in range(1, 5):
            send(output, record(alert(number)))
        # The first one is taken, all four are refused, then two, then the first of them.
        server.answers = [200, 400, 422, 413]
        server.open.set()
        await server.has_taken(4)
        assert server.ids == ["a0", "a2", "a3", "a4"]
        assert values(output)["refused"] == 1
    assert "alert a1 is not posted: answered 413" in caplog.text


async def test_the_wait_that_the_server_asks_for_is_waited() -> None:
    async with hook() as server, posting(server) as output:
        server.answers, server.headers = [503], {"Retry-After": "1"}
        send(output, record(alert(1)))
        await server.has_taken(1)
        first, second = server.requests
        assert second.time - first.time > 0.9


async def test_what_finds_no_room_is_dropped_told_and_counted_and_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    size = len(json.dumps({"alerts": alert(0)}))
    async with hook() as server, posting(server, storage_total_limit_size=3 * size) as output:
        server.open.clear()
        for number in range(5):
            assert send(output, record(alert(number))) == ["delivered"]
        assert values(output)["full"] == 2
        server.open.set()
        await settled(output)
        send(output, record(alert(9)))
        await server.has_taken(4)
    assert server.ids == ["a0", "a1", "a2", "a9"]
    for number in (3, 4):
        assert f"alert a{number} is not posted: " in caplog.text


async def test_what_waits_in_memory_at_the_end_of_a_stop_is_told_one_by_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with hook() as server:
        await server.stop()
        output = made(server)
        output.start()
        for number in range(3):
            send(output, record(alert(number)))
        await output.stop(0.05)
        assert values(output)["stopped"] == 3
    told = [line for line in caplog.messages if "is not posted: stopped" in line]
    assert len(told) == 3
    assert "a2" in told[2]


async def test_a_stop_waits_for_what_is_under_way() -> None:
    async with hook() as server, posting(server) as output:
        send(output, record(alert(1)))
    assert server.ids == ["a1"]


async def test_on_disk_alerts_survive_a_restart_and_their_senders_wait_for_the_disk_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hook() as server:
        await server.stop()
        with caplog.at_level(logging.INFO):
            async with posting(server, 0, buffer=DiskBuffer(tmp_path, 10**6)) as output:
                told = [send(output, record(alert(number))) for number in range(3)]
                assert told == [[], [], []]
                async with asyncio.timeout(WAIT):
                    while not all(told):
                        await asyncio.sleep(0.002)
        assert "3 alerts stay on disk" in caplog.text
        assert values(output)["stopped"] == 0
        await server.start()
        async with posting(server, buffer=DiskBuffer(tmp_path, 10**6)) as output:
            await server.has_taken(3)
        assert server.ids == ["a0", "a1", "a2"]
        async with posting(server, buffer=DiskBuffer(tmp_path, 10**6)) as output:
            assert output.pending == 0


async def test_what_waits_on_disk_keeps_its_kind_when_another_is_asked_for(tmp_path: Path) -> None:
    async with hook() as server:
        await server.stop()
        async with posting(server, 0, buffer=DiskBuffer(tmp_path, 10**6)) as output:
            send(output, record(alert(1)))
        await server.start()
        server.answers = [503]
        settings: dict[str, Any] = {"send": "records", "retry_wait": 50 * MILLISECOND}
        async with posting(server, buffer=DiskBuffer(tmp_path, 10**6), **settings) as output:
            send(output, record(alert(2)))
            await server.has_taken(2)
        assert [request.content for request in server.requests] == [
            {"alerts": [alert(1)]},
            {"alerts": [alert(1)]},
            {"records": [record(alert(2))]},
        ]


async def test_a_full_disk_buffer_drops_new_alerts_and_holds_nothing_up(tmp_path: Path) -> None:
    async with hook() as server:
        await server.stop()
        async with posting(server, 0, buffer=DiskBuffer(tmp_path, 100)) as output:
            first, second = send(output, record(alert(1))), send(output, record(alert(2)))
            async with asyncio.timeout(WAIT):
                while not first or not second:
                    third = send(output, record(alert(3)))
                    await asyncio.sleep(0.002)
            assert third == ["delivered"]
            assert values(output)["full"] == 1


async def test_a_disk_that_fails_drops_new_alerts_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    buffer = DiskBuffer(tmp_path, 10**6)
    monkeypatch.setattr(buffer, "append", fail)
    async with hook() as server, posting(server, buffer=buffer) as output:
        assert send(output, record(alert(1))) == ["delivered"]
        assert values(output)["full"] == 1
    assert "alert a1 is not posted: the disk buffer cannot be written" in caplog.text


async def test_an_alert_damaged_on_disk_is_passed_over_and_counted(tmp_path: Path) -> None:
    async with hook() as server:
        await server.stop()
        async with posting(server, 0, buffer=DiskBuffer(tmp_path, 10**6)) as output:
            for number in range(3):
                send(output, record(alert(number)))
        await server.start()
        async with posting(server, buffer=DiskBuffer(tmp_path, 10**6)) as output:
            (segment,) = tmp_path.glob("*.segment")
            content = segment.read_bytes()
            segment.write_bytes(content.replace(b'"a1"', b'"b1"'))
            await settled(output)
            assert values(output)["unreadable"] == 1
    assert server.ids == ["a0", "a2"]


async def test_an_alert_that_json_cannot_hold_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_once(value: dict[str, Any]) -> bytes:
        if value["id"] == "a1":
            raise ValueError("nested too deep for JSON")
        return to_line(value)

    monkeypatch.setattr("fluent_pipeline.net.webhook.to_line", fail_once)
    async with hook() as server, posting(server) as output:
        send(output, record(alert(1)), record(alert(2)))
        await server.has_taken(1)
        assert values(output)["unreadable"] == 1
    assert server.ids == ["a2"]


async def test_tls_is_verified_with_the_given_authority(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    files = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    async with hook(context) as server:
        url = f"https://localhost:{server.port}/"
        async with posting(server, url=url, tls_ca_file=authority.file) as output:
            assert len(output.certificates) == 1
            send(output, record(alert(1)))
            await server.has_taken(1)
        async with posting(server, 0, url=url, tls_ca_file=other.file) as output:
            send(output, record(alert(2)))
            async with asyncio.timeout(WAIT):
                while output.down is None:
                    await asyncio.sleep(0.002)
            assert "certificate" in output.down.lower()
        url = f"https://127.0.0.1:{server.port}/"
        async with posting(server, 0, url=url, tls_ca_file=authority.file) as output:
            send(output, record(alert(3)))
            async with asyncio.timeout(WAIT):
                while output.down is None:
                    await asyncio.sleep(0.002)
    assert server.ids == ["a1"]


async def test_records_go_on_and_are_acknowledged_while_the_hook_of_a_relay_is_down() -> None:
    pair = forward_frame([Scene().network(0), Scene().file(SECOND)], chunk="c")
    async with hook() as server, target() as behind:
        await server.stop()
        outputs = [
            {"name": "forward", "port": behind.port, "require_ack_response": True},
            {
                "name": "webhook",
                "url": f"http://127.0.0.1:{server.port}/",
                "secret": "k",
                "retry_wait": "10ms",
            },
        ]
        text = configuration(
            service={"grace": "100ms"}, eql={"reorder_window": "0"}, outputs=outputs
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(pair.raw)
            await client.read_until(ack_of("c"))
            assert list(relay.troubles()) == []
            await server.start()
            await server.has_taken(1)
        (posted,) = server.taken
        assert posted["rule"]["name"] == "Network Connection Followed by File Creation"
        (_, tagged) = await behind.records(2)
        assert posted == tagged["eql"]["alerts"][0]


def test_a_relay_keeps_the_alerts_of_a_webhook_where_it_keeps_frames(tmp_path: Path) -> None:
    output = {"name": "webhook", "url": "http://127.0.0.1:1/", "storage.type": "filesystem"}
    text = configuration(service={"storage.path": str(tmp_path)}, outputs=[output])
    relay = Relay(parse_config(text))

    async def start_and_stop() -> None:
        await relay.start()
        await relay.stop()

    asyncio.run(start_and_stop())
    assert (tmp_path / "frames" / "webhook.0" / "lock").exists()
