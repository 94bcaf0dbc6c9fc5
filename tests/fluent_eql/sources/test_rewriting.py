"""Conditions on ECS fields, as conditions on what raw records hold."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.event import decode_record
from fluent_eql.fields import Fields
from fluent_eql.lang import Condition
from fluent_eql.lang.nodes import Field, Literal
from fluent_eql.lang.predicates import predicate
from fluent_eql.needles import CommonField, needles_of
from fluent_eql.screen import Screen
from fluent_eql.sources import SOURCES, SourceFields, SourceMapping, in_record, in_records
from fluent_eql.sources.mapping import (
    Fixed,
    Flagged,
    Joined,
    Kind,
    Place,
    Resolved,
    has,
    path,
    places,
    when,
)
from fluent_eql.sources.transforms import (
    BASENAME,
    EXTENSION,
    NUMBER,
    TEXT,
    WORDS,
    text_of_value,
)
from fluent_eql.suspects import Suspects
from support.rules import rule
from support.sources import MAKERS, connects, creates
from support.wire import Writer

MAPPING = SourceMapping(
    "made-up",
    kinds=(
        Kind(
            (when("kind", "also.kind", is_one_of=("conn", "x")), has("i.b")),
            {"what": "network", "level": 1, "k": "x"},
        ),
        Kind((when("number", is_one_of=("3",)),), {"what": "file", "sure": True}),
        Kind((Flagged((path("number"), path("kind")), "sh", 2),), {"what": "flagged"}),
    ),
    fields={
        "exe": places("i.b", "b"),
        "name": places("i.b", "b", transform=BASENAME),
        "ending": places("i.b", transform=EXTENSION),
        "words": (*places("i.b", transform=WORDS), Fixed("none")),
        "number.of": places("number", transform=NUMBER),
        "text.of": places("number", "i.b", transform=TEXT),
        "picked": places("list[kind=conn].i.b", "list[kind=].b"),
        "picked.name": places("list[kind=conn].i.b", transform=BASENAME),
        "both": (Joined((path("i.b"), path("number")), ":"), *places("kind")),
        "whole": (Resolved(path("b"), path("i.b")),),
        "whole.name": (Resolved(path("b"), path("i.b"), BASENAME),),
        "meaning": (
            Place(path("kind"), values={"conn": "sh", "x": "/tmp/x", "": "nothing"}),
            *places("i.b"),
        ),
        "numbered": (Place(path("number"), values={"3": "sh", "true": "x", "sh": "x"}),),
        "event.action": places("kind"),
        "always": (*places("b"), Fixed("x")),
    },
)

NAMES = (*MAPPING.fields, "what", "level", "sure", "k", "b", "i.b", "kind")

TEXTS = st.one_of(
    st.sampled_from(["conn", "x", "3", "sh", "/tmp/x", "/tmp/sh.Ab", "a sh", "true", "é/", ""]),
    st.lists(st.sampled_from(["", "x", "sh", "/", ".", "Ab", " "]), max_size=3).map("".join),
)
SCALARS = st.one_of(TEXTS, TEXTS, TEXTS, st.sampled_from([None, 2, 3, True, 1.5, b"conn"]))
VALUES = st.one_of(SCALARS, SCALARS, st.lists(SCALARS, max_size=3))
ITEMS = st.fixed_dictionaries(
    {}, optional={"kind": VALUES, "b": VALUES, "i": st.fixed_dictionaries({"b": VALUES})}
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "kind": VALUES,
        "also": st.fixed_dictionaries({"kind": VALUES}),
        "i": st.one_of(st.fixed_dictionaries({"b": VALUES}), st.lists(ITEMS, max_size=2)),
        "i.b": VALUES,
        "b": VALUES,
        "number": st.sampled_from([3, "3", [3], 2, True, "sh", ["x", True], None, "conn"]),
        "list": st.one_of(ITEMS, st.lists(st.one_of(ITEMS, SCALARS), max_size=3)),
        **{name: VALUES for name in ("exe", "name", "what", "always", "k", "number.of")},
    },
)


FORMS = (
    "{name} == {text}",
    "{name} != {text}",
    "{name} in ({other}, {text})",
    "{name} in~ ({text}, {other})",
    "{name} not in ({other}, {text})",
    "{name} like {prefix}",
    "{name} like~ ({middle}, {other})",
    "{name} : ({suffix}, {text})",
    "{name} regex {start}",
    "{name} == null",
    "{name} != null",
    "{name} >= {number}",
    "{name} == {number}",
    "{name} == true",
    "startsWith({name}, {text})",
    "startsWith~({name}, {first})",
    "endsWith({name}, {last})",
    "stringContains({name}, {last})",
    "startsWith({name}, {field})",
    "endsWith~({field}, {name})",
    "{name} == {field}",
    "length({name}) > 1",
    "length(concat({name}, {field})) > 3",
    "substring({name}, 0, 1) == {first}",
    "substring({name}, 0, 3) != {other}",
    "between({name}, {first}, {field}) : ({prefix}, {other})",
    "string({name}) like {middle}",
)


def quoted(text: str) -> str:
    return f'"{text}"'


@st.composite
def one_test(draw: st.DrawFn, record: dict[str, Any]) -> str:
    """A test of one of the fields, made for a value that it has, where it has one."""
    name = draw(st.sampled_from(NAMES))
    values = SourceFields(record, MAPPING)[name]
    value = draw(st.sampled_from(values)) if values else draw(TEXTS)
    text = text_of_value(value) if not isinstance(value, bool) else "x"
    if draw(st.integers(0, 9)) == 0:
        text = text.swapcase()
    middle = text[1:-1] if len(text) > 2 else text
    return draw(st.sampled_from(FORMS)).format(
        name=name,
        field=draw(st.sampled_from(NAMES)),
        text=quoted(text),
        other=quoted(draw(TEXTS)),
        prefix=quoted(f"{text[:3]}*"),
        middle=quoted(f"*{middle}*"),
        suffix=quoted(f"*{text[-2:]}"),
        start=quoted(f"{''.join(char for char in text if char.isalpha())[:2]}.*"),
        first=quoted(text[:1]),
        last=quoted(text[-2:]),
        number=value if isinstance(value, int) and not isinstance(value, bool) else 3,
    )


@st.composite
def conditions(draw: st.DrawFn, record: dict[str, Any]) -> str:
    """Up to four tests, combined."""
    text = draw(one_test(record))
    for _ in range(draw(st.integers(0, 3))):
        form = draw(st.sampled_from(["({} and {})", "({} or {})", "(not {} or {})", "({1})"]))
        text = form.format(text, draw(one_test(record)))
    return text


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A condition, and a record that has a good chance to satisfy it."""
    record = decode_record(Writer(Random(0)).encode(draw(RECORDS)))
    return draw(conditions(record)), record


