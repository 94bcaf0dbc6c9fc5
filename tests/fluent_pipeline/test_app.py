from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from fluent_pipeline.app import Relay, stages_of
from fluent_pipeline.config import parse_config
from fluent_pipeline.errors import ConfigError
from support.events import SECOND, Scene
from support.frames import ack_of, forward_frame
from support.relays import client_of, configuration, running_relay
from support.target import WAIT, target

PAIR = forward_frame([Scene().network(0), Scene().file(SECOND)], chunk="c")
HELD_FOR_LONG = {"reorder_window": "1h"}


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(WAIT):
        while not is_so():
            await asyncio.sleep(0.005)


async def test_a_stop_decides_and_delivers_what_is_held_and_acknowledges_it() -> None:
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            eql=HELD_FOR_LONG,
            forward_output={"require_ack_response": True},
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(PAIR.raw)
            await client.expect_silence()
            assert behind.frames == []
            await relay.stop()
            (_, file) = await behind.records(2)
            assert await client.read_to_end() == ack_of("c")
    assert "eql-alert" in file["tags"]


async def test_run_serves_until_it_is_told_to_stop() -> None:
    relay = Relay(parse_config(configuration(outputs=[{"name": "stdout"}])))
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    async with asyncio.timeout(WAIT):
        while not relay.listeners[0].address:
            await asyncio.sleep(0.001)
        stop.set()
        await running
    with pytest.raises(ConnectionError):
        async with client_of(relay):
            pass


async def test_a_port_in_use_is_an_error_that_names_it_and_nothing_stays_open() -> None:
    async with target() as behind:
        text = configuration(forward_input={"port": behind.port}, outputs=[{"name": "stdout"}])
        relay = Relay(parse_config(text))
        with pytest.raises(OSError, match=str(behind.port)):
            await relay.run(asyncio.Event())


async def test_records_go_to_a_file_as_ndjson(tmp_path: Path) -> None:
    output = {"name": "file", "path": str(tmp_path), "file": "out.ndjson"}
    text = configuration(eql={"reorder_window": "0"}, outputs=[output])
    async with running_relay(text) as relay, client_of(relay) as client:
        await client.send(PAIR.raw)
        await client.read_until(ack_of("c"))
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert [("eql" in line) for line in lines] == [False, True]


async def test_health_is_503_while_the_target_is_down_and_200_while_it_is_up() -> None:
    async with target() as behind, aiohttp.ClientSession() as http:
        await behind.stop()
        text = configuration(
            target_port=behind.port,
            service={"http_server": "on", "http_port": 0, "grace": "10ms"},
        )
        async with running_relay(text) as relay:
            assert relay.monitor is not None
            url = relay.monitor.address + "/api/v1/health"
            async with http.get(url) as answer:
                assert answer.status == 503
                (trouble,) = (await answer.json())["troubles"]
                assert f"127.0.0.1:{behind.port}" in trouble
            await behind.start(behind.port)
            async with asyncio.timeout(WAIT):
                while True:
                    async with http.get(url) as answer:
                        if answer.status == 200:
                            break
                    await asyncio.sleep(0.01)


