from __future__ import annotations

import logging

import pytest

from fluent_eql.lang.networks import parse_network
from fluent_pipeline.net.guard import LOG_INTERVAL, Guard


def guard(*, allow: str = "", deny: str = "", most: int = 100, each: int = 100) -> Guard:
    return Guard(
        "forward.0",
        allow=map(parse_network, allow.split()),
        deny=map(parse_network, deny.split()),
        most=most,
        most_an_address=each,
    )


@pytest.mark.parametrize(
    ("allow", "deny", "address", "welcome"),
    [
        ("", "", "8.8.8.8", True),
        ("10.0.0.0/8", "", "10.1.2.3", True),
        ("10.0.0.0/8", "", "11.1.2.3", False),
        ("10.0.0.0/8", "", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8 fd00::/8", "10.9.0.0/16", "10.9.1.1", False),
        ("10.0.0.0/8 fd00::/8", "10.9.0.0/16", "fd00::1", True),
        ("", "192.0.2.7", "192.0.2.7", False),
        ("", "192.0.2.7", "192.0.2.8", True),
    ],
)
def test_clients_come_in_by_their_network(
    allow: str, deny: str, address: str, welcome: bool
) -> None:
    reason = guard(allow=allow, deny=deny).admit(address)
    assert reason == (None if welcome else "network not allowed")


def test_a_local_socket_has_no_address_and_is_let_in() -> None:
    assert guard(allow="10.0.0.0/8").admit(None) is None


def test_only_so_many_may_be_open_in_all() -> None:
    made = guard(most=2)
    assert [made.admit(a) for a in ("a", None, "c")] == [None, None, "too many connections"]
    made.leave("a")
    assert made.admit("c") is None


def test_only_so_many_may_be_open_of_one_address() -> None:
    made = guard(each=1)
    assert made.admit("1.1.1.1") is None
    assert made.admit("1.1.1.1") == "too many connections from this address"
    assert made.admit("1.1.1.2") is None
    made.leave("1.1.1.1")
    assert made.admit("1.1.1.1") is None


def test_a_reason_is_logged_once_in_a_while_and_always_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    made = guard()
    for second in range(5):
        made.tell(f"1.1.1.1:{second}", "shared_key mismatch", float(second))
    made.tell("1.1.1.1:9", "no TLS handshake", 5.0, "WRONG_VERSION_NUMBER")
    made.tell("1.1.1.1:8", "shared_key mismatch", LOG_INTERVAL)
    assert [record.getMessage() for record in caplog.records] == [
        "forward.0: 1.1.1.1:0 refused: shared_key mismatch",
        "forward.0: 1.1.1.1:9 refused: no TLS handshake: WRONG_VERSION_NUMBER",
        "forward.0: 1.1.1.1:8 refused: shared_key mismatch (4 more since the last such line)",
    ]
    assert made.refused == {"shared_key mismatch": 6, "no TLS handshake": 1}
