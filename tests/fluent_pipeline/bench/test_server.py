from __future__ import annotations

from collections.abc import Iterator

import pytest

from fluent_pipeline.bench.programs import Program
from fluent_pipeline.bench.rulesets import FOLDERS
from fluent_pipeline.bench.server import CONNECTING, EXECUTED, INIT, ROOT, STARTED, WRITING

PROGRAMS = tuple(dict.fromkeys((*CONNECTING, *WRITING, *STARTED)))


def lineage(program: Program) -> Iterator[Program]:
    found: Program | None = program
    while found is not None:
        yield found
        found = found.parent


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.command_line)
def test_init_has_started_every_program_by_way_of_others(program: Program) -> None:
    *_, first = lineage(program)
    assert first is INIT
    for each in lineage(program):
        assert each.executable.startswith("/")
        assert each.args
        assert each.entry in ("", "init", "sshd", "container")
        assert each.leads_session or not each.entry


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.command_line)
def test_only_root_has_capabilities(program: Program) -> None:
    for each in lineage(program):
        assert bool(each.capabilities) is (each.account is ROOT)


def test_no_program_is_where_those_of_the_shipped_rule_are() -> None:
    assert not [each for each in PROGRAMS if each.executable.startswith(FOLDERS)]


def test_what_connects_knows_where_to_and_what_writes_knows_what() -> None:
    assert all(each.peers for each in CONNECTING)
    assert all(each.files for each in WRITING)


def test_what_is_executed_differs_from_what_executes_it() -> None:
    for each in EXECUTED:
        assert each.parent is not None
        assert each.args != each.parent.args


def test_several_users_and_parents_are_among_them() -> None:
    assert {each.account.name for each in PROGRAMS} == {"root", "www-data", "svc", "_apt"}
    parents = {each.parent.name for each in PROGRAMS if each.parent}
    assert {"systemd", "cron", "sh", "bash", "sshd", "nginx"} <= parents
