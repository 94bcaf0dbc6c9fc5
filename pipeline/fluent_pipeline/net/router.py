"""Frames to the outputs whose match fits their tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from fluent_eql.api import Metric
from fluent_pipeline.engine import Outgoing


class Output(Protocol):
    """Where frames go. An output releases each frame's receipt once, when it is delivered."""

    name: str

    def matches(self, tag: str) -> bool:
        """Whether the output takes frames with that tag."""

    def start(self) -> None:
        """Begin to deliver, inside a running event loop."""

    def send(self, outgoing: Outgoing) -> None:
        """Take a frame; never blocks, never refuses."""

    @property
    def pending(self) -> int:
        """How many frames have been taken and not delivered."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be delivered now; None while all is well."""

    async def stop(self, grace: float) -> None:
        """Deliver what is pending for at most ``grace`` seconds, then close."""

    def metrics(self) -> Iterable[Metric]:
        """The output's counters and gauges."""


class Router:
    """Gives each frame to every output that takes its tag; a frame that none takes is dropped."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self.outputs = tuple(outputs)
        self.unrouted = 0

    def send(self, sent: Iterable[Outgoing]) -> None:
        """Send frames in their order."""
        for outgoing in sent:
            takers = [output for output in self.outputs if output.matches(outgoing.frame.tag)]
            self.unrouted += not takers
            for output in takers:
                outgoing.receipt.hold()
                output.send(outgoing)
            outgoing.receipt.release()
