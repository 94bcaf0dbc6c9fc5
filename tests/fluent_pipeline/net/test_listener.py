from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
import socket
import stat
from pathlib import Path
from typing import Any

import msgpack
import pytest

from support.frames import ack_of, forward_frame
from support.relays import Client, client_of, configuration, running_relay
from support.target import WAIT, Target, target

ACKED = {"require_ack_response": True}


def config_for(behind: Target, **more: Any) -> str:
    return configuration(
        target_port=behind.port, **{"forward_output": ACKED, "filters": [], **more}
    )


def packed(chunk: str, body: bytes, **options: Any) -> bytes:
    return msgpack.packb(["test", body, {"chunk": chunk, **options}])


GOOD = forward_frame([{"a": 1}], chunk="good").raw


@pytest.mark.parametrize(
    ("malformed", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "expected a msgpack array, nil or JSON, found 0x47"),
        (b"\xc1", "found 0xc1"),
        (b"\x92\xa1t\xc1", "malformed msgpack 3 bytes into the message"),
        (b"\x91\xa1t", "expected an array of 2 to 4 elements, found 1"),
        (b"\x92\x01\x90", "expected a string as the tag, found int"),
        (b"\x93\xa1t\x90\x01", "expected a map or nil as the options"),
        (b"\x93\xa1t\x01\x02", "expected a map as the record"),
        (b"\x92\xa1t" + b"\x91" * 2000, "nests deeper than 1024 levels"),
        (b'["t", 1, {]', "malformed JSON"),
        (packed("bad", b"no gzip, no gzip", compressed="gzip"), "corrupt gzip body"),
        (packed("bad", gzip.compress(b"\x90", mtime=0)[:-4], compressed="gzip"), "lacks its end"),
        (packed("bad", b"", compressed="lz4"), "found 'lz4'"),
    ],
)
async def test_a_malformed_message_closes_its_connection_and_costs_nothing_that_came_before(
    malformed: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with target() as behind, running_relay(config_for(behind)) as relay:
        async with client_of(relay) as client, client_of(relay) as other:
            await client.send(GOOD + malformed + GOOD)
            assert await client.read_to_end() == ack_of("good")
            await other.send(GOOD)
            await other.read_until(ack_of("good"))
        assert behind.raw == GOOD * 2
    (logged,) = [r.getMessage() for r in caplog.records if "closing" in r.getMessage()]
    assert reason in logged
    assert f"(at byte {len(GOOD)})" in logged
    assert "127.0.0.1:" in logged


async def test_acks_that_are_due_still_go_out_after_a_malformed_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fluent_pipeline.net.connection.LINGER", 3600)
    async with target() as behind, running_relay(config_for(behind)) as relay:
        behind.acks = False
        async with client_of(relay) as client:
            await client.send(GOOD + b"\xc1")
            await behind.received(1)
            behind.acknowledge()
            assert await client.read_to_end() == ack_of("good")


async def test_a_frame_over_the_limit_closes_the_connection() -> None:
    async with target() as behind:
        text = config_for(behind, forward_input={"buffer_max_size": "1k"})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(GOOD + b"\x92\xa1t\xdb\x7f\xff\xff\xff" + b"x" * 2000)
            assert await client.read_to_end() == ack_of("good")


async def test_heartbeats_are_taken_and_not_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with target() as behind, running_relay(config_for(behind)) as relay:
        async with client_of(relay):
            pass
        async with client_of(relay) as client:
            await client.send(b"\xc0" + GOOD + b"\xc0")
            await client.read_until(ack_of("good"))
        assert behind.raw == GOOD
    assert not [
        r
        for r in caplog.records
        if r.name.endswith("listener") and "127.0.0.1:" not in r.getMessage()
    ]
    assert "disconnected" not in caplog.text


async def test_a_udp_heartbeat_is_answered_on_the_port_of_the_input() -> None:
    async with target() as behind, running_relay(config_for(behind)) as relay:
        host, _, port = relay.listeners[0].address.rpartition(":")
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.connect((host, int(port)))
            await loop.sock_sendall(udp, b"\0")
            async with asyncio.timeout(WAIT):
                assert await loop.sock_recv(udp, 10) == b"\0"


async def test_a_client_that_speaks_json_is_acknowledged_in_json() -> None:
    text = json.dumps(["app", [[1, {"a": "é"}], [2.5, {"b": None}]], {"chunk": "c1"}])
    async with target() as behind, running_relay(config_for(behind)) as relay:
        async with client_of(relay) as client:
            await client.send(text.encode() + b"\n")
            await client.read_until(b'{"ack": "c1"}')
        assert await behind.records(2) == [{"a": "é"}, {"b": None}]
        assert [event.time for event in await behind.events(2)] == [10**9, 25 * 10**8]


async def test_bytes_that_come_one_at_a_time_make_the_same_frames() -> None:
    async with target() as behind, running_relay(config_for(behind)) as relay:
        async with client_of(relay) as client:
            for byte in GOOD * 2:
                await client.send(bytes([byte]))
            await client.read_until(ack_of("good") * 2)
        assert behind.raw == GOOD * 2


async def test_a_client_that_has_closed_its_sending_side_still_gets_its_acks() -> None:
    async with target() as behind, running_relay(config_for(behind)) as relay:
        behind.acks = False
        async with client_of(relay) as client:
            await client.send(GOOD)
            client.end()
            await behind.received(1)
            behind.acknowledge()
            assert await client.read_to_end() == ack_of("good")


async def test_a_message_that_the_close_cuts_off_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        target() as behind,
        running_relay(config_for(behind)) as relay,
        client_of(relay) as client,
    ):
        await client.send(GOOD[:-3])
        client.end()
        assert await client.read_to_end() == b""
    assert f"inside a message, after {len(GOOD) - 3} bytes" in caplog.text


