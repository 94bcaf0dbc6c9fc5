from __future__ import annotations

from ipaddress import ip_network

import pytest

from fluent_eql.options import Named, Place
from fluent_pipeline.config.parsers import (
    Header,
    User,
    header,
    named_header,
    named_user,
    network,
    permissions,
    user,
    web_address,
    weight,
)


def test_a_user_is_a_name_and_a_password_that_may_hold_spaces() -> None:
    assert user("ann  two words ") == User("ann", "two words")
    with pytest.raises(ValueError, match="name and password"):
        user("ann")


def test_a_user_may_be_a_name_and_what_stands_there() -> None:
    place = Place("a.yaml")
    assert named_user(Named("ann", "two words", place)) == User("ann", "two words")
    for name, password in (("ann", ""), ("", "secret")):
        with pytest.raises(ValueError, match="name and password, found an empty one"):
            named_user(Named(name, password, place))


def test_a_password_is_not_printed() -> None:
    assert "secret" not in repr(user("ann secret"))


@pytest.mark.parametrize(("text", "bits"), [("0660", 0o660), ("600", 0o600), ("0o644", 0o644)])
def test_permissions_are_octal(text: str, bits: int) -> None:
    assert permissions(text) == bits


@pytest.mark.parametrize("text", ["rw", "0999", "1", ""])
def test_what_is_not_octal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="octal"):
        permissions(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("fd00::/8", "fd00::/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ],
)
def test_a_network_is_in_cidr_notation_or_one_address(text: str, meant: str) -> None:
    assert network(text) == ip_network(meant)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "localhost", "", "10.0.0"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a network such as"):
        network(text)


def test_a_weight_is_a_number_above_0() -> None:
    assert weight("0.5") == 0.5
    for text in ("0", "-1", "much", "inf", "nan"):
        with pytest.raises(ValueError, match="above 0"):
            weight(text)


def test_a_header_is_a_name_and_a_value_that_may_hold_spaces() -> None:
    assert header("Authorization  Bearer x ") == Header("Authorization", "Bearer x")
    named = Named("Authorization", "Bearer x", Place("a.yaml"))
    assert named_header(named) == Header("Authorization", "Bearer x")
    assert "Bearer" not in repr(named_header(named))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("X-Name", "name and value"),
        ("X:Name value", "expected a header's name"),
        ("X-Name a\r\nX-Other: b", "printable"),
        ("X-Name é", "ASCII"),
        ("content-type text/plain", "set by the output itself"),
        ("X-Fluent-Eql-Signature t=1", "set by the output itself"),
    ],
)
def test_what_is_no_header_of_ones_own_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        header(text)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/a?b=c", "http://127.0.0.1:8080", "http://[::1]:80/x"]
)
def test_a_url_is_http_or_https(url: str) -> None:
    assert web_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.com/s3cret",
        "ftp://h/s3cret",
        "https:///s3cret",
        "https://h:99999/s3cret",
        "https://user:s3cret@h/",
        "https://h/s3cret\nX",
        "https://[::1/s3cret",
    ],
)
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL") as caught:
        web_address(url)
    assert "s3cret" not in str(caught.value)
