"""The fluent-logger package as a client of a running relay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fluent import asyncsender, sender

from fluent_pipeline.app import Relay
from support.events import SECOND, START, Scene
from support.relays import configuration, running_relay
from support.target import target

LATE_TAG = "eql.alert.network_connection_followed_by_file_creation"


def port_of(relay: Relay) -> int:
    return int(relay.listeners[0].address.rpartition(":")[2])


def log_all(made: sender.FluentSender, records: list[dict[str, Any]]) -> None:
    for number, record in enumerate(records):
        assert made.emit_with_time("events", START / SECOND + number, record), made.last_error
    made.close()


@pytest.mark.parametrize("nanoseconds", [True, False])
async def test_records_logged_by_an_application_come_out_tagged(nanoseconds: bool) -> None:
    scene = Scene()
    records = [scene.network(0), {"message": "not an event"}, scene.file(SECOND)]
    async with target() as behind:
        text = configuration(target_port=behind.port, eql={"reorder_window": "50ms"})
        async with running_relay(text) as relay:
            made = sender.FluentSender(
                "app", "127.0.0.1", port_of(relay), nanosecond_precision=nanoseconds
            )
            await asyncio.to_thread(log_all, made, records)
            received = await behind.records(3)
    assert {frame.tag for frame in behind.frames} == {"app.events"}
    (tagged,) = [record for record in received if "eql" in record]
    assert tagged["tags"] == ["eql-alert", "network_connection_followed_by_file_creation"]
    (alert,) = tagged["eql"]["alerts"]
    assert alert["sequence"]["span_ns"] == SECOND
    assert alert["sequence"]["events"][0]["event.id"] == records[0]["event"]["id"]
    assert [record for record in received if record is not tagged] == records[:2]


async def test_a_file_event_that_came_before_its_connection_is_tagged_in_place() -> None:
    scene = Scene()
    network, file = scene.network(0), scene.file(SECOND)
    async with target() as behind:
        text = configuration(target_port=behind.port, eql={"reorder_window": "1h"})
        async with running_relay(text) as relay:
            made = asyncsender.FluentSender("app", "127.0.0.1", port_of(relay))
            await asyncio.to_thread(log_all, made, [file, network])
            await behind.records(1)
            await relay.stop()
            received = await behind.records(2)
    assert [record["event"]["id"] for record in received if "eql" in record] == [
        file["event"]["id"]
    ]


async def test_an_alert_whose_record_had_left_is_sent_late_under_the_alert_tag() -> None:
    scene = Scene()
    network, file = scene.network(0), scene.file(SECOND)
    async with target() as behind:
        text = configuration(target_port=behind.port, eql={"reorder_window": "0"})
        async with running_relay(text) as relay:
            made = sender.FluentSender("app", "127.0.0.1", port_of(relay))
            await asyncio.to_thread(log_all, made, [file, network])
            events = await behind.events(3)
    assert sorted(event.tag for event in events) == ["app.events", "app.events", LATE_TAG]
    (late,) = [event.record for event in events if event.tag == LATE_TAG]
    assert late["event"]["id"] == file["event"]["id"]
    assert [alert["late"] for alert in late["eql"]["alerts"]] == [True]
    assert [event.record for event in events if event.tag != LATE_TAG] == [file, network]