async def test_a_unix_socket_is_served_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    unix = {"unix_path": str(path), "unix_perm": "0600"}
    async with target() as behind:
        text = config_for(behind, forward_input=unix)
        async with running_relay(text) as relay, client_of(relay) as client:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            await client.send(GOOD)
            await client.read_until(ack_of("good"))


KEY = {"shared_key": "k3y", "self_hostname": "relay"}


async def ping(client: Client, *, key: str = "k3y", user: str = "", password: str = "") -> bytes:
    """Take the HELO; the PING of a client."""
    name, options = await client.read_value()
    assert name == b"HELO"
    salt = b"\xff\xfe not UTF-8"
    digest = hashlib.sha512(salt + b"edge" + options[b"nonce"] + key.encode()).hexdigest()
    secret = options[b"auth"] + user.encode() + password.encode()
    proof = hashlib.sha512(secret).hexdigest() if options[b"auth"] else ""
    parts = [b"PING", b"edge", salt, digest.encode(), user.encode(), proof.encode()]
    return bytes(msgpack.packb(parts, use_bin_type=False))


async def test_nothing_is_lost_that_comes_in_the_same_read_as_the_ping() -> None:
    async with target() as behind:
        text = config_for(behind, forward_input=KEY)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(await ping(client) + GOOD)
            pong = await client.read_value()
            assert pong[:4] == [b"PONG", True, b"", b"relay"]
            await client.read_until(ack_of("good"))


async def test_a_client_with_a_wrong_key_is_told_so_and_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with target() as behind:
        text = config_for(behind, forward_input=KEY)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(await ping(client, key="guess") + GOOD)
            refusal = [b"PONG", False, b"shared_key mismatch", b"", b""]
            assert await client.read_value() == refusal
            assert await client.read_to_end() == b""
        assert behind.frames == []
    assert "refused: shared_key mismatch" in caplog.text


@pytest.mark.parametrize(
    ("user", "password", "accepted"),
    [("ann", "pw", True), ("ann", "no", False), ("bob", "pw", False), ("", "", False)],
)
async def test_where_users_are_set_only_they_come_in(
    user: str, password: str, accepted: bool
) -> None:
    async with target() as behind:
        text = config_for(behind, forward_input={**KEY, "security.users": ["ann pw"]})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(await ping(client, user=user, password=password))
            pong = await client.read_value()
            reason = b"" if accepted else b"username/password mismatch"
            assert (pong[1], pong[2]) == (accepted, reason)


async def test_a_client_that_sends_records_instead_of_a_ping_gets_nowhere() -> None:
    async with target() as behind:
        text = config_for(behind, forward_input=KEY)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.read_value()
            await client.send(GOOD)
            assert await client.read_to_end() == b""
        assert behind.frames == []


async def test_clients_are_not_read_from_while_too_much_waits_for_the_target() -> None:
    frame = forward_frame([{"text": "x" * 10_000}], chunk="c").raw
    async with target() as behind:
        behind.acks = False
        text = config_for(behind, service={"mem_buf_limit": "100k"})
        async with running_relay(text) as relay, client_of(relay) as client:
            count = 1000
            sending = asyncio.create_task(client.send(frame * count))
            await behind.received(11)
            await asyncio.wait([sending], timeout=0.2)
            assert not sending.done()
            waiting = len(behind.frames)
            assert waiting * len(frame) < 100_000 + 300_000
            behind.acknowledge()
            await sending
            await behind.received(count)
            assert await client.read_exactly(count * len(ack_of("c"))) == ack_of("c") * count


async def test_each_input_puts_its_prefix_before_the_tags() -> None:
    async with target() as behind:
        text = config_for(behind, forward_input={"tag_prefix": "edge."})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(GOOD)
            await client.read_until(ack_of("good"))
        assert [frame.tag for frame in behind.frames] == ["edge.test"]


async def test_a_chunk_of_any_type_is_acknowledged_in_that_type() -> None:
    chunks = [b"\xc4\x02ab", b"\xd9\x02ab", b"\xdb\x00\x00\x00\x01\n", b"\x07", b"\xa2\xff\xfe"]
    async with (
        target() as behind,
        running_relay(config_for(behind)) as relay,
        client_of(relay) as client,
    ):
        for chunk in chunks:
            await client.send(b"\x93\xa1t\x90\x81\xa5chunk" + chunk)
        await client.read_until(b"".join(b"\x81\xa3ack" + chunk for chunk in chunks))
