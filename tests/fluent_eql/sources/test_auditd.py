from __future__ import annotations

import pytest

from support.sources import MAKERS, OUT, Record, alerts_of, connects, creates


def test_a_connection_to_a_local_socket_in_the_audit_log_is_no_network_address() -> None:
    local = MAKERS["auditd"](connects())
    local["SOCKADDR"] = [{"SADDR": {"saddr_fam": "local", "path": "/run/systemd/notify"}}]
    assert alerts_of("auditd", [local, MAKERS["auditd"](creates())]) == []


@pytest.mark.parametrize(
    ("change", "alerts"),
    [
        ({}, 1),
        ({"success": "no"}, 0),
        ({"SYSCALL": "mkdirat"}, 0),
        ({"SYSCALL": "renameat2"}, 0),
    ],
    ids=str,
)
def test_a_file_in_the_audit_log_is_created_where_an_open_created_it(
    change: Record, alerts: int
) -> None:
    created = MAKERS["auditd"](creates())
    created["SYSCALL"] |= change
    assert len(alerts_of("auditd", [MAKERS["auditd"](connects()), created])) == alerts


def test_a_file_in_the_audit_log_that_was_there_is_not_created() -> None:
    opened = MAKERS["auditd"](creates())
    opened["PATH"] = [{"item": 0, "name": OUT, "nametype": "NORMAL"}]
    assert alerts_of("auditd", [MAKERS["auditd"](connects()), opened]) == []
