"""What the tests of public rules rest on: records and streams made from conditions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601
from fluent_eql.fields import Fields
from fluent_eql.lang import Condition, SequenceQuery, compile_query
from fluent_eql.lang.lucene import parse_regex
from fluent_eql.lang.regexes import regex_matcher
from support.candidates import of_regex, related
from support.events import MILLISECOND, START
from support.rules import driver, rule
from support.sequence_synthesis import Story, story_of
from support.sequences import sequences
from support.synthesise import Assignment, conjuncts, flips, record_of, satisfying


def condition(text: str) -> Condition:
    (found,) = compile_query(f"any where {text}").conditions
    return found


SATISFIABLE = [
    'a == "x"',
    'a != "x"',
    "a == null and b != null",
    "a == 5 and b > 7.5 and c <= -3 and d >= 10 and d < 11",
    'a > "m" and a < "n"',
    "a and not b and c == false",
    "a in (1, 2) and a not in (1, 3)",
    'a in~ ("X", "y") and a != "X"',
    'a like "/tmp/*/x?.sh" and a != "/tmp/k/xk.sh"',
    'a : "*one*" and a : "*two*" and not a : "*three*"',
    'a == "-x" and a == "-y"',
    'a regex "(ab|cd)[0-9]{3}x+" and a != "ab000x"',
    'a regex~ "v<1-20>.[^a-z]"',
    'cidrMatch(a, "10.0.0.0/8", "fd00::/8") and not cidrMatch(a, "10.0.0.0/16")',
    'startsWith(a, "x") and endsWith~(a, "Y") and stringContains(a, "m")',
    "length(a) > 255 and length(b) == 3 and length(c) < 2",
    "startsWith~(a, b) and a != b",
    'startsWith~(a, substring(b, 0, -1)) and endsWith(b, "$") and b != "$"',
    'between(a, "(", ")") == "x"',
    'concat(a, "-", b) == "x-y" or a == 1',
    'indexOf(a, "x") == null and a != null and not endsWith(string(a), string(b))',
    'number(a, 16) == 255 or a == "ff"',
    "a + 1 == 3 and b - 2 > 0",
    '(a == "x" or b == "y") and (a != "x" or c == "z") and b != "y"',
    'not (a == "x" and (b == "y" or c == null)) and a == "x"',
    '?a == null and ?b : "x*"',
    "a.b == 1 and a.c.d == 2 and `a-b`.c == 3",
    'a == "x" and a.b == "y"',
]


@pytest.mark.parametrize("text", SATISFIABLE)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_record_made_from_a_condition_satisfies_it(text: str, sparse: bool) -> None:
    found = condition(text)
    values = satisfying((found.expression, True), sparse=sparse)
    assert values is not None
    assert found.matches(Fields(record_of(values))), values


@pytest.mark.parametrize("text", SATISFIABLE)
def test_a_record_with_a_flipped_conjunct_fails_there_alone(text: str) -> None:
    found = condition(text)
    parts = conjuncts(found.expression)
    flipped = list(flips(found.expression))
    assert len(flipped) == len(parts)
    assert any(values is not None for values in flipped)
    for part, values in zip(parts, flipped, strict=True):
        if values is not None:
            assert not found.matches(Fields(record_of(values)))
            others = [(other, True) for other in parts if other is not part]
            assert satisfying(*others, given=values) is not None


@pytest.mark.parametrize(
    "text",
    [
        'a == "x" and a != "x"',
        'a == "xyz" and not a : "*Y*"',
        "a == null and a == 1",
        '(a == "x" or a == "y") and a == null',
        'a : "/tmp/*" and not a like~ "/TMP/*"',
    ],
)
def test_nothing_is_made_from_what_cannot_be(text: str) -> None:
    assert satisfying((condition(text).expression, True)) is None


def test_a_conjunct_that_others_imply_cannot_be_flipped() -> None:
    (implied, alone) = flips(condition('a != null and a == "x"').expression)
    assert implied is None
    assert alone is not None


def test_fields_that_nothing_needs_have_values_unless_sparse() -> None:
    (goal,) = [(condition('a != "x" and b == 1').expression, True)]
    assert satisfying(goal) == {"a": ("value",), "b": (1,)}
    assert satisfying(goal, sparse=True) == {"a": (), "b": (1,)}
    assert satisfying(goal, given={"a": ("y",), "c": (2,)}) == {"a": ("y",), "b": (1,), "c": (2,)}


def test_a_record_has_its_fields_nested_and_flat_where_a_value_is_in_the_way() -> None:
    values: Assignment = {
        "a.b": (1,),
        "a.b.c": (2, 3),
        "d": (),
        "e.f": (4,),
        "e": (5,),
    }
    record = record_of(values)
    assert record == {"a": {"b": 1, "b.c": [2, 3]}, "e": 5, "e.f": 4}
    assert {name: Fields(record)[name] for name in values} == values


@pytest.mark.parametrize(
    "pattern",
    ["a|bc", "[a-f0-9]{4}", "(x|y)?z+", "[^ab]c", ".*\\.exe", "<08-11>", '"a.b"\\d\\s\\W'],
)
def test_texts_made_from_a_regular_expression_match_it(pattern: str) -> None:
    texts = of_regex(parse_regex(pattern))
    assert texts
    assert all(map(regex_matcher([pattern], insensitive=False), texts)), texts


FIELDS = st.sampled_from(["a", "b", "c.d"])
WORDS = st.sampled_from(["x", "xy", "yx", "zz"])
PATTERNS = st.sampled_from(["x*", "*y", "*x*", "?x", "z?", "*"])
TESTS = st.one_of(
    st.builds('{} == "{}"'.format, FIELDS, WORDS),
    st.builds('{} != "{}"'.format, FIELDS, WORDS),
    st.builds('{} in ("{}", "{}")'.format, FIELDS, WORDS, WORDS),
    st.builds('{} like "{}"'.format, FIELDS, PATTERNS),
    st.builds('{} : ("{}", "{}")'.format, FIELDS, PATTERNS, WORDS),
    st.builds("{} {} null".format, FIELDS, st.sampled_from(["==", "!="])),
    st.builds("length({}) {} 2".format, FIELDS, st.sampled_from(["==", "<", ">"])),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, st.lists(st.none() | WORDS, min_size=3, max_size=3))
def test_what_some_record_satisfies_is_satisfied_by_the_one_that_is_made(
    text: str, drawn: list[str | None]
) -> None:
    found = condition(text)
    record = dict(zip(("a", "b", "c.d"), drawn, strict=True))
    for holds in (True, False):
        values = satisfying((found.expression, holds))
        if values is not None:
            assert found.matches(Fields(record_of(values))) is holds
        else:
            assert found.matches(Fields(record)) is not holds


def story(query: str) -> Story:
    compiled = compile_query(query)
    assert isinstance(compiled, SequenceQuery)
    found = story_of(compiled)
    assert found is not None
    return found


def told(query: str, *events: Assignment) -> list[tuple[str, ...]]:
    """The sequences that a filter finds in events a millisecond apart."""
    records = [
        record_of(values) | {"@timestamp": iso_8601(START + n * MILLISECOND), "event.id": str(n)}
        for n, values in enumerate(events)
    ]
    return sequences(driver(rule(query), reorder_window=None), records)


SEQUENCES = [
    "sequence by k with maxspan=1m [a where x == 1] [b where y != null]",
    'sequence by k [a where k != "key-1" and k != null] by l [b where l : "v*"] by m',
    "sequence by ?k with maxspan=1s [a where true] with runs=3 [b where a.b == 1]",
    "sequence by k with maxspan=1s [a where true] ![b where true] [c where true]",
    "sequence by k with maxspan=1s [a where true] [c where true] ![b where true]",
    "sequence by k [a where x == 1] [b where true] until [c where true]",
]


@pytest.mark.parametrize("query", SEQUENCES)
def test_a_stream_made_from_a_sequence_completes_it(query: str) -> None:
    made = story(query)
    assert told(query, *made.events) == [tuple(str(n) for n in range(len(made.events)))]


@pytest.mark.parametrize("query", SEQUENCES)
def test_a_stream_with_a_flipped_conjunct_does_not(query: str) -> None:
    made = story(query)
    flipped = list(made.flipped())
    assert flipped
    for number, values in flipped:
        if values is not None:
            events = [*made.events[:number], values, *made.events[number + 1 :]]
            assert told(query, *events) == []


@pytest.mark.parametrize("query", SEQUENCES[3:])
def test_what_interrupts_a_sequence_keeps_it_from_completion(query: str) -> None:
    made = story(query)
    interruptions = list(made.interruptions())
    assert len(interruptions) == 1
    for after, values in interruptions:
        assert told(query, *made.events[:after], values, *made.events[after:]) == []


def test_no_stream_is_made_from_a_sequence_whose_events_cannot_share_a_key() -> None:
    query = compile_query('sequence by k [a where k == "x"] [b where k == "y"]')
    assert isinstance(query, SequenceQuery)
    assert story_of(query) is None


def test_related_values_hold_a_value_or_are_a_part_of_it() -> None:
    assert {"ab\\c", "ab\\", "ab\\c$"} <= set(related("ab\\c"))
    assert related(5) == [5]
