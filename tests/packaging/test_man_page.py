"""conf/man/fluent-eql.1 says what the command line's own help says; `make man` writes it anew."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluent_pipeline.cli import parser

PAGE = Path(__file__).parents[2] / "conf/man/fluent-eql.1"


def plain(text: str) -> str:
    """Text without troff's fonts and escapes, and with single spaces."""
    return " ".join(re.sub(r"\\f[BIR]|\\[,/]", "", text).replace("\\-", "-").split())


TEXT = plain(PAGE.read_text("utf-8"))


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found.choices)


def said_of(command: argparse.ArgumentParser) -> Iterator[str]:
    """What the page has to say of a command: its description, its options, their meanings."""
    yield command.description or ""
    for action in command._actions:
        if not isinstance(action, argparse._HelpAction):
            yield from action.option_strings
            yield (action.help or "") % {"default": action.default, "prog": command.prog}


@pytest.mark.parametrize("name", commands())
def test_the_page_has_all_that_the_help_of_a_command_says(name: str) -> None:
    section = TEXT.partition(f".SS fluent-eql {name} ")[2].partition(".SS fluent-eql ")[0]
    assert section, "run `make man`"
    for text in said_of(commands()[name]):
        whole = rf"(?<![\w-]){re.escape(plain(text))}(?![\w-])"
        assert re.search(whole, section), "run `make man`"


def test_the_page_has_no_command_that_is_gone() -> None:
    assert re.findall(r"\.SS fluent-eql (\w+) ", TEXT) == list(commands()), "run `make man`"


def test_man_shows_the_page_without_a_warning() -> None:
    program = shutil.which("man")
    if program is None:
        pytest.skip("needs man (Debian, Ubuntu: apt install man-db)")
    command = [program, "--warnings", "--encoding=UTF-8", "--local-file", PAGE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXIT STATUS" in done.stdout
