"""The screen: what it looks for, and that it never misses a matching record."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.event import decode_record, encode_value
from fluent_eql.fields import Fields
from fluent_eql.filter import EqlFilter
from fluent_eql.lang import Condition, compile_query
from fluent_eql.needle_patterns import MANY
from fluent_eql.screen import LARGEST_GAP, LEAST_BODY, UNSCANNED, Screen
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver
from fluent_pipeline.bench import defend
from support.events import SPELLINGS, START, Scene
from support.rules import rule
from support.wire import Writer

ENTRY_HEAD = b"\x92\xd7\x00\x65\x00\x00\x00\x00\x00\x00\x00"


def condition(text: str) -> Condition:
    [found] = rule(f"any where {text}").query.conditions
    return found


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
    screen = Screen([condition('stringContains(name, "Ab") or ending == "Ab"')])
    body = encode_value({"name": "y" * more + "/tmp/sh.Ab"})
    assert screen.offsets(body) == [len(body) - 1]
    assert screen.suspects(body) == {0}


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
    ('number(process.name, 16) == 255 or string(process.name) == "x"', "process.name", "ff"),
]


@pytest.mark.parametrize(("text", "name", "value"), MATCHING, ids=lambda part: repr(part)[:40])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_matching_record_is_a_hit_in_every_encoding(
    text: str, name: str, value: Any, spelling: str
) -> None:
    found = condition(text)
    screens = Screen([found]), Screen([found, *FILLERS])
    head, _, last = name.partition(".")
    for shape in (value, [value], ["other", value], [["other"], [value]]):
        record = SPELLINGS[spelling]({"n": 1, head: {"other": "z", last: shape}})
        for seed in range(12):
            raw = Writer(Random(seed), bin_share=0.3).encode(record)
            assert found.matches(Fields(decode_record(raw))), (record, seed)
            for screen in screens:
                offsets = screen.offsets(raw)
                assert offsets is None or len(offsets), (raw, seed)
                assert 0 in screen.suspects(raw), (raw, seed)


FILLERS = [condition(f'filler == "text {number}"') for number in range(MANY)]
"""So many that texts are looked for without their fields."""
MORE = st.sampled_from([[]] * 9 + [FILLERS])
"""Other conditions, at times many."""

NAMES = ("k", "a.b", "a.c", "process.name", "a.b.name", "event.type", "x.args", "labels.other")
ATOMS = ("", "x", "sh", "/tmp/", "Ab", "é", "start", ".", "\\", '"', "10.0.0.1", "name")
FIELDS = st.sampled_from(NAMES)
WORDS = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=2).map("".join)
PATTERNS = st.lists(st.sampled_from((*ATOMS, "*", "?")), min_size=1, max_size=4).map("".join)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def listed(values: Sequence[str]) -> str:
    return f"({', '.join(map(quoted, values))})"


LISTS = st.lists(WORDS, min_size=1, max_size=3).map(listed)
PATTERN_LISTS = st.lists(PATTERNS, min_size=1, max_size=3).map(listed)
FUNCTIONS = st.sampled_from(
    [
        f"{name}{tilde}"
        for name in ("startsWith", "endsWith", "stringContains")
        for tilde in ("", "~")
    ]
)
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
EQUAL = st.sampled_from(["==", "!=", "<"])
INDEXES = st.integers(-2, 2)
REGEXES = st.lists(
    st.sampled_from([".*", ".", "x", "sh", "/tmp/", "(a|A)b", "é", "(st|n)?a", "[a-z]", "&~(x.*)"]),
    min_size=1,
    max_size=4,
).map(lambda parts: quoted(".*" + "".join(sorted(parts, key=lambda part: part.startswith("&")))))
TESTS = st.one_of(
    st.builds("{} == {}".format, FIELDS, WORDS.map(quoted)),
    st.builds("{} == {}".format, WORDS.map(quoted), FIELDS),
    st.builds("{} != {}".format, FIELDS, WORDS.map(quoted)),
    st.builds("{} in {}".format, FIELDS, LISTS),
    st.builds("{} in~ {}".format, FIELDS, LISTS),
    st.builds("{} not in {}".format, FIELDS, LISTS),
    st.builds("{} like {}".format, FIELDS, PATTERN_LISTS),
    st.builds("{} like~ {}".format, FIELDS, PATTERN_LISTS),
    st.builds("{} : {}".format, FIELDS, PATTERNS.map(quoted)),
    st.builds("{} == null".format, FIELDS),
    st.builds("{} != null".format, FIELDS),
    st.builds("{} >= {}".format, FIELDS, st.integers(0, 3)),
    st.builds('cidrmatch({}, "10.0.0.0/8")'.format, FIELDS),
    st.builds("{}({}, {})".format, FUNCTIONS, FIELDS, WORDS.map(quoted)),
    st.builds("{}({}, {}) != true".format, FUNCTIONS, FIELDS, FIELDS),
    st.builds("length({}) {} {}".format, FIELDS, OPERATORS, st.integers(0, 4)),
    st.builds("length(concat({}, {})) {} 3".format, FIELDS, FIELDS, OPERATORS),
    st.builds("length({}) + {} > 2".format, FIELDS, FIELDS),
    st.builds("{} {} {}".format, FIELDS, OPERATORS, FIELDS),
    st.builds("substring({}, {}, 3) {} {}".format, FIELDS, INDEXES, EQUAL, WORDS.map(quoted)),
    st.builds("substring({}, {}) in~ {}".format, FIELDS, INDEXES, LISTS),
    st.builds("substring({}, length({})) == {}".format, FIELDS, FIELDS, WORDS.map(quoted)),
    st.builds("between({}, {}, {}) : {}".format, FIELDS, FIELDS, WORDS.map(quoted), PATTERN_LISTS),
    st.builds("string({}) like {}".format, FIELDS, PATTERN_LISTS),
    st.builds("indexOf({}, {}) == null".format, FIELDS, WORDS.map(quoted)),
    st.builds("{} {} {}".format, FIELDS, st.sampled_from(["regex", "regex~"]), REGEXES),
    st.builds("substring({}, 0, 9) regex {}".format, FIELDS, REGEXES),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=6,
)


@st.composite
def values(draw: st.DrawFn) -> Any:
    """A word or what a pattern stands for, in any case, as a scalar or in arrays."""
    text = draw(PATTERNS)
    text = "".join(draw(WORDS) if char == "*" else char for char in text).replace("?", "é")
    if draw(st.booleans()):
        text = "".join(
            char.swapcase() if char.isascii() and draw(st.booleans()) else char for char in text
        )
    scalar = draw(st.sampled_from([text, text, text, None, 2, True]))
    shapes = [scalar, [scalar], ["other", scalar], [[], [scalar]], [None, scalar]]
    return draw(st.sampled_from(shapes))


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the fields, each with its dots written as nesting or as part of a key."""
    record: dict[str, Any] = {}
    for name in draw(st.lists(FIELDS, max_size=6)):
        _place(record, name.split("."), draw(values()), draw)
    return record


