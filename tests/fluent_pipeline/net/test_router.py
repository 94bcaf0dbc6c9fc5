from __future__ import annotations

from collections.abc import Callable, Iterable

from fluent_eql.api import Metric
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.net.router import Output, Router
from fluent_pipeline.receipt import Receipt
from support.frames import forward_frame


class Collecting:
    def __init__(self, matches: Callable[[str], bool]) -> None:
        self.name = "collecting"
        self.matches = matches
        self.taken: list[Outgoing] = []
        self.trouble: str | None = None

    @property
    def pending(self) -> int:
        return len(self.taken)

    def start(self) -> None: ...

    def send(self, outgoing: Outgoing) -> None:
        self.taken.append(outgoing)

    async def stop(self, grace: float) -> None: ...

    def metrics(self) -> Iterable[Metric]:
        return ()


def outgoing(tag: str, delivered: list[str]) -> Outgoing:
    receipt = Receipt(lambda: delivered.append(tag))
    receipt.hold()
    return Outgoing(forward_frame([{"a": 1}], tag=tag), receipt)


def test_a_frame_goes_to_every_output_that_takes_its_tag() -> None:
    outputs: list[Output] = [Collecting(lambda tag: True), Collecting(lambda tag: tag == "b")]
    router = Router(outputs)
    delivered: list[str] = []
    router.send([outgoing("a", delivered), outgoing("b", delivered)])
    assert [output.pending for output in outputs] == [2, 1]


def test_a_frame_is_delivered_when_all_its_outputs_have_delivered_it() -> None:
    first, second = Collecting(lambda tag: True), Collecting(lambda tag: True)
    delivered: list[str] = []
    Router([first, second]).send([outgoing("a", delivered)])
    first.taken[0].receipt.release()
    assert delivered == []
    second.taken[0].receipt.release()
    assert delivered == ["a"]


def test_a_frame_that_no_output_takes_is_counted_and_is_nothing_to_wait_for() -> None:
    router = Router([Collecting(lambda tag: False)])
    delivered: list[str] = []
    router.send([outgoing("a", delivered)])
    assert (router.unrouted, delivered) == (1, ["a"])
