"""conf/scaling: all who share hosts out do it alike, and nobody spreads those of a host."""

from __future__ import annotations

import hashlib
import random
import re
import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.app import Relay
from fluent_pipeline.cli import parser
from fluent_pipeline.config import ForwardOutputConfig, load_config

FOLDER = Path(__file__).parents[2] / "conf/scaling"
FILES = sorted(FOLDER.iterdir())
SHARED_KEY = {"EQL_SHARED_KEY": "secret"}
FLUENT_BIT = {
    name: yaml.safe_load((FOLDER / name).read_text()) for name in ("agent.yaml", "collector.yaml")
}
FLUENTD = (FOLDER / "fluentd.conf").read_text()
SCRIPT = FOLDER / "choose-aggregator.sh"
DROP_IN = FOLDER / "fluent-bit.service.d.conf"
THREE = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
HOSTS = [hashlib.md5(str(number).encode()).hexdigest() for number in range(60)]


def by_name(path: Path) -> str:
    return path.name


OUTPUTS = load_config(FOLDER / "router.yaml", environ=SHARED_KEY, working=FOLDER).outputs


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_first_lines_say_what_it_is_and_what_to_run(path: Path) -> None:
    head = re.match(r"(#.*\n)+", path.read_text())
    assert head is not None
    assert re.search(r"^#   +\S.* conf/scaling/\S+", head[0], re.MULTILINE)
    for named in re.findall(r"conf/scaling/([\w.-]+\w)", path.read_text()):
        assert (FOLDER / named).exists()


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_the_commands_that_it_names_exist(path: Path) -> None:
    for command in re.findall(r"^#   fluent-eql (.+)$", path.read_text(), re.MULTILINE):
        assert parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_it_is_in_the_table_of_the_page(path: Path) -> None:
    page = (FOLDER.parents[1] / "docs/scaling.md").read_text()
    assert f"[{path.name}](../conf/scaling/{path.name})" in page


