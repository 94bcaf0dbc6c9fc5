"""The Dockerfile, as far as it can be looked at without building it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_program_runs_as_a_user_that_is_not_root() -> None:
    last_stage = TEXT.rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (\d+)$", last_stage, re.MULTILINE)
    assert users == ["10001"]
    assert last_stage.index("USER") < last_stage.index("ENTRYPOINT")


def test_everything_that_is_copied_is_let_through_by_dockerignore() -> None:
    let_through = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert all((ROOT / name).exists() for name in let_through)
    copied = re.findall(r"^COPY (conf/\S+)", TEXT, re.MULTILINE)
    assert copied
    assert all((ROOT / path).exists() for path in copied)
    assert {path.partition("/")[0] for path in copied} <= let_through
