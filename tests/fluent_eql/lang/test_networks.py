from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.lang.networks import network_set, parse_network


def holds(text: str, *networks: str) -> bool:
    return network_set(frozenset(map(parse_network, networks))).holds(text)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("10.1.2.3/8", IPv4Network("10.0.0.0/8")),
        ("10.1.2.3", IPv4Network("10.1.2.3/32")),
        ("0.0.0.0/0", IPv4Network("0.0.0.0/0")),
        ("::1", IPv6Network("::1/128")),
        ("FE80::/10", IPv6Network("fe80::/10")),
        ("fe80::1%eth0/64", IPv6Network("fe80::/64")),
        ("::ffff:10.0.0.0/104", IPv4Network("10.0.0.0/8")),
        ("::FFFF:10.1.2.3", IPv4Network("10.1.2.3/32")),
        ("::ffff:0:0/96", IPv4Network("0.0.0.0/0")),
        ("::ffff:0:0/95", IPv6Network("::fffe:0:0/95")),
    ],
)
def test_a_network_is_read_from_cidr_notation_or_an_address(
    text: str, network: IPv4Network | IPv6Network
) -> None:
    assert parse_network(text) == network


@pytest.mark.parametrize(
    "text",
    ["", "x", "10.0.0.0/99", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/255.0.0.0", "/8"]
    + [
        "10.0.0/8",
        "010.0.0.0/8",
        " 10.0.0.0/8",
        "10.0.0.0/8/8",
        "10.0.0.0/٨",
        "1.2.3.4/" + "9" * 99,
    ],
)
def test_what_is_no_network_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_network(text)


@pytest.mark.parametrize(
    ("text", "networks", "expected"),
    [
        ("10.255.0.1", ["10.0.0.0/8"], True),
        ("11.0.0.1", ["10.0.0.0/8"], False),
        ("10.1.2.3", ["10.9.9.9/8"], True),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("10.1.2.4", ["10.1.2.3"], False),
        ("172.31.255.255", ["10.0.0.0/8", "172.16.0.0/12"], True),
        ("172.32.0.0", ["10.0.0.0/8", "172.16.0.0/12"], False),
        ("10.1.2.3", ["10.0.0.0/8", "10.1.0.0/16"], True),
        ("::1", ["::1"], True),
        ("0:0:0:0:0:0:0:1", ["::1"], True),
        ("::", ["::1"], False),
        ("fe80::1", ["FE80::/10"], True),
        ("FEBF::1", ["fe80::/10"], True),
        ("fec0::1", ["FE80::/10"], False),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("10.1.2.3%eth0", ["10.0.0.0/8"], True),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("::FFFF:0a01:0203", ["10.0.0.0/8"], True),
        ("::ffff:11.1.2.3", ["10.0.0.0/8"], False),
        ("10.1.2.3", ["::ffff:10.0.0.0/104"], True),
        ("::ffff:10.1.2.3", ["::ffff:10.0.0.0/104"], True),
        ("0000:0000:0000:0000:0000:ffff:255.255.255.255", ["255.0.0.0/8"], True),
        ("::10.1.2.3", ["10.0.0.0/8"], False),
        ("2001:db8::1", ["0.0.0.0/0"], False),
        ("2001:db8::1", ["::/0"], True),
        ("10.1.2.3", ["::/0"], True),
        ("10.1.2.3", ["::ffff:0:0/90"], True),
        ("10.1.2.3", ["2000::/3"], False),
        ("0.0.0.1", ["::1"], False),
        ("0.0.0.0", ["0.0.0.0/0"], True),
        ("255.255.255.255", ["0.0.0.0/0"], True),
        ("", ["0.0.0.0/0", "::/0"], False),
        ("host", ["0.0.0.0/0", "::/0"], False),
        ("10.1.2", ["0.0.0.0/0", "::/0"], False),
        ("10.1.2.3/32", ["0.0.0.0/0", "::/0"], False),
        (" 10.1.2.3", ["0.0.0.0/0", "::/0"], False),
        ("010.1.2.3", ["0.0.0.0/0", "::/0"], False),
        ("1" * 1000, ["0.0.0.0/0", "::/0"], False),
        ("10.1.2.\udc80", ["0.0.0.0/0", "::/0"], False),
    ],
)
def test_an_address_is_found_in_the_networks_that_contain_it(
    text: str, networks: list[str], expected: bool
) -> None:
    assert holds(text, *networks) is expected


def test_equal_lists_share_one_set_in_any_order_and_notation() -> None:
    first = network_set(frozenset(map(parse_network, ["10.0.0.0/8", "::1"])))
    second = network_set(frozenset(map(parse_network, ["::1/128", "10.1.2.3/8"])))
    assert first is second
    assert network_set(frozenset([parse_network("::1")])) is not first


def as_ipv6(value: IPv4Address | IPv6Address) -> int:
    """The address's place among all IPv6 addresses, IPv4 where its mapped form lies."""
    return int(value) + (0xFFFF << 32 if value.version == 4 else 0)


ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 2**128 - 1).map(IPv6Address),
    st.integers(0, 2**32 - 1).map(lambda low: IPv6Address((0xFFFF << 32) | low)),
)


@given(ADDRESSES, st.lists(st.tuples(ADDRESSES, st.integers(0, 128)), min_size=1, max_size=5))
def test_membership_is_that_of_ranges_of_mapped_addresses(
    address: IPv4Address | IPv6Address,
    cidrs: list[tuple[IPv4Address | IPv6Address, int]],
) -> None:
    networks = [f"{base}/{min(length, base.max_prefixlen)}" for base, length in cidrs]
    parsed = [ip_network(network, strict=False) for network in networks]
    expected = any(
        as_ipv6(network[0]) <= as_ipv6(address) <= as_ipv6(network[-1]) for network in parsed
    )
    assert holds(str(address), *networks) is expected


@given(ADDRESSES, st.integers(0, 128))
def test_an_address_in_any_notation_is_in_every_network_around_it(
    address: IPv4Address | IPv6Address, length: int
) -> None:
    network = f"{address}/{min(length, address.max_prefixlen)}"
    assert holds(str(address), network)
    assert holds(address.exploded.upper(), network.upper())
    assert holds(f"{address}%eth0", network)
