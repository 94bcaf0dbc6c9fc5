"""The screen: what it looks for, and that it never misses a matching record."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields
from fluent_eql.filter import EqlFilter
from fluent_eql.lang import Condition, compile_query
from fluent_eql.screen import LARGEST_GAP, LEAST_BODY, MOST_UNSCANNED, UNSCANNED, Screen
from fluent_eql.settings import EqlOptions
from fluent_eql.suspects import Suspects
from fluent_eql.testing import FilterDriver
from fluent_pipeline.bench import defend
from support.events import SPELLINGS, START, Scene
from support.random_conditions import (
    CONDITIONS,
    FILLERS,
    MORE,
    WRITERS,
    FloatWriter,
    condition,
    numbered,
    records,
)
from support.rules import rule
from support.wire import Writer

ENTRY_HEAD = b"\x92\xd7\x00\x65\x00\x00\x00\x00\x00\x00\x00"


def suspects(conditions: Sequence[Condition], raw: bytes) -> frozenset[int]:
    return Suspects(conditions, frozenset).of(raw)


def test_a_condition_without_needles_makes_every_record_a_hit() -> None:
    screen = Screen([condition('a == "x"'), condition("b > 5")])
    assert screen.always
    assert screen.offsets(b"anything") is None


def test_a_screen_of_no_conditions_has_no_hits() -> None:
    assert Screen([]).offsets(b"anything") == ()


def test_all_needles_of_all_conditions_are_looked_for_once() -> None:
    screen = Screen([condition('a == "x" or b == "y"'), condition('b == "y"')])
    assert [(needle.field, needle.text) for needle in screen.needles] == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_of_any_kind_is_scanned(kind: type[Any]) -> None:
    body = b"\x80" + encode_value({"a": "x"})
    assert Screen([condition('a == "x"')]).offsets(kind(body)) == [len(body) - 1]
    assert Screen([condition('a == "x"')]).offsets(kind(b"")) == ()


@pytest.mark.parametrize("more", range(0, 90, 7))
def test_a_text_that_ends_another_pattern_is_found_in_a_short_body(more: int) -> None:
    found = [condition('stringContains(name, "Ab") or ending == "Ab"')]
    body = encode_value({"name": "y" * more + "/tmp/sh.Ab"})
    assert Screen(found).offsets(body) == [len(body) - 1]
    assert suspects(found, body) == {0}


def test_offsets_are_ascending_and_lie_in_their_records() -> None:
    records = [encode_value({"a": value}) for value in ("x", "other", "y", "x")]
    screen = Screen([condition('a in ("x", "y")')])
    offsets = list(screen.offsets(b"".join(records)) or ())
    ends = list(itertools.accumulate(len(record) for record in records))
    hit = [sum(end <= offset for end in ends) for offset in offsets]
    assert offsets == sorted(offsets)
    assert set(hit) == {0, 2, 3}


@pytest.mark.parametrize(
    "record",
    [
        {"a": "other"},
        {"b": "x"},
        {"x": "a"},
        {"a": "0x"},
        {"a": 5, "b": ["x"]},
        {"a": {"b": "x"}},
        {"ab": "x"},
        {"a": "X"},
    ],
    ids=repr,
)
def test_a_value_elsewhere_is_no_hit(record: Mapping[str, Any]) -> None:
    assert Screen([condition('a == "x"')]).offsets(encode_value(record)) == []


def test_an_array_under_the_field_is_a_hit_whatever_it_holds() -> None:
    assert Screen([condition('a == "x"')]).offsets(encode_value({"a": ["other"]})) != []


MATCHING: list[tuple[str, str, Any]] = [
    ('process.name == "sh"', "process.name", "sh"),
    ('process.name == ""', "process.name", ""),
    ('process.name == "\\u{e9}\\u{1f600}"', "process.name", "é😀"),
    ('process.name in ("a", "sh")', "process.name", "sh"),
    ('process.name in~ ("a", "sH")', "process.name", "Sh"),
    ('process.name like "s*"', "process.name", "sh"),
    ('process.name like "*h"', "process.name", "/sh"),
    ('process.name like "?h"', "process.name", "éh"),
    ('process.name : "*BIN*sh"', "process.name", "/bin/SH"),
    ('process.name : "x*"', "process.name", "X" * 70_000),
    ('process.name : "ü*"', "process.name", "ünder"),
    ('a == "x" or process.name == "sh"', "process.name", "sh"),
    ('not a == "x" and process.name == "sh"', "process.name", "sh"),
    ('not process.name == "sh"', "process.name", "bash"),
    ('cidrmatch(process.name, "10.0.0.0/8")', "process.name", "10.1.2.3"),
    ('startsWith(process.name, "s")', "process.name", "sh"),
    ('startsWith~(process.name, "S")', "process.name", "sh" * 40_000),
    ('endsWith~(process.name, "H")', "process.name", "/bin/sh"),
    ('stringContains(process.name, "é")', "process.name", "xéx"),
    ("length(process.name) > 2", "process.name", "abc" * 100),
    ("length(process.name) >= 0", "process.name", ""),
    ("length(process.name) + 1 == 1", "process.name", ""),
    ("startsWith(process.name, process.name)", "process.name", "sh"),
    ('substring(process.name, -2) : "SH"', "process.name", "/bin/sh"),
    ('between(process.name, "/", "/") in ("bin", "x")', "process.name", "/bin/sh"),
    ('process.name regex~ "/BIN/.*"', "process.name", "/bin/sh"),
    ('process.name regex ".*(ba|z)?sh"', "process.name", "/bin/zsh"),
    ('process.name regex "..*&~(.*x.*)"', "process.name", "sh"),
    ("process.pid == 5", "process.pid", 5),
    ("process.pid == 5", "process.pid", 5.0),
    ("5 == process.pid", "process.pid", 5),
    ("process.pid == -5", "process.pid", -5),
    ("process.pid == 0", "process.pid", -0.0),
    ("process.pid == 200", "process.pid", 200),
    ("process.pid in (1, 70000)", "process.pid", 70_000),
    ("process.pid == 16777217", "process.pid", 16_777_217.0),
    ("process.pid == 9007199254740993", "process.pid", 2**53 + 1),
    ("process.pid == 9223372036854775807", "process.pid", 2**63 - 1),
    ("process.pid == 5.5", "process.pid", 5.5),
    ("process.args == 5 or process.args == 6", "process.args", 6),
    ('number(process.name, 16) == 255 or string(process.name) == "x"', "process.name", "ff"),
]


@pytest.mark.parametrize(("text", "name", "value"), MATCHING, ids=lambda part: repr(part)[:40])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_matching_record_is_a_hit_in_every_encoding(
    text: str, name: str, value: Any, spelling: str
) -> None:
    found = condition(text)
    screens = [
        (Screen(those), Suspects(those, frozenset)) for those in ([found], [found, *FILLERS])
    ]
    head, _, last = name.partition(".")
    for shape in (value, [value], ["other", value], [["other"], [value]]):
        record = SPELLINGS[spelling]({"n": 1, head: {"other": "z", last: shape}})
        for seed in range(12):
            raw = FloatWriter(Random(seed), bin_share=0.3).encode(record)
            assert found.matches(Fields(decode_record(raw))), (record, seed)
            for screen, suspects in screens:
                offsets = screen.offsets(raw)
                assert offsets is None or len(offsets), (raw, seed)
                assert 0 in suspects.of(raw), (raw, seed)


@settings(max_examples=400, deadline=None)
@given(CONDITIONS, st.lists(records(), min_size=1, max_size=4), WRITERS, MORE)
def test_no_record_that_a_condition_matches_is_missed(
    text: str,
    drawn: list[dict[str, Any]],
    writer: Writer,
    more: list[Condition],
) -> None:
    found = condition(text)
    bodies = [writer.encode(record) for record in drawn]
    screen = Screen([found, *more])
    offsets = screen.offsets(b"".join(ENTRY_HEAD + body for body in bodies))
    if offsets is None:
        return
    start = 0
    for body in bodies:
        start += len(ENTRY_HEAD)
        is_hit = any(start <= offset < start + len(body) for offset in offsets)
        assert is_hit or not found.matches(Fields(decode_record(body))), (text, body)
        start += len(body)


@settings(max_examples=200, deadline=None)
@given(numbered(), WRITERS, MORE)
def test_a_number_is_found_in_whatever_form(
    case: tuple[str, dict[str, Any]], writer: Writer, more: list[Condition]
) -> None:
    found = condition(case[0])
    raw = writer.encode(case[1])
    if found.matches(Fields(decode_record(raw))):
        offsets = Screen([found, *more]).offsets(raw)
        assert offsets is None or len(offsets)


def test_the_screen_of_the_shipped_rule_hits_few_background_records() -> None:
    screen = EqlFilter.create(EqlOptions()).screen
    stream = defend.stream(1, candidates=0.0, start=START)
    bodies = [encode_value(record) for record in itertools.islice(stream, 3000)]
    hits = sum(1 for body in bodies if screen(body))
    assert hits / len(bodies) < 0.01


def test_the_screen_of_the_shipped_rule_hits_both_events_of_every_sequence() -> None:
    screen, scene = EqlFilter.create(EqlOptions()).screen, Scene()
    for spell in SPELLINGS.values():
        for record in (scene.network(), scene.file()):
            for seed in range(20):
                assert screen(Writer(Random(seed), bin_share=0.3).encode(spell(record)))


def test_a_condition_that_is_never_true_asks_for_no_record() -> None:
    screen = Screen([compile_query(text).conditions[0] for text in NEVER_TRUE])
    assert screen.offsets(b"\x81\xa8category\xa7process") == ()


NEVER_TRUE = ("process where false", 'any where false and process.name == "a"')


def test_with_many_rules_a_record_has_the_alerts_that_it_has_with_each_alone() -> None:
    queries = [f'any where a == "v{number}" or b == "v{number + 1}"' for number in range(12)]
    rules = [rule(query, name=f"Rule {number}") for number, query in enumerate(queries)]
    record = {"a": "v3", "b": ["v9", "v0"]}
    together = FilterDriver(EqlFilter(rules, EqlOptions())).send([record]).alerts
    alone = [FilterDriver(EqlFilter([one], EqlOptions())).send([record]).alerts for one in rules]
    assert together == [alert for alerts in alone for alert in alerts]
    assert len(together) == 2


@pytest.mark.parametrize("many", [False, True])
def test_the_text_of_another_field_is_no_hit(many: bool) -> None:
    screen = Screen([condition('a.name == "some text"'), *(FILLERS if many else [])])
    assert screen.offsets(encode_value({"a": {"name": "some text"}}))
    assert screen.offsets(encode_value({"name": "x" * 300, "other": "some text"})) == []
    assert screen.offsets(encode_value({"a": {"name": "not some text"}})) == []
    assert screen.offsets(encode_value("some text")) == []


def test_a_thousand_rules_are_compiled_in_no_time() -> None:
    conditions = [condition(f'process.executable : "/opt/app{n}/*"') for n in range(3_000)]
    began = time.process_time()
    Screen(conditions)
    found = Suspects(conditions, frozenset)
    assert time.process_time() - began < 5
    assert found.of(encode_value({"process": {"executable": "/OPT/app77/x"}})) == {77}


def test_bodies_are_not_scanned_for_a_while_after_one_that_is_full_of_hits() -> None:
    screen = Screen([condition('a == "x"')])
    crowded = encode_value({"a": "x"}) * LEAST_BODY
    quiet = encode_value({"a": "other"})
    assert screen.offsets(quiet) == []
    assert len(screen.offsets(crowded) or ()) == LEAST_BODY
    assert [screen.offsets(quiet) for _ in range(UNSCANNED)] == [None] * UNSCANNED
    assert screen.offsets(quiet) == []


def pauses(screen: Screen, body: bytes) -> Iterator[int]:
    """How many bodies like this are not scanned between those that are, the first one is."""
    assert screen.offsets(body)
    while True:
        unscanned = itertools.takewhile(lambda _: screen.offsets(body) is None, itertools.count())
        yield sum(1 for _ in unscanned)


def test_the_more_bodies_in_a_row_are_full_of_hits_the_fewer_are_scanned() -> None:
    screen = Screen([condition('a == "x"')])
    crowded = encode_value({"a": "x"}) * (LEAST_BODY // 3)
    found = list(itertools.islice(pauses(screen, crowded), 7))
    assert found[0] == UNSCANNED
    assert found[:-2] == sorted(set(found))
    assert found[-3:] == [MOST_UNSCANNED] * 3


def test_after_a_body_with_few_hits_the_next_full_one_says_as_little_as_the_first() -> None:
    screen = Screen([condition('a == "x"')])
    crowded = encode_value({"a": "x"}) * (LEAST_BODY // 3)
    assert list(itertools.islice(pauses(screen, crowded), 3))[-1] > UNSCANNED
    while screen.offsets(encode_value({"a": "other"})) is None:
        pass
    assert next(pauses(screen, crowded)) == UNSCANNED


@pytest.mark.parametrize(
    "body",
    [
        encode_value({"a": "x"}),
        encode_value({"a": "x", "filler": "y" * LARGEST_GAP}) * 1000,
        encode_value({"a": "x"}) * LEAST_BODY + encode_value({"filler": "y" * LARGEST_GAP}),
    ],
    ids=["small", "sparse", "in one place"],
)
def test_a_body_that_is_small_or_has_hits_in_places_changes_nothing(body: bytes) -> None:
    screen = Screen([condition('a == "x"')])
    for _ in range(3):
        assert screen.offsets(body)
    assert screen.offsets(encode_value({"a": "other"})) == []


@pytest.mark.parametrize("test", ["==", ":", "like"])
def test_of_a_very_long_text_the_beginning_is_looked_for(test: str) -> None:
    text = "long" * 2_000
    screen = Screen([condition(f'a {test} "{text}"'), condition(f'stringContains(b, "{text}")')])
    for record in ({"a": text}, {"b": f"x{text}"}):
        assert screen.offsets(encode_value(record))
    assert screen.offsets(encode_value({"a": "short"})) == []
