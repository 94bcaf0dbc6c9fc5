"""The shell commands of a Markdown page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^ *```(\w*)")
PROGRAMS = frozenset(
    [
        "cp",
        "curl",
        "diff",
        "docker",
        "fluent-bit",
        "fluent-eql",
        "fluentd",
        "git",
        "grep",
        "kubectl",
        "make",
        "mkdir",
        "mkdocs",
        "pip",
        "promtool",
        "python3",
        "source",
        "sysmon",
        "systemctl",
        "tail",
        "tetra",
        "tracee",
        "zcat",
    ]
)
SHELL = frozenset({"", "sh", "shell", "bash", "console"})
NEEDS = re.compile(r"#.*\bneeds (.+)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a shell block: where it stands, and what it needs to run, if it says so."""

    page: str
    block: int
    text: str
    needs: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language where it has one, its first line's number, its lines."""

    language: str
    line: int
    lines: tuple[str, ...]

    @property
    def is_shell(self) -> bool:
        """Whether it begins with a program that is known."""
        return self.language in SHELL and bool(self.lines) and program_of(self.lines[0]) in PROGRAMS


def commands_of(page: Path, name: str) -> list[Command]:
    """The commands of a page's shell blocks, in their order."""
    return [
        Command(name, block.line, text, _needs(text))
        for block in blocks_of(page.read_text("utf-8"))
        if block.is_shell
        for text in "\n".join(block.lines).replace("\\\n", "").splitlines()
        if text.strip() and not text.lstrip().startswith("#")
    ]


def blocks_of(text: str) -> Iterator[Block]:
    """The fenced and the indented blocks of Markdown."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if fence := FENCE.match(lines[number]):
            end = next(n for n in range(number + 1, len(lines)) if FENCE.match(lines[n]))
            yield Block(fence[1], number + 2, tuple(lines[number + 1 : end]))
            number = end + 1
        elif lines[number].startswith("    ") and not (number and lines[number - 1].strip()):
            end = number
            while end < len(lines) and lines[end].startswith("    "):
                end += 1
            yield Block("", number + 1, tuple(line.strip() for line in lines[number:end]))
            number = end
        else:
            number += 1


def program_of(line: str) -> str:
    """The name of the program that a line of shell begins with, variables passed over."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = line.split()
    for word in words:
        if not re.match(r"\w+=", word):
            return word.removeprefix(".venv/bin/")
    return ""


def _needs(text: str) -> str | None:
    found = NEEDS.search(text)
    return found[1] if found else None
