from __future__ import annotations

import asyncio
import threading

import pytest

from fluent_pipeline.engine import Outgoing
from fluent_pipeline.net.writers import LineOutput
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from fluent_pipeline.receipt import Receipt
from support.frames import forward_frame


class Writing:
    """A write that fails while ``error`` is set and keeps what it got."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.failed = threading.Event()
        self.written: list[tuple[str, bytes]] = []

    def __call__(self, tag: str, lines: bytes) -> None:
        if self.error is not None:
            self.failed.set()
            raise self.error
        self.written.append((tag, lines))


def outgoing(frame: Frame, delivered: asyncio.Event) -> Outgoing:
    receipt = Receipt(delivered.set)
    receipt.hold()
    return Outgoing(frame, receipt)


async def written_by(write: Writing, frame: Frame) -> list[tuple[str, bytes]]:
    output = LineOutput("file.0", lambda tag: True, write)
    delivered = asyncio.Event()
    output.start()
    output.send(outgoing(frame, delivered))
    async with asyncio.timeout(30):
        await delivered.wait()
    await output.stop(1)
    return write.written


async def test_each_record_is_a_line_of_json() -> None:
    written = await written_by(Writing(), forward_frame([{"a": 1}, {"b": "é"}], tag="app"))
    assert written == [("app", b'{"a":1}\n{"b":"\xc3\xa9"}\n')]


async def test_telemetry_has_no_lines() -> None:
    raw = encode_forward("m", [encode_entry(1, b"\x80")], {"fluent_signal": 1})
    assert await written_by(Writing(), frame_of(raw)) == [("m", b"")]


async def test_a_write_that_fails_is_tried_again_and_told_as_trouble() -> None:
    write = Writing()
    write.error = OSError(28, "No space left on device")
    output = LineOutput("file.0", lambda tag: True, write)
    delivered = asyncio.Event()
    output.start()
    output.send(outgoing(forward_frame([{"a": 1}]), delivered))
    await asyncio.to_thread(write.failed.wait, 30)
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        while output.trouble is None:
            await asyncio.sleep(0.001)
    assert "No space left on device" in output.trouble
    assert output.pending == 1
    write.error = None
    async with asyncio.timeout(30):
        await delivered.wait()
    assert (output.trouble, output.pending) == (None, 0)
    await output.stop(1)


async def test_a_stop_waits_for_what_is_pending() -> None:
    write = Writing()
    output = LineOutput("file.0", lambda tag: True, write)
    delivered = asyncio.Event()
    output.start()
    output.send(outgoing(forward_frame([{"a": 1}]), delivered))
    await output.stop(30)
    assert delivered.is_set()


async def test_a_stop_gives_up_on_what_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    write = Writing()
    write.error = OSError("read-only")
    output = LineOutput("file.0", lambda tag: True, write)
    output.start()
    output.send(outgoing(forward_frame([{"a": 1}]), asyncio.Event()))
    await output.stop(0.01)
    assert "1 frames undelivered" in caplog.text
