from __future__ import annotations

from fluent_eql.api import KEEP, Filter, Stateful
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from fluent_pipeline.workers import wire
from fluent_pipeline.workers.remote import RemoteFilter
from support.rules import rule


def remote() -> tuple[RemoteFilter, EqlFilter, list[list[object]]]:
    said: list[list[object]] = []
    local = EqlFilter.create(EqlOptions())
    decoder = wire.Decoder()
    made = RemoteFilter(3, local, lambda data: said.extend(decoder.messages(data)))
    return made, local, said


def test_it_is_a_stateful_filter_that_screens_as_the_filter_does() -> None:
    made, local, _ = remote()
    assert isinstance(made, Filter)
    assert isinstance(made, Stateful)
    assert made.memory == local.memory
    body = make_event({"process": {"executable": "/tmp/x"}}).raw
    assert made.screen(body) == local.screen(body) != ()
    assert list(made.metrics()) == []


def test_every_event_is_held_until_the_hub_has_decided() -> None:
    made, _, said = remote()
    events = [make_event({"n": number}) for number in range(2)]
    assert made.process(events, 0).held == events
    (((kind, stage, plain)),) = said
    assert (kind, stage) == (wire.EVENTS, 3)
    assert made.next_deadline() is None
    numbers = [number for number, *_ in plain]  # type: ignore[attr-defined]
    made.receive([[[numbers[1], True]], [], [], []])
    assert made.next_deadline() == 0
    assert made.advance(0).decided == [(events[1], KEEP)]
    assert made.next_deadline() is None
    made.receive([[[numbers[0], True]], [], [], []])
    assert made.flush(0).decided == [(events[0], KEEP)]


def test_notes_are_left_to_the_hub() -> None:
    made, _, said = remote()
    assert made.recall(iter([(5, b"note")]), 0) == []
    assert said == [[wire.RECALL, 3, [[5, b"note"]]]]


def test_it_screens_as_another_filter_once_it_is_told_to() -> None:
    made, _, _ = remote()
    assert made.is_reloadable
    body = make_event({"name": "secret"}).raw
    assert not made.screen(body)
    made.screen_as(EqlFilter([rule('any where name == "secret"')], EqlOptions()))
    assert made.screen(body)
