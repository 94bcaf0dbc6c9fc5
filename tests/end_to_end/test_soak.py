"""A long stream: the relay's memory at its end is what it was after the first tenth.

``make faults`` sends a million records.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fluent_eql.event import encode_value
from fluent_pipeline.bench import defend
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from support.events import MILLISECOND, OUTSIDE, START, Record
from support.frames import ack_of
from support.observed import HTTP, Observed, observed_relay
from support.ports import free_ports
from support.programs import killed
from support.relays import configuration

RECORDS = int(os.environ.get("SOAK_RECORDS", "60000"))
A_FRAME = 500
IN_FLIGHT = 2
WARM_UP = 40
"""Frames, at the least, after which every buffer has been as full as it gets."""
CANDIDATES = 0.02
OPEN_SEQUENCES = 10
TEXT = "x" * 16_000
"""In each candidate, so that one that is not forgotten shows."""
TARGET = Path(__file__).parent.parent / "support" / "target_program.py"


def stream() -> Iterator[Record]:
    """Background, and in it sequences of ever new processes, each of which is completed."""
    source, hosts = random.Random(7), [defend.host(number) for number in range(20)]
    begun: deque[tuple[defend.Host, Record]] = deque()
    time, pid = START, 10_000
    while True:
        time += MILLISECOND
        if source.random() >= CANDIDATES:
            yield defend.background(source, hosts, time)
        elif len(begun) < OPEN_SEQUENCES:
            pid += 1
            on = source.choice(hosts)
            begun.append((on, on.process("/tmp/agent", pid)))
            yield defend.network_event(*begun[-1], time, OUTSIDE) | {"text": TEXT}
        else:
            yield defend.file_event(*begun.popleft(), time, "/opt/out.bin") | {"text": TEXT}


def frames() -> Iterator[bytes]:
    events = stream()
    for number in range(RECORDS // A_FRAME):
        entries = [encode_entry(0, encode_value(event)) for event in islice(events, A_FRAME)]
        yield encode_forward("app", entries, {"chunk": f"c{number:06d}", "size": A_FRAME})


async def measured(relay: Observed) -> tuple[int, int]:
    """The relay's memory after the first tenth of the records, and after the last.

    Frames are sent several at once, and the next ones when all of them are acknowledged: so there
    are as many in flight on a fast machine as on one that now and then stands still.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    made, sent, after_a_tenth = frames(), 0, 0
    while several := list(islice(made, IN_FLIGHT)):
        writer.write(b"".join(several))
        await reader.readexactly(len(several) * len(ack_of("c000000")))
        sent += len(several)
        if not after_a_tenth and sent >= max(RECORDS // A_FRAME // 10, WARM_UP):
            after_a_tenth = relay.rss
    writer.close()
    return after_a_tenth, relay.rss


async def test_memory_at_the_end_is_within_a_tenth_of_that_after_the_first_tenth(
    tmp_path: Path,
) -> None:
    (behind_port,) = free_ports(1)
    text = configuration(
        target_port=behind_port,
        service={
            **HTTP,
            "http_alerts_kept": 20,
            "storage.path": str(tmp_path),
            "storage.state_limit_size": "1M",
        },
        eql={"reorder_window": "20ms", "state.max_entities": 50},
        forward_output={"require_ack_response": True},
    )
    command = [sys.executable, TARGET, str(behind_port), "/dev/null"]
    with killed(tmp_path / "target.txt", *command):
        async with observed_relay(tmp_path, text) as relay:
            after_a_tenth, at_the_end = await measured(relay)
            assert await relay.troubles() == []
            alerts = relay.log.count(" alert ")
    assert alerts > CANDIDATES * RECORDS / 3
    assert at_the_end < 1.1 * after_a_tenth
