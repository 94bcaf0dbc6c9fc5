from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fluent_pipeline.cli import main, parser
from fluent_pipeline.cli.completion import SHELLS, script_for

COMPLETE_IN_BASH = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
function=$(complete -p fluent-eql | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
"$function" fluent-eql "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(words: str, folder: Path) -> set[str]:
    """What bash offers for the last of some words, an empty one too, in a folder."""
    script = folder / ".completion"
    script.write_text(script_for(parser(), "bash"))
    command = ["bash", "-c", COMPLETE_IN_BASH.format(script=script, words=words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_bash_completes_the_commands(tmp_path: Path) -> None:
    assert completed("fluent-eql re", tmp_path) == {"replay"}
    assert {"run", "check", "completion"} <= completed("fluent-eql ''", tmp_path)


def test_bash_completes_the_options_of_a_command(tmp_path: Path) -> None:
    assert completed("fluent-eql check --", tmp_path) == {"--help", "--strict"}


def test_bash_completes_the_words_of_a_choice(tmp_path: Path) -> None:
    assert completed("fluent-eql filter --format ''", tmp_path) == {"json", "msgpack"}
    assert completed("fluent-eql completion z", tmp_path) == {"zsh"}


@pytest.mark.parametrize("words", ["run --config", "check", "replay", "rules --rules", "test"])
def test_bash_completes_files(words: str, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").touch()
    assert "my.yaml" in completed(f"fluent-eql {words} my", tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_can_read_its_script(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "replay" in script.read_text()
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    done = subprocess.run([program, "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
