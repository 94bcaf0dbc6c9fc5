"""The command line: ``fluent-eql COMMAND``.

Exit codes: 0 all went well; 1 a rule, a configuration or an input is wrong; 2 the command line
itself is; 130 after Ctrl-C, and 141 where the reader of the output went away, as a shell has it.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from fluent_eql.errors import FluentEqlError
from fluent_pipeline.cli import (
    check,
    completion,
    exec_filter,
    export,
    flink,
    replay,
    rules,
    run,
    test_rules,
)
from fluent_pipeline.errors import FluentPipelineError

COMMANDS = (run, replay, check, test_rules, exec_filter, rules, export, flink, completion)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Raises SystemExit where argparse ends the program."""
    _fill_standard_streams()
    try:
        options = _parsed(arguments)
        code: int = options.execute(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return 141
    except (FluentEqlError, FluentPipelineError, OSError) as error:
        print(f"fluent-eql: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        _settle_stdout()


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        return parser().parse_args(arguments)
    finally:
        sys.stdout.flush()


def _settle_stdout() -> None:
    """Let what cannot be written go nowhere, else Python fails once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fill_standard_streams() -> None:
    """Open /dev/null where the parent closed a standard stream, so that no socket, pipe or file
    gets its number; and let no character be one that the standard output cannot write.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - for the whole run
            setattr(sys, name, null)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def parser() -> argparse.ArgumentParser:
    """The whole command line, as argparse knows it."""
    top = argparse.ArgumentParser(
        prog="fluent-eql",
        description="Run EQL detection rules on a Fluent pipeline.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {version('fluent-eql')}")
    top.set_defaults(program=top)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return top
