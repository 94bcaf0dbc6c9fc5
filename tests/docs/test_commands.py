"""Every command of the documentation is run, or says what it needs.

A command that cannot be run here bears a remark, `# needs …`, which tells a reader as well. What
can be known of such a command without running it is checked all the same.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from fluent_pipeline.cli import main, parser
from support.shell_blocks import SHELL, Block, Command, blocks_of, commands_of, program_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOUND = [command for page in PAGES for command in commands_of(page, page.name)]
RUN = list(
    {
        tuple(shlex.split(command.text, comments=True)): command
        for command in FOUND
        if command.needs is None
    }.values()
)
TOLD = [command for command in FOUND if command.needs is not None]
NEEDS = (
    r"Ctrl-C to end|Docker|Flink|Fluent Bit|Sysmon|Tetragon|Tracee|a clone of your own|a cluster|"
    r"a terminal of its own|minutes, and a quiet machine|root|the address of the repository|"
    r"the relay|the system service"
)
SLOW = ["test"]
"""The tests of the shipped rule, which take seconds and are run with those of the command."""
BROKEN_PIPE = 141


def by_text(command: Command) -> str:
    return f"{command.page}:{command.block} {command.text}"


def blocks_in(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = [block for block in blocks_of(text) if block.language == language]
    return ["\n".join(block.lines) + "\n" for block in found]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a checkout, with the files that the pages take for granted."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("conf", "docs", "examples", "Makefile"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    _add_rules(folder)
    _add_recordings(folder)
    for place in ("bash-completion/completions", "zsh/site-functions"):
        (folder / "home/.local/share" / place).mkdir(parents=True)
    (folder / "home/.config/fish/completions").mkdir(parents=True)
    return folder


def _add_rules(folder: Path) -> None:
    rules = folder / "my-rules"
    rules.mkdir()
    (rules / "curl.toml").write_text(blocks_in("testing-rules.md", "toml")[0])
    (rules / "curl.test.yaml").write_text(blocks_in("testing-rules.md", "yaml")[0])
    (rules / "key-then-login.toml").write_text(blocks_in("writing-rules.md", "toml")[0])
    (rules / "key-then-login.test.yaml").write_text(blocks_in("writing-rules.md", "yaml")[0])
    for name in ("rules-of-today", "rules-of-tomorrow"):
        (folder / name).symlink_to(ROOT / "conf/rules")
    (folder / "tuned.yaml").write_text(blocks_in("tuning.md", "yaml")[0])


def _add_recordings(folder: Path) -> None:
    events = (ROOT / "examples/streams/endpoint.ndjson").read_bytes()
    (folder / "recording.bin").symlink_to(ROOT / "examples/streams/endpoint.forward")
    for name in ("events", "archive/2026"):
        (folder / name).mkdir(parents=True)
    (folder / "events.ndjson").write_bytes(events)
    (folder / "events/today.ndjson").write_bytes(events)
    (folder / "events.ndjson.zst").write_bytes(zstandard.compress(events))
    (folder / "archive/2026/january.ndjson.gz").write_bytes(gzip.compress(events))


@pytest.fixture
def inside(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, as the working directory, with nothing on the standard input."""
    monkeypatch.chdir(checkout)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    return checkout


@pytest.mark.parametrize("command", RUN, ids=by_text)
def test_a_command_does_what_it_should(command: Command, inside: Path) -> None:
    words = shlex.split(command.text, comments=True)
    if words[0] == "make":
        dry_run(words[1:])
    elif program_of(command.text) == "fluent-eql" and not re.search(r"[<>|&$]", command.text):
        assert words[1:] == SLOW or main(words[1:]) == 0
    else:
        run_in_a_shell(command.text, inside)


def run_in_a_shell(text: str, folder: Path) -> None:
    for part in re.split(r"\|\|?|&&", text):
        program = program_of(part)
        if not (Path(sys.prefix, "bin", program).exists() or shutil.which(program)):
            pytest.skip(f"needs {program}")
    path = f"{Path(sys.prefix, 'bin')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": path, "HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, BROKEN_PIPE), done.stderr


@pytest.mark.parametrize("command", TOLD, ids=by_text)
def test_a_command_that_is_not_run_says_why_in_known_words(command: Command) -> None:
    assert re.fullmatch(NEEDS, str(command.needs))


@pytest.mark.parametrize("command", TOLD, ids=by_text)
def test_what_a_command_that_is_not_run_names_is_there(command: Command, inside: Path) -> None:
    words = shlex.split(command.text, comments=True)
    for word in words:
        if re.match(r"(\$PWD/)?(conf|examples)/", word):
            assert (ROOT / word.removeprefix("$PWD/")).exists()
    if words[0] == "make":
        dry_run(words[1:])
    if program_of(command.text) == "fluent-eql" and not re.search(r"[<>|&$]", command.text):
        options = parser().parse_args(words[1:])
        if words[1] == "run":
            assert main(["check", str(options.config)]) == 0


def dry_run(targets: list[str]) -> None:
    """Have make say what it would do, as if the environment were set up."""
    command = ["make", "--dry-run", "--old-file", ".venv/.ready", *targets]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def other_blocks() -> list[Block]:
    blocks = [block for page in PAGES for block in blocks_of(page.read_text("utf-8"))]
    return [block for block in blocks if block.language in SHELL and not block.is_shell]


@pytest.mark.parametrize("block", other_blocks(), ids=lambda block: block.lines[0][:40])
def test_a_block_that_is_not_taken_for_commands_begins_with_none(block: Block) -> None:
    program = program_of(block.lines[0])
    assert program in ("$", "json_output:") or shutil.which(program) is None
