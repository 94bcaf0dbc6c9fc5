"""Conditions and records of Hypothesis's choice that have a good chance to fit each other."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from fluent_eql.lang import Condition
from fluent_eql.needle_patterns import MANY
from support.rules import rule
from support.wire import Writer


def condition(text: str, category: str = "any") -> Condition:
    """The condition of a rule of one event."""
    [found] = rule(f"{category} where {text}").query.conditions
    return found


FILLERS = [condition(f'filler == "text {number}"') for number in range(MANY)]
"""So many that texts are looked for without their fields."""
MORE = st.sampled_from([[]] * 9 + [FILLERS])
"""Other conditions, at times many."""

NAMES = ("k", "a.b", "a.c", "process.name", "a.b.name", "event.type", "x.args", "labels.other")
ATOMS = ("", "x", "sh", "/tmp/", "Ab", "é", "start", ".", "\\", '"', "10.0.0.1", "name")
NUMBERS = (0, 1, 2, 5, 127, 128, -1, -32, -33, 255, 70_000, -(2**31), 2**40, 2**53, 2**53 + 1)
CATEGORIES = ("file", "process", "category")
CATEGORY = "event.category"
CATEGORY_NAMES = (CATEGORY, CATEGORY, CATEGORY, "x.category", "category", "event.categoryx")
"""The field of the event category, and others in whose names its own stands."""

FIELDS = st.sampled_from(NAMES)
WORDS = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=2).map("".join)
PATTERNS = st.lists(st.sampled_from((*ATOMS, "*", "?")), min_size=1, max_size=4).map("".join)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _listed(values: Sequence[str]) -> str:
    return f"({', '.join(map(_quoted, values))})"


LISTS = st.lists(WORDS, min_size=1, max_size=3).map(_listed)
NUMBER_LISTS = st.lists(st.sampled_from(NUMBERS).map(str), min_size=1, max_size=3).map(
    lambda numbers: f"({', '.join(numbers)})"
)
PATTERN_LISTS = st.lists(PATTERNS, min_size=1, max_size=3).map(_listed)
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
).map(lambda parts: _quoted(".*" + "".join(sorted(parts, key=lambda part: part.startswith("&")))))
TEXT_TESTS = st.one_of(
    st.builds("{} == {}".format, FIELDS, WORDS.map(_quoted)),
    st.builds("{} == {}".format, WORDS.map(_quoted), FIELDS),
    st.builds("{} != {}".format, FIELDS, WORDS.map(_quoted)),
    st.builds("{} in {}".format, FIELDS, LISTS),
    st.builds("{} in~ {}".format, FIELDS, LISTS),
    st.builds("{} not in {}".format, FIELDS, LISTS),
    st.builds("{} like {}".format, FIELDS, PATTERN_LISTS),
    st.builds("{} like~ {}".format, FIELDS, PATTERN_LISTS),
    st.builds("{} : {}".format, FIELDS, PATTERNS.map(_quoted)),
    st.builds("{} == null".format, FIELDS),
    st.builds("{} != null".format, FIELDS),
    st.builds("{} >= {}".format, FIELDS, st.integers(0, 3)),
    st.builds('cidrmatch({}, "10.0.0.0/8")'.format, FIELDS),
    st.builds("{}({}, {})".format, FUNCTIONS, FIELDS, WORDS.map(_quoted)),
    st.builds("{}({}, {}) != true".format, FUNCTIONS, FIELDS, FIELDS),
    st.builds("length({}) {} {}".format, FIELDS, OPERATORS, st.integers(0, 4)),
    st.builds("length(concat({}, {})) {} 3".format, FIELDS, FIELDS, OPERATORS),
    st.builds("length({}) + {} > 2".format, FIELDS, FIELDS),
    st.builds("{} {} {}".format, FIELDS, OPERATORS, FIELDS),
    st.builds("substring({}, {}, 3) {} {}".format, FIELDS, INDEXES, EQUAL, WORDS.map(_quoted)),
    st.builds("substring({}, {}) in~ {}".format, FIELDS, INDEXES, LISTS),
    st.builds("substring({}, length({})) == {}".format, FIELDS, FIELDS, WORDS.map(_quoted)),
    st.builds("between({}, {}, {}) : {}".format, FIELDS, FIELDS, WORDS.map(_quoted), PATTERN_LISTS),
    st.builds("string({}) like {}".format, FIELDS, PATTERN_LISTS),
    st.builds("indexOf({}, {}) == null".format, FIELDS, WORDS.map(_quoted)),
    st.builds("{} {} {}".format, FIELDS, st.sampled_from(["regex", "regex~"]), REGEXES),
    st.builds("substring({}, 0, 9) regex {}".format, FIELDS, REGEXES),
)
NUMBER_TESTS = st.one_of(
    st.builds("{} == {}".format, FIELDS, st.sampled_from(NUMBERS)),
    st.builds("{} == {}".format, st.sampled_from(NUMBERS), FIELDS),
    st.builds("{} in {}".format, FIELDS, NUMBER_LISTS),
    st.builds("not {} in {}".format, FIELDS, NUMBER_LISTS),
)
CATEGORY_TESTS = st.builds(
    "{} == {}".format, st.sampled_from(CATEGORY_NAMES), st.sampled_from(CATEGORIES).map(_quoted)
)
TESTS = st.one_of(TEXT_TESTS, TEXT_TESTS, NUMBER_TESTS, CATEGORY_TESTS)
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
    """A word or what a pattern stands for, in any case, or a number, as a scalar or in arrays."""
    text = draw(PATTERNS)
    text = "".join(draw(WORDS) if char == "*" else char for char in text).replace("?", "é")
    if draw(st.booleans()):
        text = "".join(
            char.swapcase() if char.isascii() and draw(st.booleans()) else char for char in text
        )
    number = draw(st.sampled_from(NUMBERS))
    numbers = [number, float(number), -float(number)]
    return draw(_shaped(draw(st.sampled_from([text] * 5 + [None, True, *numbers]))))


def _shaped(scalar: Any) -> st.SearchStrategy[Any]:
    shapes = [scalar, scalar, [scalar], ["other", scalar], [[], [scalar]], [None, scalar]]
    return st.sampled_from(shapes)


CATEGORY_VALUES = st.one_of(
    st.sampled_from([*CATEGORIES, *CATEGORIES, None, "other", b"file", 1, ""]).flatmap(_shaped),
    st.lists(st.sampled_from(CATEGORIES), max_size=3),
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the fields, each with its dots written as nesting or as part of a key."""
    record: dict[str, Any] = {}
    for name in draw(st.lists(FIELDS, max_size=6)):
        _place(record, name.split("."), draw(values()), draw)
    for name in draw(st.lists(st.sampled_from(CATEGORY_NAMES), max_size=2)):
        _place(record, name.split("."), draw(CATEGORY_VALUES), draw)
    for name in ("event", "a"):
        if name in record and draw(st.integers(0, 5)) == 0:
            record[name] = [{"category": "file", "name": "category"}, record[name]][
                draw(st.integers(0, 1)) :
            ]
    return record


