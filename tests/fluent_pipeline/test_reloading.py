"""A changed configuration, and a relay that reads it again while it runs."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from fluent_pipeline.app import stages_of
from fluent_pipeline.config import Config, parse_config
from fluent_pipeline.errors import ConfigError
from fluent_pipeline.reloading import left_for_a_restart, reread, successors_of
from support.events import SECOND, Scene
from support.frames import ack_of, forward_frame
from support.observed import HTTP, Observed, observed_relay
from support.relays import configuration
from support.rules import rule_file
from support.target import WAIT, Target, target

RULE = """
[rule]
rule_id = "{id}"
name = "{id}"
severity = "low"
risk_score = 1
query = '{query}'
"""


def write_rule(folder: Path, id: str, query: str) -> None:
    rule_file(folder, f"{id}.toml", RULE.format(id=id, query=query))


def config(**keys: object) -> Config:
    return parse_config(configuration(**{"outputs": [{"name": "stdout"}], **keys}))  # type: ignore[arg-type]


def test_a_filter_is_made_anew_though_its_section_is_the_same(tmp_path: Path) -> None:
    write_rule(tmp_path, "one", "n where true")
    before = config(eql={"rules": [str(tmp_path)]})
    stages = stages_of(before)
    write_rule(tmp_path, "two", "m where true")
    successors = successors_of(stages, before, before)
    assert [rule.id for rule in successors[0].rules] == ["one", "two"]  # type: ignore[attr-defined]
    assert [rule.id for rule in stages[0].filter.rules] == ["one"]  # type: ignore[attr-defined]


def test_a_filter_that_cannot_be_made_changes_nothing(tmp_path: Path) -> None:
    write_rule(tmp_path, "one", "n where true")
    before = config(eql={"rules": [str(tmp_path)]})
    stages = stages_of(before)
    write_rule(tmp_path, "one", "n were true")
    with pytest.raises(ConfigError, match=r"one\.toml:7"):
        successors_of(stages, before, before)


def test_what_a_filter_objects_to_is_an_error_with_its_name(tmp_path: Path) -> None:
    before, after = config(), config(eql={"reorder_window": "9s"})
    with pytest.raises(ConfigError, match=r"eql\.0: reorder_window: only a restart"):
        successors_of(stages_of(before), before, after)


@pytest.mark.parametrize(
    "filters",
    [
        [],
        [{"name": "eql", "match": "other"}],
        [{"name": "eql", "match": "*", "alias": "other"}],
        [{"name": "eql", "match": "*", "tag_prefix": "x."}],
    ],
)
def test_other_filters_need_a_restart(filters: list[dict[str, str]]) -> None:
    before, after = config(), config(filters=filters)
    with pytest.raises(ConfigError, match="only a restart"):
        successors_of(stages_of(before), before, after)


CALLBACK = "def keep(tag, timestamp, record):\n    return 0, timestamp, record\n"


def test_a_filter_that_cannot_be_changed_stays_and_its_keys_need_a_restart(tmp_path: Path) -> None:
    (tmp_path / "keep.py").write_text(CALLBACK)
    keys = {"name": "python", "match": "*", "script": str(tmp_path / "keep.py"), "call": "keep"}
    before = config(filters=[keys])
    stages = stages_of(before)
    assert successors_of(stages, before, config(filters=[keys])) == {}
    after = config(filters=[{**keys, "time_as_table": "on"}])
    with pytest.raises(ConfigError, match=r"python\.0: only a restart"):
        successors_of(stages, before, after)


def test_sections_that_are_not_read_again_are_told() -> None:
    before = config()
    assert left_for_a_restart(before, config()) == []
    assert left_for_a_restart(before, config(eql={"alert_tag": "x"})) == []
    after = config(service={"grace": "9s"}, forward_input={"port": 24_999}, outputs=[])
    assert left_for_a_restart(before, after) == ["service", "inputs"]


async def test_what_cannot_be_read_is_logged_and_raised(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Config:
        raise ConfigError("no such file", source="relay.yaml")

    before = config()
    with pytest.raises(ConfigError, match="no such file"):
        await reread(fail, stages_of(before), before)
    assert "the filters stay as they were" in caplog.text


async def heard(relay: Observed, text: str, times: int = 1) -> None:
    """Wait until the relay has logged a text so often."""
    async with asyncio.timeout(WAIT):
        while relay.log.count(text) < times:
            await asyncio.sleep(0.02)


async def tagged(relay: Observed, behind: Target, number: int) -> bool:
    """Whether the relay tags a record of the kind m."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    chunk = f"c{number}"
    writer.write(forward_frame([{"event.category": "m", "n": number}], chunk=chunk).raw)
    async with asyncio.timeout(WAIT):
        assert await reader.readexactly(len(ack_of(chunk))) == ack_of(chunk)
    writer.close()
    [record] = [event.record for event in behind.all_events() if event.record.get("n") == number]
    return "eql.alerts" in record


async def send(relay: Observed, *records: dict[str, object]) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(forward_frame(records).raw)
    await writer.drain()
    return writer


@pytest.mark.parametrize("workers", [1, 2])
async def test_on_sighup_rules_change_and_candidates_stay(tmp_path: Path, workers: int) -> None:
    rules = tmp_path / "rules"
    scene = Scene()
    write_rule(rules, "pair", "sequence by host.id [network where true] [file where true]")
    write_rule(rules, "single", "x where true")
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            service={**HTTP, "workers": workers},
            eql={"rules": [str(rules)], "reorder_window": "50ms"},
            forward_output={"require_ack_response": True},
        )
        async with observed_relay(tmp_path, text) as relay:
            await heard(relay, "connected to", workers)
            assert not await tagged(relay, behind, 0)
            first = await send(relay, scene.network(0))
            await behind.records(2)

            write_rule(rules, "single", "m where true")
            relay.process.send_signal(signal.SIGHUP)
            await heard(relay, "2 rules run: 1 unchanged, 1 changed")
            async with asyncio.timeout(WAIT):
                while not await tagged(relay, behind, len(behind.all_events())):
                    await asyncio.sleep(0.02)

            write_rule(rules, "single", "m were true")
            relay.process.send_signal(signal.SIGHUP)
            await heard(relay, "the filters stay as they were")
            assert "single.toml:7" in relay.log
            assert await tagged(relay, behind, len(behind.all_events()))

            second = await send(relay, scene.file(SECOND))
            await heard(relay, ": pair")
            first.close()
            second.close()


async def test_the_reload_by_http_says_what_could_not_be_done(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    write_rule(rules, "single", "m where true")
    text = configuration(
        service={**HTTP, "http_token": "s3cret"},
        eql={"rules": [str(rules)]},
        outputs=[{"name": "stdout"}],
    )
    async with observed_relay(tmp_path, text) as relay, aiohttp.ClientSession() as http:
        url, headers = relay.url + "/api/v1/reload", {"Authorization": "Bearer s3cret"}
        async with http.post(url, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok", "problems": []})
        write_rule(rules, "single", "m were true")
        async with http.post(url, headers=headers) as answer:
            assert answer.status == 500
            assert "single.toml:7" in (await answer.json())["problems"][0]
