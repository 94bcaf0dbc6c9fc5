from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fluent_pipeline.app import Relay
from fluent_pipeline.protocol.limits import Limits
from support.frames import ack_of, forward_frame
from support.relays import client_of, configuration, running_relay
from support.target import WAIT, Target, target

FRAMES = [forward_frame([{"n": number}], chunk=f"c{number}") for number in range(5)]
SENT = b"".join(frame.raw for frame in FRAMES)
ACKS = b"".join(ack_of(f"c{number}") for number in range(5))


def config_for(port: int, **output: Any) -> str:
    return configuration(target_port=port, filters=[], forward_output=output)


async def health(relay: Relay, *, wanted: bool) -> None:
    """Wait until the relay's health is as wanted."""
    async with asyncio.timeout(WAIT):
        while bool(list(relay.troubles())) == wanted:
            await asyncio.sleep(0.01)


async def test_a_client_is_acknowledged_only_when_the_target_has_acknowledged() -> None:
    async with target() as behind:
        behind.acks = False
        text = config_for(behind.port, require_ack_response=True)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await behind.received(5)
            await client.expect_silence()
            behind.acknowledge()
            await client.read_until(ACKS)


async def test_without_acks_from_the_target_the_client_is_acknowledged_when_it_is_written() -> None:
    async with target() as behind:
        behind.acks = False
        async with running_relay(config_for(behind.port)) as relay, client_of(relay) as client:
            await client.send(SENT)
            await client.read_until(ACKS)
            await behind.received(5)
        assert behind.raw == SENT


async def test_while_the_target_is_down_nothing_is_acknowledged_and_nothing_is_lost() -> None:
    async with target() as behind:
        await behind.stop()
        async with running_relay(config_for(behind.port)) as relay, client_of(relay) as client:
            await client.send(SENT)
            await health(relay, wanted=False)
            await client.expect_silence()
            await behind.start(behind.port)
            await client.read_until(ACKS)
            await health(relay, wanted=True)
            await behind.received(5)
        assert behind.raw == SENT


async def test_what_was_not_acknowledged_before_a_break_is_sent_again_in_its_order() -> None:
    async with target() as behind:
        behind.acks = False
        text = config_for(behind.port, require_ack_response=True)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await behind.received(5)
            behind.acks = True
            behind.disconnect()
            await behind.received(10)
            await client.read_until(ACKS)
        assert behind.raw == SENT * 2


async def test_a_chunk_without_an_ack_in_time_is_sent_again_on_a_new_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with target() as behind:
        behind.acks = False
        settings = {"require_ack_response": True, "ack_response_timeout": "100ms"}
        async with running_relay(config_for(behind.port, **settings)) as relay:
            async with client_of(relay) as client:
                await client.send(FRAMES[0].raw)
                await behind.received(1)
                behind.acks = True
                await client.read_until(ack_of("c0"))
    assert "no acknowledgement" in caplog.text


async def test_equal_chunks_of_two_clients_are_each_acknowledged_once() -> None:
    frame = FRAMES[0].raw
    async with target() as behind:
        behind.acks = False
        text = config_for(behind.port, require_ack_response=True)
        async with running_relay(text) as relay:
            async with client_of(relay) as first, client_of(relay) as second:
                await first.send(frame)
                await behind.received(1)
                await second.send(frame)
                await behind.received(2)
                behind.acknowledge()
                await first.read_until(ack_of("c0"))
                await second.read_until(ack_of("c0"))
                await first.expect_silence()


async def test_a_frame_without_a_chunk_is_not_waited_for() -> None:
    bare = forward_frame([{"n": 9}]).raw
    async with target() as behind:
        text = config_for(behind.port, require_ack_response=True)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(bare + FRAMES[0].raw)
            await client.read_until(ack_of("c0"))
            assert relay.pending == 0
        assert behind.raw == bare + FRAMES[0].raw


