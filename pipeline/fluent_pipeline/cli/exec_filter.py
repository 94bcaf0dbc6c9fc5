"""``fluent-eql filter``: records on stdin and stdout, for Fluentd's ``exec_filter``."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, Protocol

import msgpack

from fluent_eql.api import KEEP, Drop, Emission, Outcome, Replace, Verdict
from fluent_eql.event import Event, decode_record, encode_value, text_of
from fluent_eql.filter import EqlFilter
from fluent_pipeline.cli.common import add_rules_option, duration_option, eql_filter
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.ndjson import LineBuffer, from_line, to_line

READ_SIZE = 65_536
LARGEST_PIPE = 1 << 20
"""What a pipe holds at most, where nobody raised the kernel's own limit."""
STDIN, STDOUT = 0, 1


def add_to(commands: Any) -> None:
    command = commands.add_parser(
        "filter",
        help="filter records from stdin to stdout, for Fluentd's exec_filter",
        description="Read records from stdin, one JSON object a line or one msgpack map after "
        "another, and write them to stdout, the ones that complete a rule enriched.",
    )
    add_rules_option(command)
    command.add_argument(
        "--format", choices=("json", "msgpack"), default="json", help="of input and output"
    )
    command.add_argument(
        "--reorder-window",
        metavar="DURATION",
        type=duration_option,
        default=2 * 10**9,
        help="how long a record that could complete a sequence waits (default: 2s)",
    )
    command.add_argument(
        "--tag-key",
        metavar="KEY",
        help="the record's key that holds its tag; late alerts have the alert tag there",
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Filter until the end of the input, SIGTERM or SIGINT.

    Raises RuleErrors, and FluentPipelineError where the input cannot be read on.
    """
    detector = eql_filter(options.rules, reorder_window=options.reorder_window)
    codec: Codec = JsonLines() if options.format == "json" else MsgpackMaps()
    session = Session(detector, codec, options.tag_key)
    source = _Stdin()
    while codec.error is None and (data := source.next(session.seconds_to_deadline())) is not None:
        _write_all(session.take(data, time.monotonic_ns(), time.time_ns()))
    _write_all(session.finish(time.monotonic_ns(), time.time_ns()))
    if codec.error is not None:
        raise FluentPipelineError(codec.error)
    return 0


class Codec(Protocol):
    """Records in and out of bytes. A record is given as it came and as a raw msgpack map.

    ``error`` says why nothing more can be read; None while all is well.
    """

    error: str | None

    def receive(self, data: bytes, *, last: bool = False) -> list[tuple[bytes, bytes | None]]:
        """The records that are whole with this data: as they came, and as a map or None."""

    def encode(self, raw: bytes) -> bytes:
        """A raw msgpack map in the codec's own form. Raises ValueError where it has none."""


class JsonLines:
    """One JSON object a line."""

    error: str | None = None

    def __init__(self) -> None:
        self._buffer = LineBuffer()

    def receive(self, data: bytes, *, last: bool = False) -> list[tuple[bytes, bytes | None]]:
        lines = self._buffer.receive(data) + (self._buffer.finish() if last else [])
        return [(line + b"\n", self._map_of(line)) for line in lines if line.strip()]

    def encode(self, raw: bytes) -> bytes:
        return to_line(decode_record(raw))

    def _map_of(self, line: bytes) -> bytes | None:
        try:
            return from_line(line)
        except ValueError:
            return None


class MsgpackMaps:
    """One msgpack map after another."""

    def __init__(self) -> None:
        self.error: str | None = None
        self._offset = 0
        self._rest = b""

    def receive(self, data: bytes, *, last: bool = False) -> list[tuple[bytes, bytes | None]]:
        buffer = self._rest + data
        unpacker = msgpack.Unpacker(max_buffer_size=max(len(buffer), 1))
        unpacker.feed(buffer)
        records: list[tuple[bytes, bytes | None]] = []
        start = 0
        try:
            while start < len(buffer):
                unpacker.skip()
                raw = buffer[start : unpacker.tell()]
                records.append((raw, raw))
                start = unpacker.tell()
        except msgpack.OutOfData:
            pass
        except (msgpack.UnpackException, ValueError):
            self.error = f"the input is no msgpack at byte {self._offset + start}"
        self._offset += start
        self._rest = buffer[start:]
        if last and self._rest and self.error is None:
            self.error = f"the input ends within the record at byte {self._offset}"
        return records

    def encode(self, raw: bytes) -> bytes:
        return raw


class Session:
    """The filter between two pipes: every record that comes in goes out, some of them later.

    A record that the filter leaves alone goes out as it came, one that cannot be read, too.
    """

    def __init__(self, detector: EqlFilter, codec: Codec, tag_key: str | None) -> None:
        self._detector = detector
        self._codec = codec
        self._tag_key = tag_key
        self._as_it_came: dict[Event, bytes] = {}

    def seconds_to_deadline(self) -> float | None:
        """How long until a held record is due; None while none is held."""
        deadline = self._detector.next_deadline()
        return None if deadline is None else max(deadline - time.monotonic_ns(), 0) / 10**9

    def take(self, data: bytes, now: int, wall_clock: int) -> bytes:
        """Bytes from the input, none where only time has passed; what is to be written."""
        output = self._admit(self._codec.receive(data), now, wall_clock)
        return b"".join(output + self._results(self._detector.advance(now)))

    def finish(self, now: int, wall_clock: int) -> bytes:
        """The input has ended; what is left to be written."""
        output = self._admit(self._codec.receive(b"", last=True), now, wall_clock)
        return b"".join(output + self._results(self._detector.flush(now)))

    def _admit(
        self, records: Sequence[tuple[bytes, bytes | None]], now: int, wall_clock: int
    ) -> list[bytes]:
        """New records; those that are not held come out in their order."""
        events = [self._event_of(original, raw, wall_clock) for original, raw in records]
        outcome = self._detector.process([event for event in events if event], now)
        verdicts = dict(outcome.decided)
        held = set(outcome.held)
        output: list[bytes] = []
        for (original, _), event in zip(records, events, strict=True):
            if event is None:
                output.append(original)
            elif event not in held:
                output += self._decided(event, verdicts.pop(event, KEEP))
        outcome.decided = list(verdicts.items())
        return output + self._results(outcome)

    def _event_of(self, original: bytes, raw: bytes | None, wall_clock: int) -> Event | None:
        if raw is None:
            _warn("passed on untouched: not a JSON object")
            return None
        event = Event(self._tag_of(raw), wall_clock, raw)
        self._as_it_came[event] = original
        return event

    def _results(self, outcome: Outcome) -> list[bytes]:
        for warning in outcome.warnings:
            _warn(warning)
        for problem in outcome.problems:
            _warn(f"passed on untouched: {problem.reason}")
        output: list[bytes] = []
        for event, verdict in outcome.decided:
            output += self._decided(event, verdict)
        for emission in outcome.emitted:
            output += self._emitted(emission)
        return output

    def _decided(self, event: Event, verdict: Verdict) -> list[bytes]:
        original = self._as_it_came.pop(event)
        if isinstance(verdict, Replace):
            return self._encoded(verdict.records, original)
        return [] if isinstance(verdict, Drop) else [original]

    def _encoded(self, records: Sequence[bytes], original: bytes) -> list[bytes]:
        try:
            return [self._codec.encode(raw) for raw in records]
        except ValueError as error:
            _warn(f"passed on without its alert: {error}")
            return [original]

    def _emitted(self, emission: Emission) -> list[bytes]:
        try:
            return [self._codec.encode(self._tagged(emission.raw, emission.tag))]
        except ValueError as error:
            _warn(f"a record for {emission.tag} cannot be written: {error}")
            return []

    def _tag_of(self, raw: bytes) -> str:
        if self._tag_key is None:
            return ""
        try:
            tag = decode_record(raw).get(self._tag_key)
        except ValueError:
            return ""
        return text_of(tag) if isinstance(tag, str | bytes) else ""

    def _tagged(self, raw: bytes, tag: str) -> bytes:
        if self._tag_key is None:
            return raw
        return encode_value({**decode_record(raw), self._tag_key: tag})


class _Stdin:
    """The standard input, whose waiting ends with a deadline, SIGTERM or SIGINT.

    After a signal it gives what its pipe holds already and then ends: Fluentd, when it stops,
    closes the pipe and sends SIGTERM at once.
    """

    def __init__(self) -> None:
        self._stopping = False
        self._allowance = LARGEST_PIPE
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: None)

    def next(self, timeout: float | None) -> bytes | None:
        """The next bytes; none of them after ``timeout`` seconds; None at the end."""
        if not self._stopping:
            ready, _, _ = select.select([STDIN, self._woken], [], [], timeout)
            self._stopping = self._woken in ready
        if self._stopping:
            return self._left()
        return os.read(STDIN, READ_SIZE) or None if ready else b""

    def _left(self) -> bytes | None:
        ready, _, _ = select.select([STDIN], [], [], 0)
        if not ready or self._allowance <= 0:
            return None
        data = os.read(STDIN, READ_SIZE)
        self._allowance -= len(data)
        return data or None


def _write_all(data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.write(STDOUT, data[written:])


def _warn(text: str) -> None:
    print(f"fluent-eql: {text}", file=sys.stderr)
