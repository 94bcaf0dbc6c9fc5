"""Every recorded client, played over TCP against a running relay with an acknowledging target."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fluent_pipeline.protocol.entries import walk
from fluent_pipeline.protocol.frames import Frame, parse_frame
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import is_ping
from fluent_pipeline.protocol.limits import Limits
from support.relays import Client, client_of, configuration, running_relay, taken
from support.target import Target, target

TESTS = Path(__file__).parent.parent
CAPTURES = sorted((TESTS / "captures").glob("*.bin"))
SAMPLES = TESTS / "samples"
RECORDED_NONCE = b"0123456789abcdef"
KEY = "s3cret"
ALERTS = {"fb_two_inputs": 4, "fb_metrics": 0, "fluent_logger_python": 0}
"""How many alerts the captures hold; one in those that are not named."""

OUT_OF_ORDER = "fb_two_inputs"
"""The capture whose events have to be put in order within the reorder window."""
FIRST_ALERT = "web-01-000290"


def events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / "events.ndjson").read_text().splitlines()]


def messages_of(path: Path) -> list[Message]:
    framer = Framer(Limits())
    framer.receive_data(path.read_bytes())
    messages = []
    while isinstance(message := framer.next_message(), Message):
        messages.append(message)
    assert not framer.buffered
    return messages


def frames_of(path: Path) -> list[Frame]:
    frames = [parse_frame(m) for m in messages_of(path) if not is_ping(m)]
    return [frame for frame in frames if isinstance(frame, Frame)]


def acks_of(frames: list[Frame]) -> list[bytes]:
    return [b"\x81\xa3ack" + frame.chunk for frame in frames if frame.chunk is not None]


@asynccontextmanager
async def playing(path: Path, **settings: Any) -> AsyncIterator[tuple[Client, Target]]:
    """A client that has sent the capture through a relay, its handshake with it."""
    if path.stem.endswith("shared_key"):
        settings["forward_input"] = {"shared_key": KEY, "self_hostname": "relay"}
    window = "1h" if path.stem == OUT_OF_ORDER else "100ms"
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            forward_output={"require_ack_response": True},
            eql={"reorder_window": window},
            **settings,
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(path.read_bytes())
            if path.stem.endswith("shared_key"):
                await check_handshake(client, messages_of(path)[0])
            if path.stem == OUT_OF_ORDER:
                await taken(relay, len(frames_of(path)))
                await relay.stop()
            yield client, behind


async def check_handshake(client: Client, ping: Message) -> None:
    name, options = await client.read_value()
    assert (name, options[b"nonce"], options[b"auth"]) == (b"HELO", RECORDED_NONCE, b"")
    salt = msgpack.unpackb(ping.raw, raw=True)[2]
    digest = hashlib.sha512(salt + b"relay" + RECORDED_NONCE + KEY.encode()).hexdigest()
    assert await client.read_value() == [b"PONG", True, b"", b"relay", digest.encode()]


@pytest.fixture(autouse=True)
def _the_recorded_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fluent_pipeline.net.listener.token_bytes", lambda size: RECORDED_NONCE[:size]
    )


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
async def test_every_chunk_is_acknowledged_byte_for_byte_as_its_client_named_it(path: Path) -> None:
    expected = acks_of(frames_of(path))
    async with playing(path) as (client, _):
        received = await client.read_exactly(sum(map(len, expected)))
    assert {ack: received.count(ack) for ack in expected} == Counter(expected)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
async def test_where_no_rule_runs_every_frame_leaves_byte_for_byte_as_it_came(path: Path) -> None:
    frames = frames_of(path)
    async with playing(path, filters=[]) as (_, behind):
        await behind.received(len(frames))
        assert behind.raw == b"".join(frame.raw for frame in frames)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
async def test_beside_the_enriched_records_every_byte_leaves_as_it_came(path: Path) -> None:
    frames = frames_of(path)
    changed = 0
    async with playing(path) as (_, behind):
        await behind.received(len(frames))
    for received in behind.frames:
        if received.raw not in [frame.raw for frame in frames]:
            sent = next(frame for frame in frames if frame.tag == received.tag)
            assert head_and_options(received) == head_and_options(sent)
            pairs = zip(entries_of(received), entries_of(sent), strict=True)
            changed += sum(after != before for after, before in pairs)
    assert changed == ALERTS.get(path.stem, 1)


def head_and_options(frame: Frame) -> tuple[bytes, bytes]:
    """What is around the body; a body's own length aside."""
    options = b"" if frame.options_start is None else frame.raw[frame.options_start :]
    return frame.raw[: frame.tag_end], options


def entries_of(frame: Frame) -> list[bytes]:
    payload = frame.payload(Limits())
    return [bytes(payload[entry.start : entry.end]) for entry in walk(payload, frame.mode)]


def test_all_clients_are_played() -> None:
    assert len(CAPTURES) == 15


WITH_RECORDS = [path for path in CAPTURES if path.stem not in ("fb_metrics", "fb_two_inputs")]
ADDED = ("tags", "rule", "threat", "eql")


@pytest.mark.parametrize("path", WITH_RECORDS, ids=lambda path: path.stem)
async def test_the_target_gets_the_records_that_the_client_was_given(path: Path) -> None:
    count = 20 if path.stem == "fluent_logger_python" else 120
    async with playing(path) as (_, behind):
        records = await behind.records(count)
    plain = [{k: v for k, v in record.items() if k not in ADDED} for record in records]
    assert plain == events()[:count]
    tagged = [record["event"]["id"] for record in records if "eql" in record]
    assert tagged == ([] if count == 20 else [FIRST_ALERT])


async def test_the_telemetry_of_fluent_bit_is_passed_on_undecoded() -> None:
    path = TESTS / "captures" / "fb_metrics.bin"
    async with playing(path) as (_, behind):
        await behind.received(len(frames_of(path)))
        assert {frame.signal for frame in behind.frames} == {1}


async def test_two_tails_of_fluent_bit_give_the_four_alerts_in_place() -> None:
    path = TESTS / "captures" / "fb_two_inputs.bin"
    expected = [
        json.loads(line) for line in (SAMPLES / "expected_alerts.ndjson").read_text().splitlines()
    ]
    async with playing(path) as (_, behind):
        records = await behind.records(596)
        tagged = [record for record in records if "eql-alert" in record.get("tags", ())]
        assert {frame.tag for frame in behind.frames} == {f.tag for f in frames_of(path)}
    found = [
        {
            "network_event_id": alert["sequence"]["events"][0]["event.id"],
            "file_event_id": record["event"]["id"],
            **alert["sequence"]["by"],
            "destination.ip": alert["sequence"]["events"][0]["destination.ip"],
            "file.path": record["file"]["path"],
            "network_timestamp": alert["sequence"]["events"][0]["@timestamp"],
            "file_timestamp": record["@timestamp"],
        }
        for record in tagged
        for alert in record["eql"]["alerts"]
    ]
    assert found == expected
    known = {event["event"]["id"]: event for event in events()}
    untagged = [record for record in records if record not in tagged]
    assert untagged == [known[record["event"]["id"]] for record in untagged]
