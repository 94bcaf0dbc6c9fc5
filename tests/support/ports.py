"""Ports that nobody else is given while nothing listens on them."""

from __future__ import annotations

import socket


def held_port() -> socket.socket:
    """A socket bound to a port of 127.0.0.1 on which it does not listen.

    Until it is closed connections there are refused, and no other program is given the port; a
    server that reuses addresses, as asyncio's do, can listen on it, end, and listen again.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def port_of(bound: socket.socket) -> int:
    """The port that a socket is bound to."""
    port: int = bound.getsockname()[1]
    return port


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens, held until the tests end."""
    held = [held_port() for _ in range(count)]
    ports = [port_of(each) for each in held]
    for each in held:
        each.detach()
    return ports
