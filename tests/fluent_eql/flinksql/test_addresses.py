"""IP addresses as digits, and networks as ranges of them."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.flinksql import addresses
from fluent_eql.flinksql.addresses import address_steps, in_networks
from fluent_eql.lang.networks import network_set, parse_network
from support.flink_sql import holds, is_whole, java, text_of_values
from support.random_patterns import NETWORKS
from support.random_records import ADDRESSES

IPV4 = java(f"^{addresses.IPV4}$")
SHORTENED, ALL_GROUPS = java(addresses.SHORTENED), java(addresses.ALL_GROUPS)
ONE_TEXT = java(addresses.ONE_TEXT)
IPS = st.one_of(
    st.ip_addresses(),
    st.builds(lambda low: ip_address(f"::ffff:{IPv4Address(low)}"), st.integers(0, 2**32 - 1)),
    st.sampled_from(["10.0.0.1", "::1", "::", "fe80::1", "10.255.255.255", "11.0.0.0"]).map(
        ip_address
    ),
)
OWN_NETWORKS = st.builds(
    lambda address, prefix: f"{address}/{min(prefix, address.max_prefixlen)}",
    IPS,
    st.integers(0, 128),
)
LIKE_ADDRESSES = st.one_of(
    st.sampled_from(ADDRESSES),
    st.text("0123456789abcdefF:.%\n", max_size=20),
    st.lists(st.text("0123456789", max_size=3), min_size=3, max_size=5).map(".".join),
    st.lists(st.text("0123456789af", max_size=5), min_size=3, max_size=9).map(":".join),
)


def digits_of(address: IPv4Address | IPv6Address) -> str:
    """By the definition: 32 hexadecimal digits, of IPv4 as IPv4-mapped IPv6."""
    wide = IPv6Address(f"::ffff:{address}") if address.version == 4 else address
    return f"{int(wide):032x}"


@given(IPS, st.lists(st.one_of(st.sampled_from(NETWORKS), OWN_NETWORKS), min_size=1, max_size=4))
def test_a_network_is_the_range_of_its_addresses(
    address: IPv4Address | IPv6Address, texts: list[str]
) -> None:
    networks = list(map(parse_network, texts))
    inside = network_set(frozenset(networks)).holds(str(address))
    assert holds(in_networks("d", networks), {"d": digits_of(address)}) is inside


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "::1"])
def test_what_is_no_address_is_in_no_network(network: str) -> None:
    assert not holds(in_networks("d", [parse_network(network)]), {"d": ""})


def test_equal_networks_are_tested_once_and_in_one_order() -> None:
    texts = ["10.0.0.0/8", "::1", "10.9.9.9/8", "::ffff:10.0.0.0/104"]
    sql = in_networks("d", map(parse_network, texts))
    assert sql.count("BETWEEN") == 2
    assert sql == in_networks("d", map(parse_network, reversed(texts)))


@given(st.one_of(LIKE_ADDRESSES, IPS.map(str)))
def test_a_text_is_an_address_exactly_where_the_filter_takes_it_for_one(text: str) -> None:
    """The steps put the last 32 bits and the ``::`` into groups, then count the groups."""
    found = ONE_TEXT.search(text_of_values([text]))
    address = found[1].lower() if found else ""
    in_groups = java(f":{addresses.IPV4}$").sub(":0:0", address)
    is_short = SHORTENED.search(in_groups) and in_groups.count(":") <= 8
    missing = 8 - len([group for group in in_groups.split(":") if group])
    is_address = (
        IPV4.search(address)
        or ALL_GROUPS.search(in_groups)
        or (is_short and missing > 0 and "::" in in_groups)
    )
    assert bool(is_address) is network_set(
        frozenset(map(parse_network, ("0.0.0.0/0", "::/0")))
    ).holds(text)


@given(IPS, st.text(st.characters(exclude_characters='"\1\2\3\x1e', exclude_categories=["Cs"])))
def test_the_zone_of_an_address_is_dropped(address: IPv4Address | IPv6Address, zone: str) -> None:
    found = ONE_TEXT.search(text_of_values([f"{address}%{zone}"]))
    assert found is not None
    assert found[1] == str(address).partition("%")[0]


@pytest.mark.parametrize(
    "values", [[], [5], ["10.0.0.1", "10.0.0.2"], ["10.0.0.1\n"], ["1" * 46], ["٣.0.0.1"], [""]]
)
def test_other_values_are_no_address(values: list[object]) -> None:
    found = ONE_TEXT.search(text_of_values(values))
    with suppress(ValueError):
        assert found is None or ip_address(found[1]) is None


def test_each_step_makes_all_columns_from_those_of_the_step_before() -> None:
    first, *others = address_steps({"`a`": "`x`", "`b`": "`y`"})
    assert "`x`" in first["`a`"]
    assert "`y`" in first["`b`"]
    assert len(others) == 3
    for step in (first, *others):
        assert list(step) == ["`a`", "`b`"]
        assert all(map(is_whole, step.values()))
    for step in others:
        assert "`a`" in step["`a`"]
        assert "`b`" not in step["`a`"]
