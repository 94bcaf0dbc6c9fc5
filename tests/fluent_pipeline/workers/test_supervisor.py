"""Workers as processes, seen from outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from support.events import SECOND, Scene
from support.frames import ack_of, forward_frame
from support.observed import HTTP, Observed, observed_relay
from support.ports import free_ports
from support.programs import is_running, run_program
from support.relays import configuration
from support.target import WAIT, Target, target

CONNECTIONS = 24
FRAMES = 'fluent_eql_input_frames_total{name="forward.0"}'


@asynccontextmanager
async def two_workers(
    folder: Path, **eql: Any
) -> AsyncIterator[tuple[Target, Observed, list[int]]]:
    """A relay with two workers, its target, and the workers' process ids."""
    async with target() as behind:
        text = configuration(
            target_port=behind.port,
            service={**HTTP, "workers": 2, "storage.path": str(folder / "storage")},
            eql={"reorder_window": "100ms", **eql},
            forward_output={"require_ack_response": True},
        )
        async with observed_relay(folder, text) as relay:
            async with asyncio.timeout(WAIT):
                while relay.log.count("connected to") < 2:
                    await asyncio.sleep(0.02)
            workers = [child.pid for child in psutil.Process(relay.process.pid).children()]
            yield behind, relay, workers


async def acknowledged(port: int, number: int, record: dict[str, Any]) -> None:
    """Send a record over a connection of its own, and wait for the ack."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(forward_frame([record], chunk=f"c{number:03d}").raw)
    async with asyncio.timeout(WAIT):
        assert await reader.readexactly(len(ack_of("c000"))) == ack_of(f"c{number:03d}")
    writer.close()


async def told(relay: Observed, path: str) -> str:
    page = re.search(r"serving on (\S+)", relay.log)
    assert page is not None
    async with aiohttp.ClientSession() as http:
        async with http.get(page[1] + path) as answer:
            assert answer.status == 200
            return await answer.text()


async def metrics(relay: Observed) -> dict[str, float]:
    lines = (await told(relay, "/metrics")).splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"
    }


async def taken(relay: Observed, frames: int) -> dict[str, float]:
    """The metrics, once the workers have told of so many frames."""
    async with asyncio.timeout(WAIT):
        while (found := await metrics(relay)).get(FRAMES, 0) < frames:
            await asyncio.sleep(0.05)
    return found


async def ended(relay: Observed) -> int:
    async with asyncio.timeout(WAIT):
        return await asyncio.to_thread(relay.process.wait)


async def test_sequences_are_found_whichever_workers_their_events_come_to(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (behind, relay, workers):
        scenes = [(Scene(number), number) for number in range(CONNECTIONS)]
        for scene, number in scenes:
            await acknowledged(relay.port, number, scene.network(0, pid=number))
        await asyncio.gather(
            *(acknowledged(relay.port, n, scene.file(SECOND, pid=n)) for scene, n in scenes)
        )
        tagged = [event for event in behind.all_events() if "eql" in event.record]
        assert len(tagged) == CONNECTIONS
        assert len(workers) == 2
        found = await taken(relay, 2 * CONNECTIONS)
        assert found["fluent_eql_workers"] == 2
        alerts = [value for name, value in found.items() if "alerts_total" in name]
        assert sum(alerts) == CONNECTIONS
        used = [len(psutil.Process(pid).net_connections()) for pid in workers]
        assert min(used) > 1


async def test_the_page_has_the_alerts_of_all_workers_and_the_sums_of_their_figures(
    tmp_path: Path,
) -> None:
    async with two_workers(tmp_path) as (_, relay, _):
        scene = Scene()
        await acknowledged(relay.port, 0, scene.network(0))
        await acknowledged(relay.port, 1, scene.file(SECOND))
        [item] = json.loads(await told(relay, "/api/v1/alerts"))["alerts"]
        alert = json.loads(await told(relay, f"/api/v1/alerts/{item['alert']['id']}"))
        assert [json.loads(event["record"])["event"]["category"] for event in alert["events"]] == [
            ["network"],
            ["file"],
        ]
        assert json.loads(await told(relay, "/api/v1/ready"))["status"] == "ready"
        async with asyncio.timeout(WAIT):
            while True:
                status = json.loads(await told(relay, "/api/v1/status"))
                [output] = status["outputs"]
                if status["totals"]["records"] == 2 and output["up"]:
                    break
                await asyncio.sleep(0.05)
    assert (status["totals"]["workers"], status["totals"]["alerts"]) == (2, 1)


async def test_a_stop_decides_and_delivers_what_is_held(tmp_path: Path) -> None:
    async with two_workers(tmp_path, reorder_window="1h") as (behind, relay, workers):
        scene = Scene()
        await acknowledged(relay.port, 0, scene.network(0))
        sending = asyncio.create_task(acknowledged(relay.port, 1, scene.file(SECOND)))
        await taken(relay, 2)
        assert not sending.done()
        relay.process.send_signal(signal.SIGTERM)
        await sending
        assert await ended(relay) == 0
        assert not any(is_running(pid) for pid in workers)
        assert [("eql" in event.record) for event in behind.all_events()] == [False, True]


async def test_a_sequence_straddles_a_restart_with_another_number_of_workers(
    tmp_path: Path,
) -> None:
    scene = Scene()
    async with target() as behind:
        for workers, number, record in ((3, 0, scene.network(0)), (1, 1, scene.file(SECOND))):
            text = configuration(
                target_port=behind.port,
                service={**HTTP, "workers": workers, "storage.path": str(tmp_path / "storage")},
                eql={"reorder_window": "50ms"},
                forward_output={"require_ack_response": True},
            )
            async with observed_relay(tmp_path, text) as relay:
                await acknowledged(relay.port, number, record)
        assert [("eql" in event.record) for event in behind.all_events()] == [False, True]


async def test_a_worker_that_is_killed_ends_all_so_that_all_start_again(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (_, relay, workers):
        os.kill(workers[0], signal.SIGKILL)
        assert await ended(relay) == 1
        assert f"worker {workers[0]} ended with -9" in relay.log
        assert not is_running(workers[1])


async def test_no_worker_outlives_the_relay(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (_, relay, workers):
        relay.process.kill()
        async with asyncio.timeout(WAIT):
            while any(is_running(pid) for pid in workers):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_frames_of_more_workers_are_not_left_behind(workers: int, tmp_path: Path) -> None:
    left = tmp_path / "storage" / "frames" / f"forward.0.{workers}"
    left.mkdir(parents=True)
    (left / "1.segment").write_bytes(b"x")
    config = tmp_path / "relay.yaml"
    config.write_text(
        configuration(
            target_port=free_ports(1)[0],
            service={"workers": workers, "storage.path": str(tmp_path / "storage")},
            forward_output={"storage.type": "filesystem"},
        )
    )
    done = run_program("run", "--config", config)
    assert done.returncode == 1
    assert b"frames of more workers wait in" in done.stderr


def test_a_port_in_use_ends_all_with_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "relay.yaml"
        config.write_text(
            configuration(
                service={"workers": 2},
                forward_input={"port": taken.getsockname()[1]},
                outputs=[{"name": "stdout"}],
            )
        )
        done = run_program("run", "--config", config)
    assert done.returncode == 1
    assert b"address already in use" in done.stderr
