"""IP addresses in networks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from pytricia import PyTricia

Network = IPv4Network | IPv6Network

LONGEST_ADDRESS = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
MAPPED = IPv6Network("::ffff:0:0/96")
EVERY_IPV4 = IPv4Network("0.0.0.0/0")


def parse_network(text: str) -> Network:
    """The network that ``text`` names, in CIDR notation or as one address.

    Bits below the prefix are cleared, ``%zone`` is dropped, and a network of IPv4-mapped IPv6
    addresses is the network of their IPv4 addresses. Raises ValueError.
    """
    address, slash, prefix = text.partition("/")
    if slash and not (prefix.isascii() and prefix.isdigit()):
        raise ValueError(f"{prefix!r} is no prefix length")
    network = ip_network(address.partition("%")[0] + slash + prefix, strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        packed = network.network_address.packed[-4:]
        return IPv4Network((packed, network.prefixlen - MAPPED.prefixlen))
    return network


class NetworkSet:
    """Networks of both families; see :func:`network_set`."""

    __slots__ = ("_ipv4", "_ipv6")

    def __init__(self, networks: Iterable[Network]) -> None:
        # The address family, PyTricia's second argument, only shapes the keys it lists.
        self._ipv4: Any = PyTricia(32)
        self._ipv6: Any = PyTricia(128)
        for network in networks:
            if network.version == 4:
                self._ipv4.insert(network, True)
            else:
                self._ipv6.insert(network, True)

    def holds(self, text: str) -> bool:
        """Whether ``text`` is an address in one of the networks.

        An IPv4-mapped IPv6 address is its IPv4 address, ``%zone`` is dropped.
        """
        packed = _packed(text)
        if packed is None:
            return False
        return packed in (self._ipv4 if len(packed) == 4 else self._ipv6)


@lru_cache(maxsize=1024)
def network_set(networks: frozenset[Network]) -> NetworkSet:
    """The set of these networks; the same object for equal ones.

    IPv6 networks that contain all IPv4-mapped addresses contain every IPv4 address.
    """
    if any(network.version == 6 and MAPPED.subnet_of(network) for network in networks):
        return NetworkSet({*networks, EVERY_IPV4})
    return NetworkSet(networks)


def _packed(text: str) -> bytes | None:
    """The 4 or 16 bytes of an address; None for what is none."""
    address = text.partition("%")[0] if "%" in text else text
    return _parsed(address) if len(address) <= LONGEST_ADDRESS else None


@lru_cache(maxsize=65536)
def _parsed(text: str) -> bytes | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        return address.ipv4_mapped.packed
    return address.packed
