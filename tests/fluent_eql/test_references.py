"""The plain references hold, and the compiled queries with them, what can be worked out by hand."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from support.random_queries import EventQuery
from support.reference_eql import (
    NULL,
    Arithmetic,
    Call,
    Compare,
    Constant,
    Expression,
    Field,
    In,
    Like,
    Not,
)
from support.reference_eql_regex import (
    AnyChar,
    AnyText,
    Both,
    Chars,
    Class,
    Either,
    NoText,
    Number,
    Other,
    Regex,
    Repeat,
    Text,
    Then,
    is_match,
    written,
)
from support.verdicts import verdicts

A, B = Field("a"), Field("b")
X = Constant("x")
NO_NUMBER = Arithmetic("/", Constant(1), Constant(0))


def is_(left: Expression, right: Any, operator: str = "==") -> Compare:
    return Compare(operator, left, Constant(right))


@pytest.mark.parametrize(
    ("condition", "matching", "others"),
    [
        (is_(A, "x"), [{"a": "x"}, {"a": ["y", "x"]}], [{}, {"a": "X"}, {"a": None}, {"a": []}]),
        (is_(A, "x", "!="), [{}, {"a": "y"}, {"a": 5}], [{"a": "x"}, {"a": ["x", "y"]}]),
        (Not(In(A, (X,))), [{}, {"a": "X"}], [{"a": ["y", "x"]}]),
        (In(A, (X,), insensitive=True), [{"a": "X"}], [{"a": "x*"}, {}]),
        (Compare("==", A, NULL), [{}, {"a": [None]}, {"a": {"b": 1}}], [{"a": ""}, {"a": 0}]),
        (Compare("!=", A, NULL), [{"a": ""}, {"a": [None, 0]}], [{}, {"a": []}]),
        (A, [{"a": True}, {"a": [False, True]}], [{}, {"a": False}, {"a": 1}, {"a": "true"}]),
        (is_(A, 1), [{"a": 1}, {"a": 1.0}], [{"a": True}, {"a": "1"}]),
        (is_(A, 2, "<"), [{"a": 1}, {"a": [5, 1.5]}], [{}, {"a": 2}, {"a": "1"}, {"a": True}]),
        (is_(Call("length", (A,)), 5, "!="), [{"a": "x"}], [{}, {"a": "xxxxx"}, {"a": 5}]),
        (Not(is_(Call("length", (A,)), 5)), [{}, {"a": "x"}], [{"a": "xxxxx"}]),
        (Compare("!=", A, B), [{"a": "x", "b": "y"}], [{}, {"a": "x"}, {"a": "x", "b": "x"}]),
        (Compare("==", A, NO_NUMBER), [], [{}, {"a": 1}]),
        (is_(NO_NUMBER, 5, "!="), [], [{}]),
        (Not(is_(NO_NUMBER, 5, "!=")), [{}], []),
        (Compare("==", NO_NUMBER, NULL), [{}], []),
        (Like("like", A, ("/t?p*",)), [{"a": "/tmp/a\nb"}, {"a": "/tmp"}], [{"a": "/TMP"}, {}]),
        (Like(":", A, ("*.SH",)), [{"a": "a.sh"}, {"a": ".Sh"}], [{"a": "a_sh"}, {"a": "sh"}]),
        (Call("stringContains", (A, Constant(""))), [], [{"a": ""}, {"a": "x"}, {}]),
        (Call("startsWith", (A, X), insensitive=True), [{"a": "Xy"}], [{"a": "yx"}, {}]),
        (is_(Call("startsWith", (A, X)), False), [{}, {"a": "y"}], [{"a": ["y", "x"]}]),
        (is_(Call("indexOf", (A, X)), None), [{}, {"a": ["x", "y"]}], [{"a": "x"}]),
        (is_(Arithmetic("/", A, Constant(2)), -3), [{"a": -7}], [{"a": -7.0}, {"a": -8}]),
        (is_(Arithmetic("%", A, Constant(2)), -1), [{"a": -7}], [{"a": 7}]),
        (is_(Call("between", (A, X, Constant("z"))), ""), [{"a": "y"}, {"a": "xz"}], [{}]),
        (is_(Call("substring", (A, Constant(-3), Constant(-1))), "ab"), [{"a": "xabc"}], [{}]),
        (is_(Call("number", (A,)), 31), [{"a": "31"}, {"a": "0x1F"}], [{"a": 31}, {"a": "x"}]),
        (is_(Call("string", (A,)), "1.0E7"), [{"a": 1e7}], [{"a": 10**7}]),
        (is_(Call("concat", (A, X)), "1x"), [{"a": 1}, {"a": "1"}], [{}, {"a": True}]),
        (
            Call("cidrMatch", (A, Constant("10.9.9.9/8"), Constant("FE80::/10"))),
            [{"a": "10.0.0.1"}, {"a": "::ffff:10.0.0.1"}, {"a": "fe80::1%eth0"}],
            [{}, {"a": "11.0.0.1"}, {"a": "10.0.0"}, {"a": "::a00:1"}],
        ),
        (
            is_(Field("a.b.c"), "x"),
            [
                *({"a": {"b": {"c": "x"}}}, {"a.b.c": "x"}, {"a.b": {"c": "x"}}),
                *({"a": {"b.c": b"x"}}, {"a": [{"b": {"c": "y"}}, {"b.c": ["x"]}]}),
            ],
            [{"a": {"b": "x"}}, {"c": "x"}, {"a": {"b": {"c": {"x": "x"}}}}],
        ),
    ],
)
def test_a_condition_holds_what_can_be_worked_out_by_hand(
    condition: Expression, matching: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    query = EventQuery(None, condition)
    text = query.text(Random(1))
    for expected, records in ((True, matching), (False, others)):
        for record in records:
            assert query.matches(record) is expected, record
            assert verdicts(text, record) == {expected}, f"{text} on {record}"


@pytest.mark.parametrize(
    ("regex", "text", "matching", "others"),
    [
        (Text("a.b"), r"a\.b", ["a.b"], ["a.bc", "axb", ""]),
        (Text("a.b"), '"a.b"', ["a.b"], ["a.bc", "axb", ""]),
        (Repeat(AnyChar(), 1, None), ".+", ["a", "\n\n"], [""]),
        (Repeat(Text("ab"), 1, 2), "(ab){1,2}", ["ab", "abab"], ["", "ababab", "a"]),
        (Then(Text("a"), Either(Text("b"), Text("c"))), "a(b|c)", ["ab", "ac"], ["a", "abc"]),
        (Both(AnyText(), Text("^$")), "@&^$", ["^$"], ["", "x"]),
        (Other(Text("ab")), "~(ab)", ["", "a", "abc"], ["ab"]),
        (Then(Text("a"), Other(Text("b"))), "a~b", ["a", "ac", "abb"], ["ab", ""]),
        (Chars(("-", "x", Class("d"), "az")), r"[\-x\da-z]", ["-", "5", "a"], ["A", "ax", ""]),
        (Chars(("a",), negated=True), "[^a]", ["b", "\n"], ["a", ""]),
        (Class("W"), r"\W", ["-", "é"], ["_", "a"]),
        (Number("9", "11"), "<9-11>", ["9", "10", "009", "11"], ["8", "12", "x", ""]),
        (Number("09", "11"), "<09-11>", ["09", "10"], ["9", "009"]),
        (NoText(), "#", [], ["", "a", "#"]),
    ],
)
def test_a_regular_expression_matches_what_can_be_worked_out_by_hand(
    regex: Regex, text: str, matching: list[str], others: list[str]
) -> None:
    spellings = {text, *(written(regex, Random(seed)) for seed in range(5))}
    for value in (*matching, *others):
        expected = value in matching
        assert is_match(regex, value, insensitive=False) is expected
        for spelling in spellings:
            query = f'any where a regex """{spelling}"""'
            assert verdicts(query, {"a": value}) == {expected}, spelling


@pytest.mark.parametrize(
    ("regex", "value", "expected"),
    [
        (Text("aB"), "Ab", True),
        (Text("ä"), "Ä", False),
        (Chars(("a",)), "A", True),
        (Chars(("ac",)), "B", False),
        (Chars(("a",), negated=True), "A", False),
        (Class("w"), "A", True),
    ],
)
def test_without_case_a_range_keeps_its_own(regex: Regex, value: str, expected: bool) -> None:
    assert is_match(regex, value, insensitive=True) is expected
    query = f'any where a regex~ """{written(regex, Random(1))}"""'
    assert verdicts(query, {"a": value}) == {expected}, query