@st.composite
def numbered(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A test for a number, and a record that has it in some form and mostly satisfies it."""
    name, number = draw(FIELDS), draw(st.sampled_from(NUMBERS))
    text = draw(st.sampled_from([f"{name} == {number}", f"{name} in (3, {number})"]))
    form = draw(st.sampled_from([number, float(number), -0.0 if number == 0 else number]))
    record: dict[str, Any] = {}
    _place(record, name.split("."), draw(_shaped(form)), draw)
    return text, record


@st.composite
def categorised(draw: st.DrawFn) -> dict[str, Any]:
    """A record with event categories, and what looks like one, in up to three places."""
    record: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(CATEGORY_NAMES), min_size=1, max_size=3)):
        value = draw(st.one_of(st.sampled_from(CATEGORIES), CATEGORY_VALUES))
        _place(record, name.split("."), value, draw)
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


class FloatWriter(Writer):
    """A writer that writes floats of 32 bits, too, where they say the same."""

    def encode(self, value: Any) -> bytes:
        if isinstance(value, float) and self._random.random() < 0.5:
            short = struct.pack(">f", value)
            if struct.unpack(">f", short)[0] == value:
                return b"\xca" + short
        return super().encode(value)


WRITERS = st.builds(
    FloatWriter,
    st.integers(0, 2**16).map(Random),
    bin_share=st.sampled_from([0.0, 0.0, 0.3, 0.5, 1.0]),
)
