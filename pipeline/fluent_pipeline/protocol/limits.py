"""How much of a peer's input is taken."""

from __future__ import annotations

from dataclasses import dataclass

NESTING = 1_024
"""How deep a message may nest, its own array included: what msgpack's unpacker follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on one message.

    ``frame``: bytes of the message as it is received. ``inflated``: bytes of a compressed body
    once it is inflated.
    """

    frame: int = 64 * 1024 * 1024
    inflated: int = 256 * 1024 * 1024
