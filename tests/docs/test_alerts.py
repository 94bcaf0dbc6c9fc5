"""docs/alerts.md says what alerts hold, and its receiver tells a genuine request from others."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.event import Event, decode_record, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_pipeline.config import WebhookOutputConfig, parse_config
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.net.signature import signature_of
from fluent_pipeline.net.webhook import KNOWN_IDS, REASONS, REFUSALS, WebhookOutput
from fluent_pipeline.receipt import Receipt
from support.events import SECOND, Scene
from support.frames import forward_frame
from support.hooks import hook

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
SECTIONS = dict(re.findall(r"^##+ ([^\n]+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
BODY = b'{"alerts":[]}'


def listed(section: str) -> list[set[str]]:
    """The fields in the first column of each table of a section."""
    tables = re.findall(r"(?:^\|.*\n)+", SECTIONS[section], re.MULTILINE)
    return [set(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)) for table in tables]


def names(value: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict) and key != "by":
            yield from names(inner, f"{prefix}{key}.")
        else:
            yield prefix + key


def made(*, late: bool) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A tagged record of the shipped rule, its alert, and the record before."""
    detector = EqlFilter.create(EqlOptions(reorder_window=0))
    scene = Scene()
    records = [scene.network(0), scene.file(SECOND)]
    events = [Event("t", 0, encode_value(record)) for record in records]
    outcomes = [detector.process([event], 0) for event in (reversed(events) if late else events)]
    (alert,) = outcomes[-1].alerts
    raw = outcomes[-1].emitted[0].raw if late else outcomes[-1].decided[0][1].records[0]  # type: ignore[union-attr]
    return decode_record(raw), alert, records[1]


def test_the_fields_of_alerts_are_those_of_the_page() -> None:
    alerts, events = listed("The alert object")
    _, late, _ = made(late=True)
    assert {f"`{name}`" for name in names(late)} == alerts - {"`events`"}
    common = {"stage", "@timestamp", "event.id"}
    assert {f"`{name}`" for name in common} == events
    assert all(common < set(event) for event in late["sequence"]["events"])
    assert "late" not in made(late=False)[1]


def test_the_fields_that_a_record_gains_are_those_of_the_page() -> None:
    record, alert, before = made(late=False)
    (fields,) = listed("In the record")
    documented = {name for cell in fields for name in re.findall(r"`([^`]+)`", cell)}
    gained = {key for key in record if record[key] != before.get(key)}
    assert gained == {name.split(".")[0] for name in documented}
    for name in names({key: record[key] for key in ("rule", "threat")}):
        assert any(re.fullmatch(known.replace("*", r"\w+"), name) for known in documented), name
    assert record["eql"] == {"alerts": [alert]}
    assert record["tags"][-2:] == ["eql-alert", "network_connection_followed_by_file_creation"]


def test_the_alert_of_the_page_has_the_fields_of_an_alert() -> None:
    shown = json.loads(BLOCKS["json"])
    assert set(names(shown)) == set(names(made(late=False)[1]))


def test_the_configuration_of_the_page_loads() -> None:
    kinds = [output.name for output in parse_config(BLOCKS["yaml"]).outputs]
    assert kinds == ["forward", "file", "webhook"]


def test_numbers_and_names_of_the_page_are_those_of_the_program() -> None:
    assert f"the last {KNOWN_IDS:,}" in TEXT
    assert f"| {', '.join(map(str, sorted(REFUSALS)))} |" in TEXT
    assert f"by `reason`: {', '.join(f'`{reason}`' for reason in REASONS)}" in TEXT


@pytest.fixture(scope="module")
def is_genuine() -> Callable[..., bool]:
    """The receiver of the page."""
    defined: dict[str, Any] = {}
    exec(compile(BLOCKS["python"], PAGE.name, "exec"), defined)
    receiver: Callable[..., bool] = defined["is_genuine"]
    return receiver


def test_the_receiver_accepts_what_is_signed_with_its_secret(
    is_genuine: Callable[..., bool],
) -> None:
    assert is_genuine("s3cret", signature_of("s3cret", BODY, int(time.time())), BODY)


def test_the_receiver_refuses_what_is_not(is_genuine: Callable[..., bool]) -> None:
    now = int(time.time())
    good = signature_of("s3cret", BODY, now)
    later = good.replace(f"t={now}", f"t={now + 1}")
    old = signature_of("s3cret", BODY, now - 301)
    for header in ("", "t=,v1=", "v1=é", f"t={now}", "t=²,v1=0", good[:-1], later, old):
        assert not is_genuine("s3cret", header, BODY), header
    assert not is_genuine("other", good, BODY)
    assert not is_genuine("s3cret", good, BODY + b" ")


async def test_the_receiver_accepts_what_a_webhook_posts(is_genuine: Callable[..., bool]) -> None:
    record, alert, _ = made(late=False)
    async with hook() as server:
        config = WebhookOutputConfig(url=f"http://127.0.0.1:{server.port}/", secret="s3cret")
        output = WebhookOutput(config, "webhook.0", lambda tag: True)
        output.start()
        receipt = Receipt(lambda: None)
        receipt.hold()
        output.send(Outgoing(forward_frame([record]), receipt))
        await output.stop(10)
        (request,) = server.requests
    assert request.content == {"alerts": [alert]}
    signature = request.headers["X-Fluent-Eql-Signature"]
    assert is_genuine("s3cret", signature, request.body)
    assert not is_genuine("another", signature, request.body)


def test_the_page_points_at_what_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (PAGE.parent / link).exists(), link
