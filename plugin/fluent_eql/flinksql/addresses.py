"""IP addresses as 32 hexadecimal digits, so that a network is a range of texts.

An IPv4 address is its IPv4-mapped IPv6 address. ``%zone`` is dropped, and what is no address has
no digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Address

from fluent_eql.flinksql.text import quoted
from fluent_eql.lang.networks import LONGEST_ADDRESS, MAPPED, Network

OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"{OCTET}\.{OCTET}\.{OCTET}\.{OCTET}"
GROUPS = "(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?"
SHORTENED = f"^{GROUPS}::{GROUPS}$"
ALL_GROUPS = "^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}$"
ONE_TEXT = rf'^\x1e"([0-9A-Fa-f:.]{{1,{LONGEST_ADDRESS}}})(?:%[^"]*)?"\x1e$'


def address_steps(values: Mapping[str, str]) -> list[dict[str, str]]:
    """The steps from a field's values to its digits.

    ``values`` maps the names of the columns to make to the texts of values they are made from.
    Each step maps these names to SQL over the columns of the step before.
    """
    names = list(values)
    return [
        {
            name: f"LOWER(REGEXP_EXTRACT({text}, {quoted(ONE_TEXT)}, 1))"
            for name, text in values.items()
        },
        {name: _in_groups(name) for name in names},
        {name: _all_groups(name) for name in names},
        {name: _digits(name) for name in names},
    ]


def in_networks(digits: str, networks: Iterable[Network]) -> str:
    """The SQL of whether an address is in one of the networks."""
    ranges = sorted({_range(network) for network in networks})
    tests = [f"{digits} BETWEEN '{low}' AND '{high}'" for low, high in ranges]
    return f"({digits} <> '' AND ({' OR '.join(tests)}))"


def _range(network: Network) -> tuple[str, str]:
    if isinstance(network, IPv4Network):
        first = int(MAPPED.network_address)
        bounds = first + int(network[0]), first + int(network[-1])
    else:
        bounds = int(network[0]), int(network[-1])
    low, high = (f"{int(IPv6Address(bound)):032x}" for bound in bounds)
    return low, high


def _in_groups(text: str) -> str:
    """An address whose last 32 bits are in IPv4's form has them as two groups."""
    octets = [
        f"LPAD(LOWER(HEX(CAST(REGEXP_EXTRACT({text}, {quoted(f'{IPV4}$')}, {n}) AS INT))), 2, '0')"
        for n in (1, 2, 3, 4)
    ]
    groups = f"{octets[0]} || {octets[1]} || ':' || {octets[2]} || {octets[3]}"
    return (
        f"CASE WHEN REGEXP({text}, {quoted(f'^{IPV4}$')}) THEN '::ffff:' || {groups}"
        f" WHEN REGEXP({text}, {quoted(f':{IPV4}$')})"
        f" THEN REGEXP_REPLACE({text}, {quoted(f'{IPV4}$')}, '') || {groups}"
        f" ELSE COALESCE({text}, '') END"
    )


def _all_groups(text: str) -> str:
    """``::`` is as many zeros as are missing, at least one."""
    missing = f"(8 - REGEXP_COUNT({text}, '[^:]+'))"
    full = f"REPLACE({text}, '::', ':' || REPEAT('0:', {missing}))"
    return (
        f"CASE WHEN REGEXP({text}, {quoted(SHORTENED)}) AND {missing} > 0"
        f" THEN REGEXP_REPLACE({full}, '^:|:$', '') ELSE {text} END"
    )


def _digits(text: str) -> str:
    groups = [f"LPAD(SPLIT_INDEX({text}, ':', {index}), 4, '0')" for index in range(8)]
    return f"CASE WHEN REGEXP({text}, {quoted(ALL_GROUPS)}) THEN {' || '.join(groups)} ELSE '' END"
