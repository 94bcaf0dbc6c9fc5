from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from fluent_eql.errors import FluentEqlError
from fluent_pipeline import cli
from support.programs import FLUENT_EQL, WAIT, run_program

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""What is left unwritten of a buffered output, Python tries to write once more at its end."""


def test_its_version_is_the_packages() -> None:
    assert run_program("--version").stdout == f"fluent-eql {version('fluent-eql')}\n".encode()


@pytest.mark.parametrize("command", [[], ["nonsense"], ["replay"], ["run", "--nonsense"]])
def test_a_wrong_command_line_is_exit_code_2(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(command)
    assert caught.value.code == 2
    assert "usage: fluent-eql" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FluentEqlError("a wrong rule"), 1, "fluent-eql: a wrong rule\n"),
        (PermissionError(13, "Permission denied", "x"), 1, "Permission denied: 'x'\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr("fluent_pipeline.cli.rules.execute", fail)
    assert cli.main(["rules"]) == code
    assert capsys.readouterr().err.endswith(said)


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["replay -", "filter"])
def test_a_standard_stream_that_is_closed_is_an_empty_one(command: str, closed: str) -> None:
    script = f"exec '{FLUENT_EQL}' {command} {closed}"
    done = subprocess.run(
        ["bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["rules", "--help"])
def test_an_output_that_is_full_is_an_error(command: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [FLUENT_EQL, command], stdout=full, stderr=subprocess.PIPE, env=BUFFERED, timeout=WAIT
        )
    assert done.returncode == 1
    assert done.stderr == b"fluent-eql: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("command", ["rules", "--help"])
def test_a_reader_that_goes_away_is_told_by_the_exit_code_alone(command: str) -> None:
    script = f"'{FLUENT_EQL}' {command} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, env=BUFFERED, timeout=WAIT, check=False
    )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_name_that_the_output_cannot_write_is_written_escaped(tmp_path: Path) -> None:
    rule = tmp_path / "ü\udcff.toml"
    rule.write_text(
        '[rule]\nname = "x"\nrule_id = "1"\nseverity = "low"\nrisk_score = 1\n'
        "query = 'any where true'\n"
    )
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = run_program("check", rule, env=ascii_only)
    assert done.returncode == 0
    assert b"\\xfc\\udcff.toml: ok" in done.stdout


def test_every_command_has_a_line_of_help() -> None:
    text = run_program("--help").stdout.decode()
    for name in ("run", "replay", "check", "filter", "rules"):
        assert f"\n    {name} " in text
    assert FLUENT_EQL.exists()
