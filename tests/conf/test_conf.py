"""Every file under conf/ loads, and says in its first lines how to run it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from fluent_eql.rules import load_rules
from fluent_pipeline.app import Relay
from fluent_pipeline.cli import parser
from fluent_pipeline.config import ForwardOutputConfig, load_config

CONF = Path(__file__).parent.parent.parent / "conf"
FILES = sorted(path for path in CONF.iterdir() if path.is_file() and path.suffix != ".md")
RELAYS = [path for path in FILES if path.name.startswith("fluent-eql")]
FLUENT_BIT = [path for path in FILES if path.name.startswith("fluent-bit")]
FLUENTD = [path for path in FILES if path.name.startswith("fluentd")]


COMMAND = re.compile(r"(?:#   |\s+command )fluent-eql (.+)")


def by_name(path: Path) -> str:
    return path.name


def commands_in(path: Path) -> list[str]:
    return [found[1] for line in path.read_text().splitlines() if (found := COMMAND.match(line))]


def sections(path: Path, kind: str, name: str) -> list[dict[str, Any]]:
    items = yaml.safe_load(path.read_text())["pipeline"][kind]
    return [item for item in items if item["name"] == name]


def test_the_files_are_of_the_kinds_that_are_checked_here() -> None:
    assert {*RELAYS, *FLUENT_BIT, *FLUENTD, CONF / "logstash.conf"} == set(FILES)
    assert (len(RELAYS), len(FLUENT_BIT), len(FLUENTD)) == (3, 3, 2)


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_first_lines_say_how_to_run_it(path: Path) -> None:
    head = re.match(r"(#.*\n)+", path.read_text())
    assert head is not None
    assert f"conf/{path.name}" in head[0]
    for named in re.findall(r"conf/([\w.-]+)", head[0]):
        assert (CONF / named).exists()


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_commands_that_it_names_exist(path: Path) -> None:
    for command in commands_in(path):
        assert parser().parse_args(shlex.split(command))


def test_each_file_but_those_of_fluent_bit_names_a_command_of_ours() -> None:
    without = {path for path in FILES if not commands_in(path)}
    assert without == {CONF / "fluent-bit-chain.yaml", CONF / "fluent-bit-receiver.yaml"}


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_samples_that_it_names_exist(path: Path) -> None:
    for named in re.findall(r"\$PWD/(\S+)", path.read_text()):
        assert (CONF.parent / named).is_file()


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_it_is_in_the_table_of_the_readme(path: Path) -> None:
    assert f"[{path.name}]({path.name})" in (CONF / "README.md").read_text()


@pytest.mark.parametrize("path", RELAYS, ids=by_name)
def test_a_relay_can_be_made_of_its_configuration(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(path)
    Relay(config)
    assert config.inputs[0].options.listen == "127.0.0.1"


@pytest.mark.parametrize("path", FLUENT_BIT, ids=by_name)
def test_fluent_bit_loses_nothing_on_its_way_to_the_relay(path: Path) -> None:
    service = yaml.safe_load(path.read_text())["service"]
    for output in sections(path, "outputs", "forward"):
        assert output["port"] == 24225
        assert output["require_ack_response"] is True
        assert output["retry_limit"] == "no_limits"
        assert "storage.path" in service
    for tail in sections(path, "inputs", "tail"):
        assert tail["storage.type"] == "filesystem"


def test_what_comes_back_in_the_loop_cannot_go_out_again() -> None:
    (relay,) = load_config(CONF / "fluent-eql-loop.yaml").filters
    (sent,) = sections(CONF / "fluent-bit-loop.yaml", "outputs", "forward")
    (kept,) = sections(CONF / "fluent-bit-loop.yaml", "outputs", "stdout")
    assert (relay.tag_prefix, sent["match"], kept["match"]) == ("eql.", "endpoint.*", "eql.*")


@pytest.mark.parametrize("path", FLUENTD, ids=by_name)
def test_the_sections_of_a_fluentd_configuration_are_closed(path: Path) -> None:
    opened: list[str] = []
    for line in path.read_text().splitlines():
        if found := re.match(r"\s*<(/?)([a-z]+)[^>]*>$", line):
            if found[1]:
                assert opened.pop() == found[2]
            else:
                opened.append(found[2])
    assert opened == []


def test_the_braces_of_the_logstash_configuration_are_closed() -> None:
    text = re.sub(r"#.*", "", (CONF / "logstash.conf").read_text())
    assert text.count("{") == text.count("}") == 5
    assert "codec => fluent {" in text
    assert "nanosecond_precision => true" in text


def test_the_relay_asks_logstash_only_for_what_its_codec_knows() -> None:
    (output,) = load_config(CONF / "fluent-eql-logstash.yaml").outputs
    assert isinstance(output.options, ForwardOutputConfig)
    assert not output.options.require_ack_response
    assert (output.options.entry_format, output.options.compress) == ("v1", "none")


def test_the_rules_load() -> None:
    assert [rule.name for rule in load_rules([CONF / "rules"]).rules] == [
        "Network Connection Followed by File Creation"
    ]