async def test_health_is_503_while_the_buffer_is_full() -> None:
    async with target() as behind, aiohttp.ClientSession() as http:
        behind.acks = False
        text = configuration(
            target_port=behind.port,
            service={"http_server": "on", "http_port": 0, "mem_buf_limit": 100},
            forward_output={"require_ack_response": True},
            eql={"reorder_window": "0"},
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            assert relay.monitor is not None
            await client.send(PAIR.raw)
            async with asyncio.timeout(WAIT):
                while not any("mem_buf_limit" in trouble for trouble in relay.troubles()):
                    await asyncio.sleep(0.01)
            async with http.get(relay.monitor.address + "/api/v1/health") as answer:
                assert answer.status == 503
            await behind.received(1)
            behind.acknowledge()
            await client.read_until(ack_of("c"))
            async with http.get(relay.monitor.address + "/api/v1/health") as answer:
                assert answer.status == 200


async def test_metrics_tell_of_frames_records_and_alerts() -> None:
    async with target() as behind, aiohttp.ClientSession() as http:
        text = configuration(
            target_port=behind.port,
            service={"http_server": "on", "http_port": 0},
            eql={"reorder_window": "0"},
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            assert relay.monitor is not None
            await client.send(PAIR.raw)
            await client.read_until(ack_of("c"))
            async with http.get(relay.monitor.address + "/metrics") as answer:
                page = await answer.text()
    (alerts,) = re.findall(
        r'^fluent_eql_alerts_total\{(.*late="false".*)\} 1\.0$', page, re.MULTILINE
    )
    assert 'rule="network_connection_followed_by_file_creation"' in alerts
    assert 'fluent_eql_input_frames_total{name="forward.0"} 1.0' in page
    assert 'fluent_eql_output_frames_total{name="forward.0"} 1.0' in page


def test_the_rules_are_compiled_before_anything_is_opened(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('[rule]\nname = "x"\nquery = "process where ="\n')
    text = configuration(target_port=24224, eql={"rules": str(bad)})
    with pytest.raises(ConfigError, match=r"bad\.toml:\d+"):
        Relay(parse_config(text))


def test_a_filter_of_the_configuration_becomes_a_stage_with_its_match_and_prefix() -> None:
    text = configuration(target_port=24224, eql={"match": "endpoint.*", "tag_prefix": "eql."})
    (stage,) = stages_of(parse_config(text))
    assert [stage.matches(tag) for tag in ("endpoint.x", "app")] == [True, False]
    assert (stage.name, stage.tag_prefix) == ("eql.0", "eql.")


async def test_a_sequence_whose_events_straddle_a_restart_is_found(tmp_path: Path) -> None:
    scene = Scene()
    network = forward_frame([scene.network(0)], chunk="n")
    file = forward_frame([scene.file(SECOND)], chunk="f")
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            service={"storage.path": str(tmp_path)},
            eql={"reorder_window": "0"},
        )
        for frame, ack in ((network, "n"), (file, "f")):
            async with running_relay(text) as relay, client_of(relay) as client:
                await client.send(frame.raw)
                await client.read_until(ack_of(ack))
        (_, tagged) = await behind.records(2)
    assert "eql-alert" in tagged["tags"]


async def test_damaged_notes_are_told_and_the_relay_starts_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state" / "eql.0").mkdir(parents=True)
    (tmp_path / "state" / "eql.0" / "1.notes").write_bytes(b"nonsense")
    async with target() as behind:
        text = configuration(target_port=behind.port, service={"storage.path": str(tmp_path)})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(forward_frame([{"a": 1}], chunk="c").raw)
            await client.read_until(ack_of("c"))
    assert "damaged and not taken up" in caplog.text


async def test_notes_that_cannot_be_kept_are_trouble(tmp_path: Path) -> None:
    async with target() as behind:
        text = configuration(target_port=behind.port, service={"storage.path": str(tmp_path)})
        async with running_relay(text) as relay, client_of(relay) as client:
            (tmp_path / "state" / "eql.0").rename(tmp_path / "away")
            await client.send(forward_frame([Scene().network(0)], chunk="c").raw)
            await client.read_until(ack_of("c"))
            assert any("cannot be kept" in trouble for trouble in relay.troubles())


async def test_what_has_not_been_delivered_is_not_noted(tmp_path: Path) -> None:
    scene = Scene()
    async with target() as behind:
        behind.acks = False
        text = configuration(
            target_port=behind.port,
            service={"storage.path": str(tmp_path), "grace": "10ms"},
            eql={"reorder_window": "0", "alert_copies": True},
            forward_output={"require_ack_response": True},
        )
        frames = [forward_frame([event], chunk="c") for event in (scene.network(0),)]
        frames.append(forward_frame([scene.file(SECOND)], chunk="f"))
        async with running_relay(text) as relay, client_of(relay) as client:
            for frame in frames:
                await client.send(frame.raw)
            await behind.received(3)
        behind.acks = True
        behind.frames.clear()
        async with running_relay(text) as relay, client_of(relay) as client:
            for frame in frames:
                await client.send(frame.raw)
            await client.read_until(ack_of("c") + ack_of("f"))
        tags = [frame.tag for frame in behind.frames]
    assert tags.count("eql.alert.network_connection_followed_by_file_creation") == 1


async def test_a_stop_reads_nothing_more_even_where_a_full_buffer_drains() -> None:
    frames = [forward_frame([{"text": "x" * 20_000}], chunk=f"c{n}") for n in range(60)]
    async with target() as behind:
        behind.acks = False
        text = configuration(
            target_port=behind.port,
            service={"mem_buf_limit": "100k", "grace": "2s"},
            filters=[],
            forward_output={"require_ack_response": True},
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            sending = asyncio.create_task(client.send(b"".join(frame.raw for frame in frames)))
            await until(lambda: any("mem_buf_limit" in reason for reason in relay.unready()))
            await until(lambda: len(behind.frames) == relay.pending)
            stopping = asyncio.create_task(relay.stop())
            await until(lambda: "stopping" in list(relay.unready()))
            taken = len(behind.frames)
            behind.acknowledge()
            await stopping
            sending.cancel()
            assert relay.pending == 0
        assert len(behind.frames) == taken


async def test_a_wrong_rule_of_a_folder_is_told_and_the_others_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rule = '[rule]\nname = "{0}"\nrule_id = "{0}"\nseverity = "low"\nrisk_score = 1\n'
    (tmp_path / "a.toml").write_text(rule.format("a") + 'query = "any where x == 1"\n')
    (tmp_path / "b.toml").write_text(rule.format("b") + 'query = "any where ="\n')
    async with target() as behind:
        text = configuration(target_port=behind.port, eql={"rules": str(tmp_path)})
        async with running_relay(text) as relay, client_of(relay) as client:
            await client.send(forward_frame([{"x": 1}], chunk="c").raw)
            await client.read_until(ack_of("c"))
        (record,) = await behind.records(1)
    assert record["eql"]["alerts"][0]["rule"]["id"] == "a"
    assert "b.toml:6:" in caplog.text


async def test_an_alert_can_be_looked_at_with_the_records_that_it_rests_on() -> None:
    scene = Scene()
    network, file = scene.network(0), scene.file(SECOND)
    async with target() as behind, aiohttp.ClientSession() as http:
        text = configuration(
            target_port=behind.port,
            service={"http_server": "on", "http_port": 0},
            eql={"reorder_window": "0"},
        )
        async with running_relay(text) as relay, client_of(relay) as client:
            assert relay.monitor is not None
            await client.send(forward_frame([network, file], chunk="c").raw)
            await client.read_until(ack_of("c"))
            alerts = f"{relay.monitor.address}/api/v1/alerts"
            async with http.get(alerts) as answer:
                [item] = (await answer.json())["alerts"]
            async with http.get(f"{alerts}/{item['alert']['id']}") as answer:
                found = await answer.json()
            async with http.get(f"{relay.monitor.address}/api/v1/rules") as answer:
                [known] = (await answer.json())["rules"]
            async with http.get(f"{relay.monitor.address}/api/v1/status") as answer:
                totals = (await answer.json())["totals"]
    assert item["host"] == file["host"]["name"]
    assert [json.loads(event["record"]) for event in found["events"]] == [network, file]
    assert found["events"][1]["gap_ns"] == SECOND
    assert found["rule"]["maxspan_ns"] == 5 * SECOND
    assert known["counts"]["alerts"] == 1
    assert (totals["records"], totals["frames"]) == (2, 1)


async def test_it_is_ready_from_its_start_to_its_stop_unless_it_has_no_room() -> None:
    async with target() as behind:
        behind.acks = False
        text = configuration(
            target_port=behind.port,
            service={"mem_buf_limit": 100},
            forward_output={"require_ack_response": True},
            eql={"reorder_window": "0"},
        )
        relay = Relay(parse_config(text, source="test.yaml"))
        assert list(relay.unready()) == ["starting"]
        await relay.start()
        assert list(relay.unready()) == []
        async with client_of(relay) as client:
            await client.send(PAIR.raw)
            async with asyncio.timeout(WAIT):
                while not any("mem_buf_limit" in reason for reason in relay.unready()):
                    await asyncio.sleep(0.01)
            await behind.received(1)
            behind.acknowledge()
            await client.read_until(ack_of("c"))
        await relay.stop()
    assert list(relay.unready()) == ["stopping"]