@pytest.mark.parametrize("name", ["router.yaml", "aggregator.yaml"])
def test_a_relay_can_be_made_of_its_configuration(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(FOLDER / name, environ=SHARED_KEY)
    Relay(config)
    assert config.inputs[0].options.listen == "0.0.0.0"
    assert config.inputs[0].options.shared_key == "secret"
    for output in config.outputs:
        assert isinstance(output.options, ForwardOutputConfig)
        assert output.options.require_ack_response


@pytest.mark.parametrize("name", FLUENT_BIT)
def test_fluent_bit_loses_nothing_and_does_not_deal_events_out_in_turn(name: str) -> None:
    pipeline = FLUENT_BIT[name]["pipeline"]
    assert "storage.path" in FLUENT_BIT[name]["service"]
    assert [taken["storage.type"] for taken in pipeline["inputs"]] == ["filesystem"]
    for output in pipeline["outputs"]:
        assert output["require_ack_response"] is True
        assert output["retry_limit"] == "no_limits"
        assert "upstream" not in output


def of_the_router(tag: str) -> list[str]:
    """The aggregators that get an event with that tag while all are up."""
    return [
        node.options.host
        for output in OUTPUTS
        if output.match.accepts(tag)
        for node in output.nodes
        if not node.standby
    ]


def of_the_collector(host: str) -> list[str]:
    pipeline = FLUENT_BIT["collector.yaml"]["pipeline"]
    hosts = {output["alias"]: output["host"] for output in pipeline["outputs"]}
    low, others = pipeline["inputs"][0]["routes"]["logs"]
    (rule,) = low["condition"]["rules"]
    assert (rule["field"], rule["op"]) == ("$host['id']", "regex")
    assert others["condition"] == {"default": True}
    route = low if re.search(rule["value"], host) else others
    return [hosts[name] for name in route["to"]["outputs"]]


def of_fluentd(host: str) -> list[str]:
    for pattern, body in re.findall(r"<match (\S+)>\n(.*?)</match>", FLUENTD, re.DOTALL):
        digits = re.fullmatch(r"host\.\{(.+)\}\*\.\*\*", pattern)
        if digits is None or host[0] in digits[1].split(","):
            servers = re.findall(r"<server>\n(.*?)</server>", body, re.DOTALL)
            first = [server for server in servers if "standby" not in server]
            return [found for server in first for found in re.findall(r"host (\S+)", server)]
    return []


@pytest.mark.parametrize("digit", "0123456789abcdef")
def test_all_who_share_hosts_out_decide_alike(digit: str) -> None:
    host = digit + HOSTS[0][1:]
    expected = ["10.0.0.1" if digit < "8" else "10.0.0.2"]
    tag = FLUENT_BIT["agent.yaml"]["pipeline"]["inputs"][0]["tag"]
    assert of_the_router(tag.replace("${MACHINE_ID}", host)) == expected
    assert of_the_collector(host) == expected
    assert of_fluentd(host) == expected


@given(st.text(min_size=1))
def test_the_router_has_one_output_for_every_tag(tag: str) -> None:
    assert sum(output.match.accepts(tag) for output in OUTPUTS) == 1


def test_each_aggregator_of_the_router_stands_by_for_the_other() -> None:
    nodes = [[(n.options.host, n.standby) for n in output.nodes] for output in OUTPUTS]
    first, second = THREE[:2]
    assert nodes == [[(first, False), (second, True)], [(second, False), (first, True)]]


def chosen(host: str, *aggregators: str) -> str:
    done = subprocess.run(
        ["sh", SCRIPT, host, *aggregators], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def choices() -> dict[str, str]:
    return {host: chosen(host, *THREE) for host in HOSTS}


def test_the_script_gives_each_aggregator_its_share(choices: dict[str, str]) -> None:
    shares = Counter(choices.values())
    assert set(shares) == set(THREE)
    assert min(shares.values()) > len(HOSTS) / 6


def test_the_order_of_the_list_does_not_matter(choices: dict[str, str]) -> None:
    for host in HOSTS[:10]:
        assert chosen(host, *random.Random(host).sample(THREE, 3)) == choices[host]


def test_only_the_hosts_of_an_aggregator_that_goes_change_places(choices: dict[str, str]) -> None:
    for host in HOSTS[:20]:
        after = chosen(host, *THREE[:2])
        assert after == choices[host] or choices[host] == THREE[2]


def test_the_drop_in_writes_the_choice_into_the_file_that_the_service_reads(
    tmp_path: Path,
) -> None:
    text = DROP_IN.read_text()
    (command,) = re.findall(r"^ExecStartPre=(.+)$", text, re.MULTILINE)
    (names,) = re.findall(r'^Environment="EQL_AGGREGATORS=(.+)"$', text, re.MULTILINE)
    assert "EnvironmentFile=-/run/fluent-bit/aggregator\n" in text
    assert "RuntimeDirectory=fluent-bit\n" in text
    for systemd, here in (
        ("$$", "$"),
        ("%m", HOSTS[0]),
        ("/etc/fluent-bit/choose-aggregator.sh", str(SCRIPT)),
        ("/run/fluent-bit", str(tmp_path)),
    ):
        command = command.replace(systemd, here)
    subprocess.run(
        shlex.split(command), env={"EQL_AGGREGATORS": names, "PATH": "/bin:/usr/bin"}, check=True
    )
    assert (tmp_path / "aggregator").read_text() == f"EQL_AGGREGATOR={chosen(HOSTS[0], *THREE)}\n"


def test_systemd_finds_nothing_wrong_with_the_drop_in(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze (Debian, Ubuntu: apt install systemd)")
    unit = tmp_path / "fluent-bit.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / "fluent-bit.service.d").mkdir()
    shutil.copy(DROP_IN, tmp_path / "fluent-bit.service.d/aggregator.conf")
    command = [program, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
