"""The system service, as far as it can be looked at without a systemd that runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fluent_pipeline.cli import parser

UNIT = Path(__file__).parents[2] / "conf/systemd/fluent-eql.service"
PROGRAM = "/opt/fluent-eql/bin/fluent-eql"
EXPOSED = 2.0
"""Systemd's own measure of what a service may do, from 0 to 10; below this it says OK."""


def analyze(*arguments: str) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze (Debian, Ubuntu: apt install systemd)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    return path


def test_the_commands_that_it_runs_exist() -> None:
    commands = re.findall(rf"^Exec\w+={PROGRAM} (.+)$", UNIT.read_text(), re.MULTILINE)
    assert [parser().parse_args(shlex.split(command)).execute for command in commands]


def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    assert analyze("verify", "--man=no", str(unit)) == ""


def test_the_service_may_do_little(unit: Path) -> None:
    said = analyze("security", "--offline=true", str(unit))
    found = re.search(r"exposure level for \S+: (\d+\.\d+)", said)
    assert found is not None
    assert float(found[1]) < EXPOSED
