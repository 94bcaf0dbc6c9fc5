"""Every exception that the relay package raises.

FluentPipelineError
├── ConfigError             the configuration file is wrong; file, line, column, what was expected
└── ProtocolError
    ├── LocalProtocolError  this side would break the protocol; a bug or a wrong setting here
    └── RemoteProtocolError the peer broke it; ``offset`` is where in its stream of bytes
"""

from __future__ import annotations


class FluentPipelineError(Exception):
    """The root of all errors of this package."""


class ConfigError(FluentPipelineError):
    """The configuration is wrong; ``line`` and ``column`` count from 1, 0 where unknown."""

    def __init__(self, message: str, *, source: str, line: int = 0, column: int = 0) -> None:
        where = f"{source}:{line}:{column}" if line else source
        super().__init__(f"{where}: {message}")
        self.message = message
        self.source = source
        self.line = line
        self.column = column


class ProtocolError(FluentPipelineError):
    """The forward protocol was broken."""


class LocalProtocolError(ProtocolError):
    """This side was about to break the protocol."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    ``offset`` is the position of the offending message in the bytes received from that peer.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message} (at byte {offset})")
        self.message = message
        self.offset = offset
