from __future__ import annotations

from importlib.metadata import version

import pytest

from fluent_eql.errors import FluentEqlError
from fluent_pipeline import cli
from support.programs import FLUENT_EQL, run_program


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


def test_every_command_has_a_line_of_help() -> None:
    text = run_program("--help").stdout.decode()
    for name in ("run", "replay", "check", "filter", "rules"):
        assert f"\n    {name} " in text
    assert FLUENT_EQL.exists()
