"""Several relays find what one finds, where the events of each host come to one of them.

The configurations of ``conf/scaling`` are run as they are, on free ports of the loopback interface.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.events import Record
from support.ports import free_ports
from support.programs import Killed
from support.scaling import (
    Arrived,
    Story,
    alerts_in_order,
    chunks_of,
    deliver,
    fluent_bit_of,
    fluentd_of,
    host_id,
    is_low,
    listening,
    relay_of,
    targets,
)

FIRST, SECOND = "10.0.0.1:24225", "10.0.0.2:24225"
INPUT, COLLECTOR = "0.0.0.0:24225", "0.0.0.0:24224"
TARGET, ROUTER = "${EQL_TARGET}:24224", "${EQL_AGGREGATOR}:24225"
needs_fluent_bit = pytest.mark.skipif(
    shutil.which("fluent-bit") is None, reason="needs fluent-bit on the PATH"
)
needs_fluentd = pytest.mark.skipif(
    shutil.which("fluentd") is None, reason="needs fluentd on the PATH"
)


@dataclass
class Aggregators:
    """Two aggregators with a target each, by their addresses in the configurations."""

    places: dict[str, int]
    programs: tuple[Killed, Killed]
    behind: tuple[Arrived, Arrived]

    @property
    def all(self) -> Arrived:
        """What came through both."""
        return Arrived(*(target for one in self.behind for target in one.targets))


@asynccontextmanager
async def aggregators(folder: Path) -> AsyncIterator[Aggregators]:
    async with targets(2) as behind, AsyncExitStack() as stack:
        ports = free_ports(2)
        programs = [
            stack.enter_context(
                relay_of(
                    folder / f"aggregator-{number}",
                    "scaling/aggregator.yaml",
                    {INPUT: port, TARGET: target.port},
                )
            )
            for number, (port, target) in enumerate(zip(ports, behind, strict=True))
        ]
        await listening(*ports)
        first, second = programs
        yield Aggregators(
            dict(zip((FIRST, SECOND), ports, strict=True)),
            (first, second),
            (Arrived(behind[0]), Arrived(behind[1])),
        )


def ids(records: list[Record]) -> set[str]:
    return {record["event"]["id"] for record in records}


def low(records: list[Record]) -> list[Record]:
    """Those that belong to the first aggregator."""
    return [record for record in records if is_low(host_id(record))]


def high(records: list[Record]) -> list[Record]:
    """Those that belong to the second one."""
    return [record for record in records if not is_low(host_id(record))]


def is_shared_out_by_hosts(both: Aggregators, story: Story) -> bool:
    """Whether each aggregator has had the events of its hosts, and no others."""
    expected = [{host_id(record) for record in part(story.records)} for part in (low, high)]
    return [arrived.hosts for arrived in both.behind] == expected


async def test_the_story_has_sequences_of_each_kind() -> None:
    story = Story(6)
    within = alerts_in_order(story.before) | alerts_in_order(story.after)
    assert {is_low(host) for host in story.hosts} == {True, False}
    assert (len(alerts_in_order(story.records)), len(within)) == (18, 12)


async def test_a_relay_on_each_host_finds_what_one_relay_for_all_finds(tmp_path: Path) -> None:
    story, source = Story(3), random.Random(2)
    places = {host: port for host, port in zip(story.hosts, free_ports(3), strict=True)}
    async with targets(1) as behind, AsyncExitStack() as stack:
        for host, port in places.items():
            ports = {"127.0.0.1:24225": port, "127.0.0.1:24224": behind[0].port}
            stack.enter_context(relay_of(tmp_path / host, "fluent-eql.yaml", ports))
        await listening(*places.values())
        async with asyncio.TaskGroup() as agents:
            for host, port in places.items():
                own = [record for record in story.records if host_id(record) == host]
                agents.create_task(deliver(port, chunks_of(own, source), key=None))
        arrived = Arrived(*behind)
        assert arrived.alerts() == alerts_in_order(story.records)
        assert arrived.ids == ids(story.records)


async def test_aggregators_behind_a_router_find_what_one_relay_finds(tmp_path: Path) -> None:
    story, (port,) = Story(12), free_ports(1)
    async with aggregators(tmp_path) as both:
        with relay_of(tmp_path / "router", "scaling/router.yaml", {**both.places, INPUT: port}):
            await listening(port)
            await deliver(port, chunks_of(story.records, random.Random(3)))
            assert both.all.alerts() == alerts_in_order(story.records)
            assert both.all.ids == ids(story.records)
            assert is_shared_out_by_hosts(both, story)


async def test_a_standby_takes_the_hosts_of_a_dead_aggregator_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    story, source, (port,) = Story(12), random.Random(4), free_ports(1)
    async with aggregators(tmp_path) as both:
        with relay_of(tmp_path / "router", "scaling/router.yaml", {**both.places, INPUT: port}):
            await listening(port)
            await deliver(port, chunks_of(story.before, source))
            both.programs[0].kill()
            await deliver(port, chunks_of(story.after, source))
    assert both.all.ids == ids(story.records)
    assert both.behind[0].ids == ids(low(story.before))
    assert both.behind[1].ids == ids(high(story.records) + low(story.after))
    torn = alerts_in_order(low(story.records))
    torn -= alerts_in_order(low(story.before)) | alerts_in_order(low(story.after))
    assert torn
    assert both.all.alerts() == alerts_in_order(story.records) - torn


async def test_without_a_standby_events_wait_and_every_sequence_is_found(tmp_path: Path) -> None:
    story, source, (port,) = Story(12), random.Random(5), free_ports(1)
    async with aggregators(tmp_path) as both:
        places = {**both.places, INPUT: port}
        with relay_of(tmp_path / "router", "scaling/router.yaml", places, standby=False):
            await listening(port)
            await deliver(port, chunks_of(story.before, source))
            both.programs[0].kill()
            sending = asyncio.create_task(deliver(port, chunks_of(story.after, source)))
            await both.all.until(lambda: both.behind[1].ids == ids(high(story.records)))
            assert not sending.done()
            both.programs[0].kill_and_start()
            await sending
    assert both.all.ids == ids(story.records)
    assert both.all.alerts() == alerts_in_order(story.records)
    assert is_shared_out_by_hosts(both, story)


@needs_fluent_bit
async def test_fluent_bit_sends_each_hosts_events_to_one_aggregator_and_waits_for_it(
    tmp_path: Path,
) -> None:
    story, source, (port,) = Story(12), random.Random(6), free_ports(1)
    async with aggregators(tmp_path) as both:
        places = {**both.places, COLLECTOR: port}
        with fluent_bit_of(tmp_path / "collector", "scaling/collector.yaml", places):
            await listening(port)
            await deliver(port, chunks_of(story.before, source))
            await both.all.until(lambda: both.all.ids == ids(story.before))
            both.programs[0].kill()
            await deliver(port, chunks_of(story.after, source))
            await both.all.until(lambda: both.behind[1].ids == ids(high(story.records)))
            both.programs[0].kill_and_start()
            await both.all.until(lambda: both.all.ids == ids(story.records))
            await both.all.until(lambda: both.all.alerts() == alerts_in_order(story.records))
    assert is_shared_out_by_hosts(both, story)


@needs_fluent_bit
async def test_fluent_bits_on_hosts_reach_the_same_aggregator_through_a_router(
    tmp_path: Path,
) -> None:
    story, (port,) = Story(4), free_ports(1)
    async with aggregators(tmp_path) as both, AsyncExitStack() as stack:
        router = {**both.places, INPUT: port}
        stack.enter_context(relay_of(tmp_path / "router", "scaling/router.yaml", router))
        await listening(port)
        for host in story.hosts:
            events = tmp_path / f"{host}.ndjson"
            own = [record for record in story.records if host_id(record) == host]
            random.Random(host).shuffle(own)
            events.write_text("".join(json.dumps(record) + "\n" for record in own))
            stack.enter_context(
                fluent_bit_of(
                    tmp_path / host,
                    "scaling/agent.yaml",
                    {ROUTER: port},
                    MACHINE_ID=host,
                    EVENTS=str(events),
                )
            )
        await both.all.until(lambda: both.all.ids == ids(story.records))
        await both.all.until(lambda: both.all.alerts() == alerts_in_order(story.records))
    assert is_shared_out_by_hosts(both, story)


@needs_fluentd
async def test_fluentd_sends_each_hosts_events_to_one_aggregator_or_its_standby(
    tmp_path: Path,
) -> None:
    story, source, (port,) = Story(4), random.Random(7), free_ports(1)
    async with aggregators(tmp_path) as both:
        places = {**both.places, COLLECTOR: port}
        with fluentd_of(tmp_path / "collector", "scaling/fluentd.conf", places):
            await listening(port)
            await deliver(port, chunks_of(story.before, source))
            await both.all.until(lambda: both.all.ids == ids(story.before))
            await both.all.until(lambda: both.all.alerts() == alerts_in_order(story.before))
            assert is_shared_out_by_hosts(both, story)
            both.programs[0].kill()
            await deliver(port, chunks_of(story.after, source))
            await both.all.until(lambda: both.all.ids == ids(story.records))
    found = both.all.alerts()
    assert alerts_in_order(story.before) <= found < alerts_in_order(story.records)
