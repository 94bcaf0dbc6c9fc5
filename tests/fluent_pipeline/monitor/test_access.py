from __future__ import annotations

from collections.abc import Mapping
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from fluent_pipeline.monitor.access import Access

LOCAL = {"Host": "127.0.0.1:2020"}
BEARER = {"Authorization": "Bearer s3cret"}


def asked(headers: Mapping[str, str], peer: str) -> web.Request:
    transport = Mock()
    transport.get_extra_info = lambda key, default=None: (peer, 1) if key == "peername" else default
    return make_mocked_request("GET", "/", headers=headers, transport=transport)


def reads(token: str | None, headers: Mapping[str, str], peer: str) -> int:
    """The status that a reader gets."""
    try:
        Access(token).require_reader(asked(headers, peer))
    except web.HTTPException as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:2020", "localhost", "LOCALHOST:1", "[::1]:2020", "[::1]"]
)
@pytest.mark.parametrize("token", [None, "s3cret"])
def test_who_asks_from_this_host_may_read(peer: str, host: str, token: str | None) -> None:
    assert reads(token, {"Host": host}, peer) == 200


@pytest.mark.parametrize(
    "peer", ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "fe80::1%eth0", ""]
)
def test_who_asks_from_elsewhere_may_read_while_there_is_no_token(peer: str) -> None:
    assert reads(None, {"Host": "relay.example.org"}, peer) == 200
    assert reads("s3cret", LOCAL, peer) == 401
    assert reads("s3cret", LOCAL | BEARER, peer) == 200


@pytest.mark.parametrize(
    "host", ["evil.example.org", "evil.example.org:2020", "127.0.0.1.evil.org", ""]
)
def test_a_page_from_elsewhere_that_has_its_name_point_here_reads_nothing(host: str) -> None:
    assert reads(None, {"Host": host}, "127.0.0.1") == 403
    assert reads("s3cret", {"Host": host}, "127.0.0.1") == 401
    assert reads("s3cret", {"Host": host} | BEARER, "127.0.0.1") == 200


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "x-real-ip"])
def test_who_asks_through_a_proxy_on_this_host_needs_the_token(name: str) -> None:
    assert reads("s3cret", LOCAL | {name: "192.0.2.7"}, "127.0.0.1") == 401
    assert reads(None, LOCAL | {name: "192.0.2.7"}, "127.0.0.1") == 200


@pytest.mark.parametrize(
    "given", ["Bearer wrong", "Basic s3cret", "s3cret", "Bearer ", "Bearer \xff"]
)
def test_a_wrong_token_is_told_even_where_none_is_needed(given: str) -> None:
    assert reads("s3cret", LOCAL | {"Authorization": given}, "127.0.0.1") == 401


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [(None, BEARER, 403), ("s3cret", {}, 401), ("s3cret", LOCAL, 401), ("s3cret", BEARER, 200)],
    ids=repr,
)
def test_what_needs_the_token_needs_it_from_everywhere(
    token: str | None, headers: Mapping[str, str], status: int
) -> None:
    try:
        Access(token).require_token(asked(headers, "127.0.0.1"))
        found = 200
    except web.HTTPException as refusal:
        found = refusal.status
    assert found == status
