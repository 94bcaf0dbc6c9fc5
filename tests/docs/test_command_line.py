"""docs/command-line.md has every command and every flag, and no other."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from fluent_pipeline.cli import parser

TEXT = (Path(__file__).parent.parent.parent / "docs" / "command-line.md").read_text()
PARTS = re.split(r"^## (\w+)\n", TEXT, flags=re.MULTILINE)
SECTIONS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))


def commands() -> dict[str, argparse.ArgumentParser]:
    (subparsers,) = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(subparsers.choices)


def test_every_command_has_its_section() -> None:
    assert list(SECTIONS) == list(commands())


@pytest.mark.parametrize("name", commands())
def test_the_flags_of_a_command_are_those_of_its_section(name: str) -> None:
    actions = [a for a in commands()[name]._actions if not isinstance(a, argparse._HelpAction)]
    table = SECTIONS[name].partition("| option |")[2]
    options = " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", options))
    assert documented == {flag for action in actions for flag in action.option_strings}
    for action in actions:
        if not action.option_strings:
            assert f"`{action.metavar}" in table


def test_the_flags_of_the_program_are_told() -> None:
    for flag in ("--help", "--version"):
        assert f"`{flag}`" in TEXT
