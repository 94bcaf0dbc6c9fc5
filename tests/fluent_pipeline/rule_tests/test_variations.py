from __future__ import annotations

import pytest

from fluent_pipeline.rule_tests.events import Places, Planned
from fluent_pipeline.rule_tests.fields import Change
from fluent_pipeline.rule_tests.variations import Variation, VariationReader
from support.rule_tests import messages, node_of, readers

STREAM = [Planned("connect", None, {}), Planned("create", None, {})]


def read(text: str) -> tuple[list[Variation], list[str]]:
    reader, bodies = readers()
    found = VariationReader(reader, bodies).read(node_of(text), Places(reader, STREAM))
    return found, messages(reader)


def test_a_map_of_fields_gives_a_variation_for_each_value() -> None:
    found, wrong = read(
        """
        create:
          file.name: [a, null]
          process: {pid: [5]}
        """
    )
    assert wrong == []
    assert [(v.label, v.line, list(v.numbers), v.changes) for v in found] == [
        ('create: file.name = "a"', 3, [2], (Change(("file.name",), "a"),)),
        ("create: file.name = null", 3, [2], (Change(("file.name",), None),)),
        ("create: process.pid = 5", 4, [2], (Change(("process", "pid"), 5),)),
    ]


def test_a_list_of_maps_gives_a_variation_for_each_map() -> None:
    found, wrong = read(
        """
        1:
          - {a: 1, b: x}
          - at: 1500ms
        """
    )
    assert wrong == []
    assert [(v.label, v.line, list(v.numbers), v.at) for v in found] == [
        ('1: a = 1, b = "x"', 3, [1], None),
        ("1: at = 1.5s", 4, [1], 1_500_000_000),
    ]
    assert found[0].changes == (Change(("a",), 1), Change(("b",), "x"))


def test_a_value_may_be_a_list() -> None:
    found, _ = read("{connect: {a: [[], [1, 2]]}}")
    assert [v.changes[0].value for v in found] == [[], [1, 2]]
    assert found[1].label == "connect: a = [1, 2]"


def test_times_are_varied_as_fields_are() -> None:
    found, _ = read("{connect: {at: [0s, 5.000000001s, 100s]}}")
    assert [v.at for v in found] == [0, 5_000_000_001, 100_000_000_000]
    assert [v.label for v in found] == [
        "connect: at = 0s",
        "connect: at = 5.000000001s",
        "connect: at = 100s",
    ]


def test_all_events_can_be_varied_at_once() -> None:
    [found], _ = read("{all: {a: [1]}}")
    assert list(found.numbers) == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{other: {a: [1]}}",
            "1:2: each: expected an event of the stream, a number from 1 to 2 or",
        ),
        ("{create: {a: 1}}", "1:14: each: create: a: expected a list of values, found a single"),
        ("{create: {a: []}}", "1:14: each: create: a: expected a list of values, found an empty"),
        ("{create: {id: [x]}}", "1:11: each: create: id cannot be varied"),
        ("{create: [{id: x, a: 1}]}", "1:11: each: create: id cannot be varied"),
        ("{create: {event.id: [x]}}", "1:11: each: create: expected id in the place of event.id"),
        ("{create: {at: [x]}}", "1:16: each: create: at: expected a duration"),
        ("{create: {a: [!x y]}}", "1:15: each: create: a: expected a value"),
        ("{create: [{}]}", "1:11: each: create: expected a field, found none"),
        ("{create: []}", "1:10: each: create: expected something to vary"),
        ("{create: null}", "1:10: each: create: expected something to vary"),
        ("{create: 5}", "1:10: each: create: expected a list, found a single value"),
        ("[create]", "1:1: each: expected a map, found a list"),
    ],
)
def test_what_cannot_be_varied_is_refused(text: str, message: str) -> None:
    _, wrong = read(text)
    assert wrong[0].startswith(message)
