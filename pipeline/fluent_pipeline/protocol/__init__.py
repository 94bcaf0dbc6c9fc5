"""The Fluent forward protocol without I/O: bytes in, frames out.

A driver gives received bytes to a :class:`~fluent_pipeline.protocol.framing.Framer` and pulls whole
messages from it. Each message is a step of the handshake
(:mod:`~fluent_pipeline.protocol.handshake`) or becomes a
:class:`~fluent_pipeline.protocol.frames.Frame`: the bytes as they came beside what their head
says. :mod:`~fluent_pipeline.protocol.entries` finds the entries of a frame's payload,
:mod:`~fluent_pipeline.protocol.splice` changes some of them and leaves the rest as it came, and
:mod:`~fluent_pipeline.protocol.acks` writes and reads acknowledgements.

Specification: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1.5
"""