class Nonsense(Target):
    """Answers the first frame with bytes that are no acknowledgement."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = [b"\x93\x01\x02\x03", b"\xc1"]

    def _ack(self, frame: Any, writer: asyncio.StreamWriter) -> None:
        if self.answers:
            writer.write(self.answers.pop())
        else:
            super()._ack(frame, writer)


async def test_an_answer_that_is_no_ack_breaks_the_connection_and_loses_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with target(Nonsense()) as behind:
        text = config_for(behind.port, require_ack_response=True)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(FRAMES[0].raw)
            await client.read_until(ack_of("c0"))
    assert "expected an acknowledgement" in caplog.text
    assert len(behind.frames) == 3


async def test_acks_of_unknown_chunks_are_passed_over() -> None:
    class Chatty(Target):
        def _ack(self, frame: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(ack_of("unknown"))
            super()._ack(frame, writer)

    async with target(Chatty()) as behind:
        text = config_for(behind.port, require_ack_response=True)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(SENT)
            await client.read_until(ACKS)
    assert len(behind.frames) == 5


SECURED = {"shared_key": "k3y", "self_hostname": "second", "security.users": ["ann pw"]}


def second_relay(behind: Target, settings: dict[str, Any]) -> str:
    return configuration(target_port=behind.port, filters=[], forward_input=settings)


async def test_the_handshake_opens_a_target_that_asks_for_a_key_and_a_user() -> None:
    async with target() as behind:
        second = second_relay(behind, SECURED)
        async with running_relay(second) as inner:
            port = int(inner.listeners[0].address.rpartition(":")[2])
            login = {"shared_key": "k3y", "username": "ann", "password": "pw"}
            text = config_for(port, require_ack_response=True, **login)
            async with running_relay(text) as relay, client_of(relay) as client:
                await client.send(SENT)
                await client.read_until(ACKS)
        assert behind.raw == SENT


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        ({"shared_key": "guess"}, "the server refused: shared_key mismatch"),
        ({"shared_key": "k3y"}, "the server refused: username/password mismatch"),
    ],
)
async def test_a_refused_handshake_is_told_and_nothing_is_sent(
    login: dict[str, str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with target() as behind:
        async with running_relay(second_relay(behind, SECURED)) as inner:
            port = int(inner.listeners[0].address.rpartition(":")[2])
            text = configuration(
                target_port=port, filters=[], forward_output=login, service={"grace": "10ms"}
            )
            async with running_relay(text) as relay:
                async with client_of(relay) as client:
                    await client.send(SENT)
                    async with asyncio.timeout(WAIT):
                        while reason not in caplog.text:
                            await asyncio.sleep(0.01)
                    await client.expect_silence()
        assert behind.frames == []


async def test_a_unix_socket_is_a_target_too(tmp_path: Any) -> None:
    path = str(tmp_path / "target.sock")
    async with target() as behind:
        inner_text = configuration(
            target_port=behind.port, filters=[], forward_input={"unix_path": path}
        )
        async with running_relay(inner_text):
            text = configuration(filters=[], outputs=[{"name": "forward", "unix_path": path}])
            async with running_relay(text) as relay, client_of(relay) as client:
                await client.send(SENT)
                await client.read_until(ACKS)
            await behind.received(5)
        assert behind.raw == SENT


async def test_a_large_frame_is_split_and_acknowledged_once_all_parts_are() -> None:
    large = forward_frame([{"n": n, "text": "x" * 400} for n in range(10)], chunk="large")
    async with target() as behind:
        behind.acks = False
        text = config_for(behind.port, require_ack_response=True, chunk_limit_size="1k")
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(large.raw)
            parts = await behind.received(5)
            assert len({part.chunk for part in parts}) == 5
            await client.expect_silence()
            behind.acknowledge()
            await client.read_until(ack_of("large"))
        assert [record["n"] for record in await behind.records(10)] == list(range(10))


async def test_the_entry_format_and_compression_are_the_targets() -> None:
    entry = b"\x92\x92\x05\x81\xa1m\x01\x81\xa1a\x01"
    async with target() as behind:
        text = config_for(behind.port, entry_format="v1", compress="gzip")
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(b"\x92\xa1t\x91" + entry)
            (frame,) = await behind.received(1)
    assert frame.compressed == "gzip"
    assert bytes(frame.payload(Limits())) == b"\x92\x05\x81\xa1a\x01"


async def test_a_frame_of_which_the_target_takes_nothing_is_acknowledged() -> None:
    marker = b"\x92\x92\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80\x80"
    async with target() as behind:
        text = config_for(behind.port, entry_format="v1", require_ack_response=True)
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(b"\x93\xa1t\x91" + marker + b"\x81\xa5chunk\xa1c")
            await client.read_until(ack_of("c"))
        assert behind.frames == []
