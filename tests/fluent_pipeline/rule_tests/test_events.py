from __future__ import annotations

from typing import Any

import pytest

from fluent_pipeline.rule_tests.events import EventReader, Places, Planned
from fluent_pipeline.rule_tests.fields import Change
from support.rule_tests import messages, node_of, readers

NAMED = "{connect: {kind: network}, create: {kind: file, path: /a}}"
SECOND = 10**9


def planned(stream: str, *, named: str = NAMED, defaults: str = "{host.id: h1}") -> list[Planned]:
    events, wrong = read(stream, named=named, defaults=defaults)
    assert wrong == []
    return events


def read(
    stream: str, *, named: str = NAMED, defaults: str = "{host.id: h1}"
) -> tuple[list[Planned], list[str]]:
    reader, bodies = readers()
    events = EventReader(reader, bodies)
    events.read_defaults(node_of(defaults))
    events.read_named(node_of(named))
    return events.read_stream(node_of(stream)), messages(reader)


def record(event: Planned) -> dict[str, Any]:
    """The record of an event, without the time and the id."""
    found = event.sent(0).record
    return {name: value for name, value in found.items() if name not in ("@timestamp", "event.id")}


def test_an_event_is_a_name_a_name_with_changes_or_fields() -> None:
    named, varied, own = planned("[connect, {create: {path: /b, at: 3s}}, {kind: x, at: 4s}]")
    assert record(named) == {"host.id": "h1", "kind": "network"}
    assert record(varied) == {"host.id": "h1", "kind": "file", "path": "/b"}
    assert record(own) == {"host.id": "h1", "kind": "x"}
    assert [event.at for event in (named, varied, own)] == [None, 3 * SECOND, 4 * SECOND]


def test_a_name_without_changes_may_stand_as_a_key() -> None:
    [alone, empty] = planned("[{connect: null}, {connect: {}}]")
    assert record(alone) == record(empty) == {"host.id": "h1", "kind": "network"}


def test_an_event_may_have_one_field_of_its_own() -> None:
    [event] = planned("[{kind: x}]")
    assert record(event) == {"host.id": "h1", "kind": "x"}


def test_a_default_may_be_replaced_and_taken_away() -> None:
    events = planned("[{create: {host: {id: h2}}}, {create: {host: null}}]")
    assert [record(event).get("host") for event in events] == [{"id": "h2"}, None]
    assert "host.id" not in record(events[1])


def test_a_named_event_may_be_made_from_one_above_it() -> None:
    [event] = planned(
        "[again]", named="{create: {path: /a, kind: file}, again: {create: {path: /b}}}"
    )
    assert record(event) == {"host.id": "h1", "kind": "file", "path": "/b"}
    [event] = planned("[again]", named="{create: {path: /a, kind: file}, again: create}")
    assert record(event)["path"] == "/a"


def test_events_without_ids_are_called_by_their_names() -> None:
    stream = "[connect, {connect: {id: x}}, connect, {kind: y}, create, connect]"
    assert [event.id for event in planned(stream)] == [
        "connect",
        "x",
        "connect-2",
        "event-4",
        "create",
        "connect-3",
    ]


def test_an_event_is_sent_with_its_id_and_its_time() -> None:
    [event] = planned("[connect]")
    sent = event.sent(1_767_225_600 * SECOND + 5, [Change(("kind",), "other")])
    assert (sent.id, sent.time) == ("connect", 1_767_225_600 * SECOND + 5)
    assert sent.record == {
        "@timestamp": "2026-01-01T00:00:00.000000005Z",
        "host.id": "h1",
        "kind": "other",
        "event.id": "connect",
    }


def test_a_time_that_the_record_has_stays_or_is_taken_away() -> None:
    own, none = planned('[{connect: {"@timestamp": 5}}, {connect: {"@timestamp": null}}]')
    assert own.sent(0).record["@timestamp"] == 5
    assert "@timestamp" not in none.sent(0).record


def test_an_event_has_its_id_also_where_its_fields_are_taken_away() -> None:
    [event] = planned("[{connect: {event: null}}]")
    assert event.sent(0).record["event.id"] == "connect"


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("[conect]", "found conect; did you mean connect?"),
        ("[{conect: {at: 1s}}]", "found conect; did you mean connect?"),
        ("[{conect: null}]", "found conect; did you mean connect?"),
        ("[{process: {name: x}}]", "; a field that stands alone has dots: process.name"),
        ("[{[a]: {b: 1}}]", "found a list"),
        ("[null]", "event 1: expected an event, found nothing"),
        ("[[connect]]", "event 1: expected a map, found a list"),
        ("[{connect: 3s}]", "event 1: expected a map, found a single value"),
        ("[{connect: {id: all}}]", "event 1: expected an id, no number and not all"),
        ("[{connect: {id: 12}}]", "event 1: expected an id, no number and not all"),
        ("[connect, {create: {id: connect}}]", "event 2: the id connect is given twice"),
        (
            "[{create: {id: connect-2}}, connect, connect]",
            "event 3: the id connect-2 is given twice",
        ),
    ],
)
def test_what_is_no_event_is_refused(stream: str, message: str) -> None:
    _, found = read(stream)
    assert message in found[0]
    assert found[0].startswith("1:")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("{all: {a: 1}}", "1:2: events: all: expected a name, no number and not all"),
        ("{7: {a: 1}}", "1:2: events: 7: expected a name, no number and not all"),
        ("{x: {a: 1, at: 3s}}", "1:5: events: x: at and id belong to the events of a stream"),
        (
            "{x: y, y: {a: 1}}",
            "1:5: events: x: expected the name of an event, found y; there are none",
        ),
        ("{x: null}", "1:5: events: x: expected an event, found nothing"),
    ],
)
def test_what_is_no_named_event_is_refused(named: str, message: str) -> None:
    _, found = read("[]", named=named)
    assert found == [message]


def test_events_of_a_stream_are_called_by_number_or_id() -> None:
    reader, _ = readers()
    places = Places(reader, planned("[connect, create, connect]"))
    nodes = node_of("[1, 3, create, connect-2]").value
    assert [places.number(node, "alerts") for node in nodes] == [1, 3, 2, 3]
    assert list(places.all) == [1, 2, 3]
    assert messages(reader) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("0", "0"), ("4", "4"), ("01", "01"), ("x", "x"), ("[1]", "a list"), ("null", "nothing")],
)
def test_what_is_no_event_of_the_stream_is_told_with_those_that_are(text: str, found: str) -> None:
    reader, _ = readers()
    places = Places(reader, planned("[connect, create, connect]"))
    assert places.number(node_of(text), "alerts") is None
    [message] = messages(reader)
    assert message.startswith("1:1: alerts: expected an event of the stream")
    assert message.endswith(f"found {found}")
