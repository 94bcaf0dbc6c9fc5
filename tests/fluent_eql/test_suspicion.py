"""What a record may be to many rules, as far as its bytes tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.detection import LEAST_TTL, Observer, SequenceRule
from fluent_eql.event import encode_value
from fluent_eql.keys import NO_KEY
from fluent_eql.lang import SequenceQuery
from fluent_eql.settings import EqlOptions
from fluent_eql.suspicion import OfKey, Suspicion, Suspicions
from fluent_eql.testing import Event
from support.random_conditions import WRITERS
from support.rules import rule
from support.wire import Writer


class Rules:
    """Rules with these queries, and what records may be to them."""

    def __init__(self, *queries: str) -> None:
        rules = [rule(query, name=f"{number}") for number, query in enumerate(queries)]
        made = [
            SequenceRule(number, one, one.query, EqlOptions())
            for number, one in enumerate(rules)
            if isinstance(one.query, SequenceQuery)
        ]
        self.waiting = {one.number: one for one in made if one.waits_unread(LEAST_TTL)}
        self.queries = [one.query for one in rules]
        conditions = [condition for query in self.queries for condition in query.conditions]
        self.suspicions = Suspicions(self.queries, conditions, self.waiting, "event.category")

    def of(self, category: str, **fields: Any) -> Suspicion:
        return self.suspicions.of(encode_value({"event.category": category, **fields}))


THREE = 'sequence by k [n where a == "x"] [m where a == "y"] [f where b == "z"]'


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"category": "n", "a": "x"}, OfKey((0,), (), (0,), 0, 0)),
        ({"category": "m", "a": "y"}, OfKey((0,), (), (), 1, 0)),
        ({"category": "f", "b": "z"}, OfKey((0,), (0,), (), 1, 1)),
    ],
    ids=["first", "between", "last"],
)
def test_a_record_begins_follows_or_completes_a_sequence(
    record: dict[str, Any], expected: OfKey
) -> None:
    found = Rules(THREE).of(**record)
    assert (found.rules, found.reads, found.of_keys) == ((0,), (), (expected,))


def test_what_is_certain_to_be_nothing_has_no_rules() -> None:
    found = Rules(THREE, "m where true").of("f", a="x")
    assert (found.rules, found.reads, found.of_keys) == ((), (), ())


@pytest.mark.parametrize(
    "query",
    [
        'any where a == "x"',
        'sequence by k [any where a == "x"] [any where a : "X"]',
        'sequence by k with maxspan=1h [any where a == "x"] [f where true]',
        'sequence [any where a == "x"] [f where true]',
        'sequence by k [any where a == "x"] [f where true] until [m where true]',
        'sequence [any where a == "x"] by k [any where a : "X"] by j [f where true] by k',
    ],
)
def test_what_cannot_wait_is_read(query: str) -> None:
    found = Rules(query).of("n", a="x")
    assert (found.rules, found.reads, found.of_keys) == ((0,), (0,), ())


def test_a_rule_that_reads_and_one_that_waits_are_told_apart() -> None:
    found = Rules('any where b == "z"', THREE, 'f where b != "x"').of("f", b="z")
    assert (found.rules, found.reads) == ((0, 1, 2), (0, 2))
    assert [of_key.rules for of_key in found.of_keys] == [(1,)]


def test_a_stage_that_is_repeated_stands_for_all_its_numbers() -> None:
    query = "sequence by k [n where true] [f where true] with runs=2"
    [of_key] = Rules(query).of("f").of_keys
    assert (of_key.follows, of_key.completes) == (1, 1)
    query = "sequence by k [f where true] with runs=2"
    assert Rules(query).of("f").reads == (0,)


FAR = "sequence by j [n where true] [f where true]"


def test_rules_with_the_same_keys_are_looked_at_together_with_those_of_others_beside_them() -> None:
    rules = Rules(FAR, THREE, FAR, "sequence [n where true] by k [f where true] by j")
    found = rules.of("f", b="z", j="1", k="2")
    by_rules = {of_key.rules: of_key for of_key in found.of_keys}
    assert by_rules.keys() == {(0, 2, 3), (1,)}
    assert by_rules[0, 2, 3].completes == 0b1101
    keys = dict(zip((one.rules for one in found.of_keys), _keys(found, j="1", k="2"), strict=True))
    assert keys == {(0, 2, 3): ("1",), (1,): ("2",)}
    assert _keys(found) == [NO_KEY, NO_KEY]


def _keys(found: Suspicion, **fields: Any) -> list[Any]:
    return list(found.reader.keys_of(encode_value(fields)))


def test_a_record_that_may_complete_more_than_one_sequence_is_not_glanced_at() -> None:
    one = Rules(FAR, 'sequence by j [n where true] [m where true] [f where b == "z"]')
    assert [of_key.glances for of_key in one.of("f").of_keys] == [(0,)]
    assert [of_key.glances for of_key in one.of("f", b="z").of_keys] == [()]
    assert [of_key.glances for of_key in one.of("n").of_keys] == [()]


TESTS = st.sampled_from(
    ['a == "x"', 'a : "X*"', 'b == "y"', "c == 3", "c > 2", "true", "b != null"]
)
STAGE = st.builds("[{} where {}]".format, st.sampled_from(["n", "f", "any"]), TESTS)
QUERIES = st.one_of(
    st.builds(
        "sequence by {} {} {}".format,
        st.sampled_from(["k", "j", "k, j", "j, k"]),
        st.lists(STAGE, min_size=1, max_size=3).map(" ".join),
        st.builds("{}{}".format, STAGE, st.sampled_from(["", "", " with runs=2"])),
    ),
    st.builds("sequence {} by k {} by j {} by k".format, STAGE, STAGE, STAGE),
    st.builds("{} where {}".format, st.sampled_from(["n", "any"]), TESTS),
)
KEYS = st.sampled_from(["1", "2", 1, 1.0, True, None, ["1"], ["1", "2"], [], b"1"])
RECORDS = st.fixed_dictionaries(
    {"event.category": st.sampled_from(["n", "f", ["n", "f"], b"n"]), "k": KEYS, "j": KEYS},
    optional={
        "a": st.sampled_from(["x", "xx", ["y", "X"]]),
        "b": st.sampled_from(["y", None]),
        "c": st.sampled_from([2, 3, 3.0, "3"]),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(QUERIES, min_size=1, max_size=6), st.lists(RECORDS, min_size=1, max_size=4), WRITERS
)
def test_whatever_an_event_is_to_a_rule_it_is_suspected_to_be(
    queries: list[str], records: list[dict[str, Any]], writer: Writer
) -> None:
    rules = Rules(*queries)
    observer = Observer(rules.queries, EqlOptions())
    for record in records:
        raw = writer.encode(record)
        seen = observer.observe(Event("t", 0, raw))
        found = rules.suspicions.of(raw)
        keys = found.reader.keys_of(raw)
        assert len(keys) == len(found.of_keys)
        of_key = {
            number: (key, one)
            for key, one in zip(keys, found.of_keys, strict=True)
            for number in one.rules
        }
        assert sorted((*found.reads, *of_key)) == sorted(found.rules)
        for number, query in enumerate(rules.queries):
            if any(condition.matches(seen.fields) for condition in query.conditions):
                assert number in found.rules
        for number, (key, one) in of_key.items():
            _check(rules.waiting[number], one, key, rules.waiting[number].stages_of(seen))


def _check(sequence: SequenceRule, one: OfKey, key: Any, found: list[Any]) -> None:
    """That an event that is filed for a rule under a key is found again as what it is."""
    if key is not None:
        assert [each.key for each in found] in ([], [key])
    for each in found:
        assert (0 in each.stages) <= (sequence.number in one.begins)
        if sequence.number not in one.begins:
            assert one.follows & sequence.bit
            assert (sequence.last_stage in each.stages) <= bool(one.completes & sequence.bit)
        else:
            assert sequence.last_stage not in each.stages
            assert not one.follows & sequence.bit