def condition(text: str) -> Condition:
    [found] = rule(f"any where {text}").query.conditions
    return found


def needles(text: str, mapping: SourceMapping = MAPPING) -> set[tuple[str | None, str]] | None:
    found = needles_of(in_record(condition(text).expression, mapping))
    return None if found is None else {(needle.field, needle.text) for needle in found}


def evaluable(node: Any) -> Any:
    """The expression with fields in the place of common fields, which only a screen knows."""
    if isinstance(node, CommonField):
        return Field(node.name, node.optional, node.position)
    if isinstance(node, tuple):
        return tuple(map(evaluable, node))
    if not is_dataclass(node) or isinstance(node, Literal):
        return node
    changes = {one.name: evaluable(getattr(node, one.name)) for one in fields(node)}
    return replace(node, **changes)  # type: ignore[type-var]


@settings(max_examples=700, deadline=None)
@given(cases())
def test_what_a_record_satisfies_through_the_mapping_its_own_fields_satisfy_rewritten(
    case: tuple[str, dict[str, Any]],
) -> None:
    text, record = case
    found = condition(text)
    if found.matches(SourceFields(record, MAPPING)):
        rewritten = evaluable(in_record(found.expression, MAPPING))
        assert predicate(rewritten)(Fields(record)), (text, record)


@settings(max_examples=500, deadline=None)
@given(cases(), RECORDS, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.5, 1.0]))
def test_no_record_that_a_condition_matches_through_the_mapping_is_missed(
    case: tuple[str, dict[str, Any]], other: dict[str, Any], random: Random, bin_share: float
) -> None:
    text, record = case
    found = condition(text)
    rewritten = in_records([found], MAPPING)
    screen, suspects = Screen(rewritten), Suspects(rewritten, frozenset, "what")
    bodies = [Writer(random, bin_share=bin_share).encode(one) for one in (other, record)]
    offsets = screen.offsets(b"".join(bodies))
    start = 0
    for body in bodies:
        is_hit = offsets is None or any(start <= one < start + len(body) for one in offsets)
        is_suspect = suspects.of(body) == {0}
        start += len(body)
        if not (is_hit and is_suspect):
            assert not found.matches(SourceFields(decode_record(body), MAPPING)), (text, body)


