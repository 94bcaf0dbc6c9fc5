"""The samples of sources, and what has the programs write such records."""

from __future__ import annotations

import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.shim import PythonFilter
from fluent_eql.sources import SOURCES
from fluent_eql.sources.falco import FILES
from fluent_eql.sources.tetragon import CONNECTS, CREATION_TAG, CREATIONS
from fluent_eql.testing import FilterDriver
from fluent_pipeline.cli import main
from fluent_pipeline.config import load_config
from fluent_pipeline.recordings import read_events
from support.events import SECOND
from support.rules import driver
from support.sources import MAKERS, OUT, STORY, Record, alerts_of, connects, creates, sysmon

FOLDER = Path(__file__).parents[2] / "examples" / "sources"
ALL = pytest.mark.parametrize("source", SOURCES)


def directories() -> list[str]:
    """The directories whose programs the shipped rule is about."""
    (rule,) = EqlFilter.create(EqlOptions()).rules
    listed = rule.query_text.partition("process.executable like (")[2].partition(")")[0]
    return sorted(text.rstrip("*") for text in re.findall(r'"([^"]+)"', listed))


DIRECTORIES = directories()


@ALL
def test_a_sample_is_the_story_in_the_words_of_its_source(source: str) -> None:
    lines = (FOLDER / f"{source}.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [MAKERS[source](doing) for doing in STORY]


@ALL
def test_a_sample_replays_to_its_two_alerts(source: str) -> None:
    told: list[object] = []
    stream = io.BytesIO((FOLDER / f"{source}.ndjson").read_bytes())
    events = read_events(stream, source, lambda *what: told.append(what))
    found = alerts_of(source, [event.record for event in events][::-1])
    assert told == []
    assert {alert["sequence"]["span_ns"] for alert in found} == {2 * SECOND, 5 * SECOND}
    assert len({alert["id"] for alert in found}) == 2


@ALL
def test_a_sample_replays_on_the_command_line(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(f"pipeline: {{filters: [{{name: eql, source: {source}}}]}}")
    sample = str(FOLDER / f"{source}.ndjson")
    assert main(["replay", "--json", "--config", str(config), sample]) == 0
    alerts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [alert["sequence"]["by"]["host.id"] for alert in alerts] == ["web-1", "web-1"]
    files = [alert["sequence"]["events"][1]["file.path"] for alert in alerts]
    assert files == [OUT, "/tmp/stage2.bin"]


def test_the_relay_has_a_filter_for_each_source() -> None:
    config = load_config(FOLDER / "relay.yaml", environ={}, working=FOLDER)
    filters = [item for item in config.filters if isinstance(item.options, EqlOptions)]
    assert {item.options.source for item in filters} == set(SOURCES)


def test_the_agent_sends_to_the_relay() -> None:
    agent = yaml.safe_load((FOLDER / "fluent-bit.yaml").read_text())
    relay = yaml.safe_load((FOLDER / "relay.yaml").read_text())
    (output,), (listener,) = agent["pipeline"]["outputs"], relay["pipeline"]["inputs"]
    assert (output["host"], output["port"]) == (listener["listen"], listener["port"])
    assert {item["tag"] for item in agent["pipeline"]["inputs"]} == set(SOURCES) - {"tracee"}


def policy(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


def test_tetragons_policy_has_hooks_that_are_known() -> None:
    hooks = policy("tetragon-policy.yaml")["spec"]["kprobes"]
    assert [hook["call"] in CONNECTS for hook in hooks] == [True, False]
    assert [hook["call"] in CREATIONS for hook in hooks] == [False, True]
    assert hooks[1]["tags"] == [CREATION_TAG]
    for hook in hooks:
        ((binaries,),) = [selector["matchBinaries"] for selector in hook["selectors"]]
        assert sorted(binaries["values"]) == DIRECTORIES


def test_falcos_rules_put_out_what_is_read() -> None:
    macro, connection, file = yaml.safe_load((FOLDER / "falco-rules.yaml").read_text())
    assert sorted(re.findall(r"startswith (\S+?)\)?(?: or|$|\s|\))", macro["condition"])) == (
        DIRECTORIES
    )
    shared = {"evt.type", "proc.exepath", "proc.pid", "proc.pid.ts"}
    put_out = [set(re.findall(r"%([a-z0-9_.]+)", rule["output"])) for rule in (connection, file)]
    assert put_out[0] >= shared | {"fd.sip", "fd.sport"}
    assert put_out[1] >= shared | {"evt.is_open_create", FILES[-1]}
    assert "evt.is_open_create = true" in file["condition"]


def test_traces_policy_selects_the_events_that_are_known() -> None:
    events = [rule["event"] for rule in policy("tracee-policy.yaml")["spec"]["rules"]]
    names = {MAKERS["tracee"](doing)["eventName"] for doing in (connects(), creates())}
    assert set(events) == names


def test_sysmons_configuration_includes_both_events() -> None:
    root = ElementTree.parse(FOLDER / "sysmon.xml").getroot()
    for name in ("NetworkConnect", "FileCreate"):
        (event,) = root.iter(name)
        assert event.get("onmatch") == "include"
        assert sorted(image.text or "" for image in event) == DIRECTORIES


def test_the_audit_rules_are_for_the_calls_that_are_known() -> None:
    text = (FOLDER / "auditd.rules").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("##")]
    form = re.compile(r"-a always,exit -F arch=b64 -S [\w,]+( -F \S+)* -k \w+")
    assert all(map(form.fullmatch, lines))
    calls = {call for line in lines for call in re.findall(r"-S (\S+)", line)[0].split(",")}
    assert calls == {"connect", "open", "openat", "openat2", "creat", "execve", "execveat"}
    assert tomllib.loads((FOLDER / "laurel.toml").read_text())["translate"]["universal"] is True


def xml_of(record: Record) -> str:
    """The line that Sysmon writes for a record of its events."""
    system = {**record["System"]}
    provider = system.pop("Provider")
    head = "".join(f"<{name}>{value}</{name}>" for name, value in system.items())
    data = "".join(
        f'<Data Name="{name}">{value}</Data>' for name, value in record["EventData"].items()
    )
    return (
        f'<Event><System><Provider Name="{provider}" Guid="{{1}}"/>{head}</System>'
        f"<EventData>{data}</EventData></Event>"
    )


@pytest.fixture
def reading() -> FilterDriver:
    return FilterDriver.of(PythonFilter, script=str(FOLDER / "sysmon_xml.py"), call="to_json")


@pytest.mark.parametrize("key", ["message", "MESSAGE", "log"])
def test_sysmons_xml_is_read_and_found_to_be_an_alert(reading: FilterDriver, key: str) -> None:
    lines = [{key: f"Nov 24 sysmon[1]: {xml_of(sysmon(d))}"} for d in (connects(), creates())]
    read = reading.send(lines).out
    for line, record, doing in zip(lines, read, (connects(), creates()), strict=True):
        assert record[key] == line[key]
        assert record["EventData"] == sysmon(doing)["EventData"]
        assert record["System"]["EventID"] == sysmon(doing)["System"]["EventID"]
    runner = driver(source="sysmon", reorder_window=None)
    assert [len(runner.send([record]).alerts) for record in read] == [0, 0]
    assert len(runner.flush().alerts) == 1


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        "<Event><System></Event>",
        "<Event><!DOCTYPE x></Event>",
        "<Event><![CDATA[x]]></Event>",
        "",
    ],
)
def test_what_is_no_event_of_sysmon_stays_as_it_is(reading: FilterDriver, text: str) -> None:
    assert reading.send([{"message": text}, {"n": 1}]).kept == [{"message": text}, {"n": 1}]
