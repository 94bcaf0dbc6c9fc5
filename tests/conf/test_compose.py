"""conf/compose: three containers whose configurations fit each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fluent_pipeline.config import Config
from support.image import DOCKERFILE, STORAGE, config_in_image, the_input, the_output

FOLDER = Path(__file__).parents[2] / "conf/compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
FILES = sorted(FOLDER.iterdir())


@pytest.fixture
def relay(tmp_path: Path) -> Config:
    return config_in_image((FOLDER / "fluent-eql.yaml").read_text(), tmp_path)


def test_the_compose_files_schema_accepts_it() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [checker, "--builtin-schema", "vendor.compose-spec", FOLDER / "compose.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_first_lines_say_what_it_is_and_what_to_run(path: Path) -> None:
    head = re.match(r"(#.*\n)+", path.read_text())
    assert head is not None
    assert "conf/compose/compose.yaml" in head[0]
    assert "#   docker compose --file " in head[0]


def test_what_is_mounted_is_there() -> None:
    mounted = [part for service in SERVICES.values() for part in service["volumes"]]
    named = {part.partition(":")[0] for part in mounted if part[0].isalpha()}
    files = {part.partition(":")[0] for part in mounted if part.startswith("./")}
    assert named == set(COMPOSE["volumes"])
    assert {FOLDER / file for file in files} == {*FILES} - {FOLDER / "compose.yaml"}
    assert (FOLDER / "../../examples/streams").is_dir()


def test_the_image_is_built_of_this_project() -> None:
    context = (FOLDER / SERVICES["fluent-eql"]["build"]["context"]).resolve()
    assert (context / "Dockerfile").read_text() == DOCKERFILE


def test_fluent_bit_sends_to_the_relay_and_the_relay_to_fluentd(relay: Config) -> None:
    fluent_bit = yaml.safe_load((FOLDER / "fluent-bit.yaml").read_text())
    (sent,) = fluent_bit["pipeline"]["outputs"]
    fluentd = re.search(r"^  port (\d+)$", (FOLDER / "fluentd.conf").read_text(), re.MULTILINE)
    assert fluentd is not None
    assert (sent["host"], sent["port"]) == ("fluent-eql", the_input(relay).port)
    assert (the_output(relay).host, the_output(relay).port) == ("fluentd", int(fluentd[1]))
    assert {sent["host"], the_output(relay).host} <= set(SERVICES)


def test_nothing_is_lost_on_the_way(relay: Config) -> None:
    fluent_bit = yaml.safe_load((FOLDER / "fluent-bit.yaml").read_text())
    (sent,) = fluent_bit["pipeline"]["outputs"]
    assert (sent["require_ack_response"], sent["retry_limit"]) == (True, "no_limits")
    assert the_output(relay).require_ack_response
    assert the_output(relay).entry_format == "v1"


def test_the_relay_can_be_reached_and_its_port_for_http_is_published(relay: Config) -> None:
    assert the_input(relay).listen == relay.service.http_listen == "0.0.0.0"
    port = relay.service.http_port
    assert SERVICES["fluent-eql"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"127.0.0.1:{port}/api/v1/health" in DOCKERFILE


def test_what_the_relay_writes_is_on_a_volume() -> None:
    assert SERVICES["fluent-eql"]["read_only"] is True
    assert f"fluent-eql:{STORAGE}" in SERVICES["fluent-eql"]["volumes"]
    assert f"storage.path: {STORAGE}" in (FOLDER / "fluent-eql.yaml").read_text()
