from __future__ import annotations

from pathlib import Path

import pytest

from fluent_pipeline.config import ForwardOutputConfig, TargetNode, load_config
from fluent_pipeline.config.upstream import read_upstream
from fluent_pipeline.errors import ConfigError

CLASSIC = """# two aggregators
[UPSTREAM]
    name       aggregators

[NODE]
    name       first
    host       10.0.0.1
    port       ${PORT}

[NODE]
    Name       second
    Host       10.0.0.2
    Port       24225
    Weight     0.5
    Standby    on
    shared_key two words
"""

YAML = """
upstream_servers:
  - name: aggregators
    nodes:
      - {name: first, host: 10.0.0.1, port: "${PORT}"}
      - name: second
        host: 10.0.0.2
        port: 24225
        weight: 0.5
        standby: on
        shared_key: two words
"""
BASE = ForwardOutputConfig(require_ack_response=True, shared_key="base")


def read(folder: Path, text: str, name: str = "upstream.conf") -> tuple[TargetNode, ...]:
    path = folder / name
    path.write_text(text)
    return read_upstream(path, BASE, working=folder, variables={"PORT": "24224"})


def failure(folder: Path, text: str, name: str = "upstream.conf") -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, name)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(("text", "name"), [(CLASSIC, "up.conf"), (YAML, "up.yaml")])
def test_nodes_are_read_in_both_syntaxes_and_the_rest_is_the_outputs(
    text: str, name: str, tmp_path: Path
) -> None:
    first, second = read(tmp_path, text, name)
    assert first == TargetNode(
        "first",
        ForwardOutputConfig(
            host="10.0.0.1", port=24224, require_ack_response=True, shared_key="base"
        ),
    )
    assert (second.name, second.weight, second.standby) == ("second", 0.5, True)
    assert second.options.host == "10.0.0.2"
    assert second.options.shared_key == "two words"
    assert second.options.require_ack_response


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "upstream.conf:1:1: expected at least one node"),
        ("[UPSTREAM]\n name x\n", "upstream.conf:1:1: expected at least one node"),
        ("[NODES]\n", "upstream.conf:1:1: expected [UPSTREAM] or [NODE], found [NODES]"),
        ("[NODE]\n  name a\n  port many\n", "upstream.conf:3:8: port: expected a whole number"),
        ("[NODE]\n  name a\n  prot 1\n", "upstream.conf:3:3: node: unknown key prot; did you mean"),
        ("[NODE]\n  name a\n  name b\n", "upstream.conf:3:3: node: the key name is given twice"),
        ("[NODE]\n  host a\n", "upstream.conf:1:1: node: the key name is missing"),
        ("[NODE]\n name a\n weight 0\n", "upstream.conf:3:9: weight: expected a number above 0"),
        ("[NODE]\n name a\n host ${HOST}\n", "upstream.conf:3:7: host: the variable ${HOST}"),
        ("[NODE]\n name a\n compress gzip\n", "upstream.conf:3:2: node: unknown key compress"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(
    text: str, message: str, tmp_path: Path
) -> None:
    assert failure(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servers: []\n", "up.yaml:1:1: expected upstream_servers, found servers"),
        ("upstream_servers: 5\n", "up.yaml:1:19: upstream_servers: expected a list"),
        ("upstream_servers: [{nodes: []}]\n", "up.yaml:1:1: expected at least one node"),
        (
            "upstream_servers:\n- nodes: []\n- nodes: []\n",
            "up.yaml:3:3: upstream_servers: expected",
        ),
        ("a: [\n", "up.yaml:2:1: "),
    ],
)
def test_what_is_wrong_in_yaml_is_told_as_in_a_configuration(
    text: str, message: str, tmp_path: Path
) -> None:
    assert failure(tmp_path, text, "up.yaml").startswith(message)


def test_an_output_names_its_file_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "up.conf").write_text("[NODE]\n name a\n host 10.0.0.1\n port 1\n")
    config = tmp_path / "relay.yaml"
    config.write_text("pipeline:\n  outputs:\n    - {name: forward, upstream: up.conf}\n")
    (output,) = load_config(config).outputs
    assert [(node.name, node.options.host) for node in output.nodes] == [("a", "10.0.0.1")]


def test_without_a_file_the_output_is_its_own_target(tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("pipeline:\n  outputs:\n    - {name: forward, host: 10.0.0.9}\n")
    (output,) = load_config(config).outputs
    assert output.nodes == (TargetNode("", ForwardOutputConfig(host="10.0.0.9")),)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not readable"):
        read_upstream(tmp_path, BASE, working=tmp_path, variables={})
