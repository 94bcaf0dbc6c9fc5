"""Needles as patterns: where they are found, and where not."""

from __future__ import annotations

import pytest

from fluent_eql.event import encode_value
from fluent_eql.needle_patterns import MANY, Pattern, database_of, loose_patterns, patterns_of
from fluent_eql.needles import Needle

FILLERS = [Needle("filler", f"text {number}", False) for number in range(MANY)]


def finds(patterns: list[Pattern], raw: bytes, *, once: bool = False) -> list[Needle]:
    found: list[Needle] = []

    def on_find(number: int, start: int, end: int, flags: int, context: object) -> None:
        if patterns[number].holds(raw, end):
            found.extend(patterns[number].needles)

    database_of(patterns, once=once).scan(raw, match_event_handler=on_find)
    return found


SOME = Needle("name", "some text", False)
WHOLE = Needle("name", "some text", False, is_whole=True)
SHORT = Needle("name", "a", True)
LISTED = Needle(None, "-x", False, is_whole=True)


@pytest.mark.parametrize("others", [[], FILLERS], ids=["few", "many"])
@pytest.mark.parametrize(
    ("needle", "record", "is_found"),
    [
        (SOME, {"name": "some text"}, True),
        (SOME, {"a.name": "some text and more"}, True),
        (SOME, {"name": b"some text"}, True),
        (SOME, {"name": "some text" + "x" * 70_000}, True),
        (SOME, {"name": ["other"]}, True),
        (SOME, {"name": "not some text"}, False),
        (SOME, {"other": "some text"}, False),
        (WHOLE, {"name": "some text"}, True),
        (WHOLE, {"name": b"some text"}, True),
        (SHORT, {"name": "About"}, True),
        (SHORT, {"other": "About"}, False),
        (SHORT, {"Name": "a"}, False),
        (LISTED, {"args": ["y", "-x"]}, True),
        (LISTED, {"args": ["-xy", "y-x"]}, False),
    ],
)
def test_a_needle_is_found_in_a_body_at_the_start_of_its_fields_value(
    needle: Needle, record: dict[str, object], is_found: bool, others: list[Needle]
) -> None:
    found = finds(patterns_of([needle, *others]), encode_value(record))
    assert (needle in found) is is_found


@pytest.mark.parametrize(
    ("needle", "record", "is_found"),
    [
        (SOME, {"name": "some text"}, True),
        (SOME, {"other": "not some text"}, True),
        (WHOLE, {"name": "some text"}, True),
        (WHOLE, {"other": ["some text"]}, True),
        (WHOLE, {"name": "some text and more"}, False),
        (SHORT, {"name": "About"}, True),
        (SHORT, {"name": ["b"]}, True),
        (SHORT, {"other": "About"}, False),
        (LISTED, {"args": "-x"}, True),
        (LISTED, {"args": "--x"}, False),
    ],
)
def test_in_a_record_the_field_of_a_long_text_is_not_looked_for(
    needle: Needle, record: dict[str, object], is_found: bool
) -> None:
    found = finds(loose_patterns([needle]), encode_value(record), once=True)
    assert (needle in found) is is_found


def test_needles_that_are_looked_for_in_the_same_way_are_one_pattern() -> None:
    other = Needle("other", "some text", False)
    (pattern,) = loose_patterns([SOME, other])
    assert set(pattern.needles) == {SOME, other}


def test_once_is_once() -> None:
    raw = encode_value({"a": "some text", "b": "some text"})
    patterns = loose_patterns([SOME])
    assert finds(patterns, raw) == [SOME, SOME]
    assert finds(patterns, raw, once=True) == [SOME]
