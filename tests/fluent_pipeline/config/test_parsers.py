from __future__ import annotations

from ipaddress import ip_network

import pytest

from fluent_eql.options import Named, Place
from fluent_pipeline.config.parsers import (
    User,
    named_user,
    network,
    permissions,
    user,
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
