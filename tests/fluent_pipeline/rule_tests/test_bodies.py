from __future__ import annotations

import pytest

from fluent_pipeline.rule_tests.bodies import Body
from fluent_pipeline.rule_tests.fields import Change
from support.rule_tests import messages, node_of, readers


def read(text: str) -> Body:
    reader, bodies = readers()
    body = bodies.read(node_of(text), "x")
    assert messages(reader) == []
    return body


def errors(text: str) -> list[str]:
    reader, bodies = readers()
    bodies.read(node_of(text), "x")
    return messages(reader)


def test_fields_are_read_dotted_and_nested() -> None:
    assert read("{a.b: 1, c: {d: x, e.f: true}}").changes == (
        Change(("a.b",), 1),
        Change(("c", "d"), "x"),
        Change(("c", "e.f"), True),
    )


def test_lists_and_the_maps_in_them_are_values() -> None:
    assert read("{a: [1, x, null, {b.c: [2]}], d: []}").changes == (
        Change(("a",), [1, "x", None, {"b.c": [2]}]),
        Change(("d",), []),
    )


def test_an_empty_map_has_no_fields() -> None:
    assert read("{}") == read("{a: {}}") == Body()


def test_a_time_and_an_id_are_no_fields() -> None:
    assert read("{at: 1.5s, id: 7f, a: null}") == Body((Change(("a",), None),), 1_500_000_000, "7f")
    assert read("{at: 3}").at == 3_000_000_000


def test_within_a_field_they_are_fields_as_others_are() -> None:
    assert read("{host: {id: h1, at: x}}").changes == (
        Change(("host", "id"), "h1"),
        Change(("host", "at"), "x"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1, a: 2}", "1:8: x: the key a is given twice"),
        ("{a.b: 1, a: {b: 2}}", "1:14: x: the field a.b is given twice"),
        ("{a: 1, a.b: 2}", "1:8: x: the field a.b is given twice"),
        ("{a.b: 1, a: null}", "1:10: x: the field a is given twice"),
        ("{a..b: 1}", "1:2: x: expected the name of a field, found 'a..b'"),
        ('{"": 1}', "1:2: x: expected the name of a field, found ''"),
        ("{event.id: 5}", "1:2: x: expected id in the place of event.id"),
        ("{event: {id: 5}}", "1:10: x: expected id in the place of event.id"),
        ("{at: soon}", "1:6: x: at: expected a duration such as 2s, 500ms or 10m, found 'soon'"),
        ("{at: -1s}", "1:6: x: at: expected a duration such as 2s, 500ms or 10m, found '-1s'"),
        ("{at: 3651d}", "1:6: x: at: expected at most 3650d, found 3651d"),
        ("{at: null}", "1:6: x: at: expected a text, found nothing"),
        ("{id: [a]}", "1:6: x: id: expected a text, found a list"),
        ('{id: ""}', "1:6: x: id: expected a text, found an empty text"),
        ("{a: !!binary aGk=}", "1:5: x: a: expected a value, found the YAML type"),
        ("{a: [!x y]}", "1:6: x: a: expected a value, found the YAML type !x"),
        ("{a: 99999999999999999999}", "1:5: x: a: expected a whole number of at most 64 bits"),
        ("{<<: {a: 1}}", "1:2: x: merging maps with << is not supported"),
        ("{[a]: 1}", "1:2: x: expected a key, found a list"),
        ("[a]", "1:1: x: expected a map, found a list"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    [found] = errors(text)
    assert found.startswith(message)


def test_taking_all_fields_of_an_event_away_is_allowed() -> None:
    assert read("{event: null}").changes == (Change(("event",), None),)


@pytest.mark.parametrize("text", ["{at: 1s, a: 1}", "{id: x, a: 1}"])
def test_only_an_event_of_a_stream_has_a_time_and_an_id(text: str) -> None:
    reader, bodies = readers()
    assert bodies.read_fields(node_of(text), "defaults") == (Change(("a",), 1),)
    assert messages(reader) == ["1:1: defaults: at and id belong to the events of a stream"]
