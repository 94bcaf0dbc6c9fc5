"""``fluent-eql completion``: what a shell needs to complete command lines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import shtab

SHELLS = ("bash", "zsh", "fish")
PATHS = ("FILE", "PATH")
"""What the command line calls a value that is the path of a file or folder."""


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "completion",
        help="print what a shell needs to complete commands",
        description="Print a script with which bash, zsh or fish completes the commands, options "
        "and files of fluent-eql.",
    )
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the script for ``options.shell``, made of the parser ``options.program``."""
    print(script_for(options.program, options.shell))
    return 0


def script_for(program: argparse.ArgumentParser, shell: str) -> str:
    """The script that completes a program's command lines; one of SHELLS reads it."""
    for action in _actions_of(program):
        if action.metavar in PATHS:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab reads it
    return shtab.complete(program, shell=shell)


def _actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Everything that may stand on a command line, of subcommands too."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions_of(command)