MATCHING = (
    'process.executable like "/tmp/*"',
    'process.name == "agent"',
    'process.executable : "*CACHE*" and event.type in ("start", "creation")',
    '(event.category == "network" or event.category == "file") and process.name : "AG*"',
    'host.os.type == "linux" and endsWith(process.executable, "/agent")',
    'not process.name == "x" and startsWith(process.executable, "/tmp/.c")',
    'process.name like ("ag?nt", "x") and not destination.ip == "10.0.0.1"',
    'host.name == "web-1" and process.executable != null',
    'string(process.pid) == "4711" or process.name == "agent"',
    "length(process.executable) > 3 and process.pid == 4711",
    'file.extension == "sh" or destination.port == 443',
    'file.name : "job*" or event.action == "connection_attempted"',
)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("text", MATCHING)
def test_matching_records_of_every_source_are_hits_in_every_encoding(
    source: str, text: str
) -> None:
    found = condition(text)
    rewritten = in_records([found], SOURCES[source])
    screen, suspects = Screen(rewritten), Suspects(rewritten, frozenset)
    for doing in (connects(), creates()):
        for seed in range(4):
            raw = Writer(Random(seed), bin_share=0.3).encode(MAKERS[source](doing))
            assert found.matches(SourceFields(decode_record(raw), SOURCES[source])), (doing, seed)
            offsets = screen.offsets(raw)
            assert offsets is None or len(offsets), raw
            assert suspects.of(raw) == {0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('exe like "/tmp/*"', {("b", "/tmp/"), ("exe", "/tmp/")}),
        ('name == "sh"', {(None, "sh"), ("name", "sh")}),
        ('name in~ ("sh", "zsh")', {(None, "sh"), (None, "zsh"), ("name", "sh"), ("name", "zsh")}),
        ('name like "tm*p"', {(None, "tm"), ("name", "tm")}),
        ('startsWith(ending, "conf")', {(None, "conf"), ("ending", "conf")}),
        ('picked == "x"', {("b", "x"), ("picked", "x")}),
        ('whole.name == "x"', {(None, "x"), ("name", "x")}),
        ('what == "network"', {("kind", "conn"), ("kind", "x"), ("what", "network")}),
        ('meaning == "/tmp/x"', {("kind", "x"), ("b", "/tmp/x"), ("meaning", "/tmp/x")}),
        ('unmapped == "x"', {("unmapped", "x")}),
        ('exe == "x" and text.of == "y"', {("b", "x"), ("exe", "x")}),
        ('startsWith(exe, k) and exe == "x"', {("b", "x"), ("exe", "x")}),
        ("startsWith(exe, unmapped)", {("b", ""), ("exe", "")}),
        ('always == "y"', {("b", "y")}),
        ('sure == true or exe == "x"', None),
    ],
)
def test_the_needles_of_a_condition_are_those_of_the_places(
    text: str, expected: set[tuple[str | None, str]] | None
) -> None:
    assert needles(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'text.of == "3"',
        "number.of == 3",
        'both == "a:b"',
        'whole == "/x"',
        'numbered == "sh"',
        'what == "file"',
        'what == "flagged"',
        "exe == null",
        'always == "x"',
        "exe == both",
        "what == exe",
        "startsWith(what, exe)",
        'picked != "x"',
        'name == ""',
        'name regex "a.*"',
        'not exe == "x"',
        "length(picked) > 2",
    ],
)
def test_what_is_not_certain_of_raw_records_has_no_needles(text: str) -> None:
    assert needles(text) is None


def test_what_no_kind_gives_can_only_stand_under_its_own_name() -> None:
    assert needles('what == "process"') == {("what", "process")}
    assert needles("false") == set()


def test_fields_with_few_values_are_no_better_to_screen_by_than_their_ecs_fields() -> None:
    assert needles('what == "network" and exe == "x"') == {("b", "x"), ("exe", "x")}
    assert needles('event.action == "connected" and exe == "x"') == {("b", "x"), ("exe", "x")}


def test_without_a_mapping_conditions_stay_as_they_are() -> None:
    conditions = [condition('exe == "x"')]
    assert in_records(conditions, None) == conditions


def test_the_condition_and_its_fields_are_kept_beside_the_rewritten_expression() -> None:
    found = condition('exe == "x"')
    (rewritten,) = in_records([found], MAPPING)
    assert (rewritten.matches, rewritten.fields) == (found.matches, found.fields)
    assert rewritten.expression != found.expression


def test_a_test_of_many_places_with_each_other_is_left_open() -> None:
    wide = SourceMapping("wide", fields={name: places(*"abcdefgh") for name in ("x", "y", "z")})
    rewritten = in_record(condition("between(x, y, z) == 'q'".replace("'", '"')).expression, wide)
    assert isinstance(rewritten, Literal)
    assert rewritten.value is True
