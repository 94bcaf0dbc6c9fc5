from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import EqlSyntaxError, SourceError
from fluent_eql.lang.nodes import (
    EventFilter,
    Field,
    Join,
    Literal,
    Pipe,
    Position,
    Query,
    Sample,
    Sequence,
    Term,
)
from fluent_eql.lang.parser import parse
from fluent_eql.lang.source import Origin, Source

HERE = Position(0, 1, 1)


def parsed(text: str) -> Query:
    return parse(Source(text, "q", Origin()))


def field(name: str, *, optional: bool = False) -> Field:
    return Field(name, optional, HERE)


def event(category: str | None, condition: str = "a") -> EventFilter:
    return EventFilter(category, field(condition), HERE)


def term(
    category: str, *by: Field, runs: int | None = None, missing: bool = False, where: str = "a"
) -> Term:
    return Term(event(category, where), by, runs, missing, HERE)


def sequence_of(text: str) -> Sequence:
    statement = parsed(text).statement
    assert isinstance(statement, Sequence)
    return statement


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("process where a", "process"),
        ("any where a", None),
        ('"my process" where a', "my process"),
        ("`any` where a", "any"),
        ("// first\nprocess /* then */ where a // last", "process"),
    ],
)
def test_an_event_query_is_a_category_and_a_condition(text: str, category: str | None) -> None:
    assert parsed(text) == Query(event(category), ())


def test_a_sequence_has_join_keys_maxspan_terms_and_until() -> None:
    statement = sequence_of(
        "sequence by host.id, ?user.id with maxspan=5s"
        " [network where a] by x, ?y [file where b] by z with runs=3 ![any where c]"
        " until [process where d] by w"
    )
    assert statement == Sequence(
        (field("host.id"), field("user.id", optional=True)),
        5 * 10**9,
        (
            term("network", field("x"), field("y", optional=True)),
            term("file", field("z"), runs=3, where="b"),
            Term(event(None, "c"), (), None, True, HERE),
        ),
        term("process", field("w"), where="d"),
        HERE,
    )


def test_a_sequence_needs_neither_keys_nor_maxspan() -> None:
    statement = sequence_of("sequence [file where a] [network where a]")
    assert statement == Sequence((), None, (term("file"), term("network")), None, HERE)


@pytest.mark.parametrize(
    ("span", "nanoseconds"),
    [
        ("1ms", 10**6),
        ("5s", 5 * 10**9),
        ("5 s", 5 * 10**9),
        ("3m", 180 * 10**9),
        ("12h", 12 * 3600 * 10**9),
        ("2d", 2 * 86400 * 10**9),
    ],
)
def test_maxspan_is_read_in_nanoseconds(span: str, nanoseconds: int) -> None:
    text = f"sequence with maxspan={span} [file where a] [file where a]"
    assert sequence_of(text).maxspan == nanoseconds


def test_a_sample_has_join_keys_and_terms() -> None:
    query = parsed("sample by host.id [file where a] by x [network where a]")
    terms = (term("file", field("x")), term("network"))
    assert query == Query(Sample((field("host.id"),), terms, HERE), ())


def test_a_join_has_join_keys_terms_and_until() -> None:
    query = parsed("join by k [file where a] [network where a] until [any where b]")
    statement = Join(
        (field("k"),),
        (term("file"), term("network")),
        Term(event(None, "b"), (), None, False, HERE),
        HERE,
    )
    assert query == Query(statement, ())


def test_pipes_follow_the_statement_with_their_arguments() -> None:
    query = parsed("any where a | head 5 | unique a, b | count")
    five = Literal(5, HERE)
    assert query.pipes == (
        Pipe("head", (five,), HERE),
        Pipe("unique", (field("a"), field("b")), HERE),
        Pipe("count", (), HERE),
    )


def test_nodes_know_their_place_in_the_file_around_the_query() -> None:
    query = parse(Source("sequence\n [a where x]\n [b where y]", "q", Origin(7, 12)))
    assert isinstance(query.statement, Sequence)
    assert query.statement.position == Position(0, 7, 12)
    second = query.statement.terms[1]
    assert second.position == Position(23, 9, 2)
    assert second.filter.condition.position == Position(32, 9, 11)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "expected an event category or any, then where, found the end", (1, 1)),
        ("process", "expected where, found the end of the query", (1, 8)),
        ("process WHERE a", "keywords are in lower case: where", (1, 9)),
        ("process~ where a", "expected an event category or any", (1, 1)),
        ("5 where a", "expected an event category or any", (1, 1)),
        ("process where", "expected a field, a value, a function or (", (1, 14)),
        ("process where a b", "expected the end of the query, found b", (1, 17)),
        ("process where\n  a = 1", "found =; equality is written ==", (2, 5)),
        ("sequence", "expected [, found the end of the query", (1, 9)),
        ("sequence [any where a", "expected ], found the end of the query", (1, 22)),
        ("sequence by [any where a]", "expected a field name, found [", (1, 13)),
        ("sequence by a, [any where a]", "expected a field name, found [", (1, 16)),
        ("sequence with maxspan=5s by a [any where a]", "by comes before with maxspan", (1, 26)),
        ("sequence with runs=5 [any where a]", "expected maxspan, found runs", (1, 15)),
        ("sequence with maxspan 5s [any where a]", "expected =, found 5", (1, 23)),
        ("sequence with maxspan=5 [any where a]", "expected a unit, as in maxspan=5s", (1, 25)),
        ("sequence with maxspan=5x [any where a]", "expected one of the units ms, s, m", (1, 24)),
        ("sequence with maxspan=0s [any where a]", "above 0", (1, 23)),
        ("sequence with maxspan=-1s [any where a]", "expected a whole number", (1, 23)),
        ("sequence with maxspan=1.5s [any where a]", "expected a whole number", (1, 23)),
        ("sequence [any where a] with maxspan=5s", "expected runs, found maxspan", (1, 29)),
        ("sequence [any where a] with times=5", "expected runs, found times", (1, 29)),
        ("sequence [any where a] with runs=0", "expected a whole number above 0", (1, 34)),
        ("sequence [any where a] until", "expected [, found the end of the query", (1, 29)),
        ("sequence [any where a] b", "expected the end of the query, found b", (1, 24)),
        ("any where a |", "expected the name of a pipe, found the end", (1, 14)),
        ("any where a | head 5,", "expected a field, a value", (1, 22)),
    ],
)
def test_what_is_no_query_is_an_error_where_it_stands(
    text: str, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(EqlSyntaxError) as caught:
        parsed(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place


WORDS = st.sampled_from(
    ["any", "where", "sequence", "sample", "join", "by", "with", "maxspan", "runs", "=", "5s"]
    + ["5", "until", "[", "]", "![", "(", ")", "a", "a.b", "?a", "`a b`", '"x*"', '"""x"""']
    + ["==", "!=", "<", "and", "or", "not", "in", "in~", "like", "like~", "regex", ":", ","]
    + ["cidrMatch", "length", "startsWith~", "true", "null", "-", "+", "*", "|", "head", "//", "\n"]
)


@given(st.text())
def test_random_text_is_a_query_or_a_source_error(text: str) -> None:
    _parse_or_refuse(text)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_random_words_are_a_query_or_a_source_error(text: str) -> None:
    _parse_or_refuse(text)
    _parse_or_refuse("any where " + text)


def _parse_or_refuse(text: str) -> None:
    error = _refusal(text)
    if error is not None:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert error.text == lines[error.line - 1].rstrip("\r")


def _refusal(text: str) -> SourceError | None:
    try:
        parsed(text)
    except SourceError as error:
        return error
    return None
