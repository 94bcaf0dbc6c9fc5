from __future__ import annotations

from fluent_pipeline.bench.programs import (
    ALL_CAPABILITIES,
    CONTAINER_CAPABILITIES,
    Account,
    Program,
)

ROOT = Account("0", "root", "0", "root")
SHELL = Program("/bin/sh", ("/bin/sh", "-c", "ls -l /srv"), ROOT, pid=8, leads_session=True)
CHILD = Program("/usr/bin/ls", ("ls", "-l", "/srv"), ROOT, parent=SHELL, directory="/srv")


def test_a_program_is_named_after_its_executable() -> None:
    assert (SHELL.name, CHILD.name) == ("sh", "ls")
    assert SHELL.command_line == "/bin/sh -c ls -l /srv"


def test_until_it_executes_a_program_a_fork_is_what_forked_but_leads_nothing() -> None:
    fork = CHILD.before_exec()
    assert (fork.executable, fork.args, fork.directory) == (SHELL.executable, SHELL.args, "/")
    assert fork.parent is SHELL
    assert not fork.leads_session
    assert not fork.pid


def test_what_nothing_has_started_was_not_forked() -> None:
    assert SHELL.before_exec() is SHELL


def test_root_in_a_container_has_some_of_all_capabilities() -> None:
    assert len(set(ALL_CAPABILITIES)) == 41
    assert set(CONTAINER_CAPABILITIES) < set(ALL_CAPABILITIES)