def _place(inner: dict[str, Any], parts: list[str], value: Any, draw: st.DrawFn) -> None:
    size = draw(st.integers(1, len(parts)))
    key, rest = ".".join(parts[:size]), parts[size:]
    if not rest:
        inner[key] = value
    elif isinstance(inner.setdefault(key, {}), dict):
        _place(inner[key], rest, value, draw)
    else:
        inner[".".join(parts)] = value


@settings(max_examples=400, deadline=None)
@given(
    CONDITIONS,
    st.lists(records(), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.sampled_from([0.0, 0.5, 1.0]),
    MORE,
)
def test_no_record_that_a_condition_matches_is_missed(
    text: str,
    drawn: list[dict[str, Any]],
    random: Random,
    bin_share: float,
    more: list[Condition],
) -> None:
    found = condition(text)
    writer = Writer(random, bin_share=bin_share)
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


@settings(max_examples=200, deadline=None)
@given(
    st.lists(CONDITIONS, min_size=1, max_size=6),
    records(),
    st.randoms(use_true_random=False),
    MORE,
)
def test_a_record_satisfies_no_condition_that_is_not_suspected(
    texts: list[str], record: dict[str, Any], random: Random, more: list[Condition]
) -> None:
    raw = Writer(random, bin_share=0.3).encode(record)
    conditions = [condition(text) for text in texts]
    suspects = Screen([*conditions, *more]).suspects(raw)
    fields = Fields(decode_record(raw))
    for number, found in enumerate(conditions):
        assert number in suspects or not found.matches(fields), (texts[number], raw)


def test_suspected_are_the_conditions_whose_needles_a_record_has_and_those_without() -> None:
    screen = Screen([condition(text) for text in ('a == "x"', "b > 5", 'a == "y"', 'a : "X"')])
    assert screen.suspects(encode_value({"a": "x"})) == {0, 1, 3}
    assert screen.suspects(encode_value({"b": 9})) == {1}
    assert Screen([]).suspects(b"\x80") == set()


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
    screen = Screen(conditions)
    assert time.process_time() - began < 5
    assert screen.suspects(encode_value({"process": {"executable": "/OPT/app77/x"}})) == {77}


def test_bodies_are_not_scanned_for_a_while_after_one_that_is_full_of_hits() -> None:
    screen = Screen([condition('a == "x"')])
    crowded = encode_value({"a": "x"}) * LEAST_BODY
    quiet = encode_value({"a": "other"})
    assert screen.offsets(quiet) == []
    assert len(screen.offsets(crowded) or ()) == LEAST_BODY
    assert [screen.offsets(quiet) for _ in range(UNSCANNED)] == [None] * UNSCANNED
    assert screen.offsets(quiet) == []


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
