from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import EqlSyntaxError, SourceError
from fluent_eql.lang.source import Origin, Source
from fluent_eql.lang.tokens import KEYWORDS, Kind, tokenize


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.text) for token in tokenize(Source(text, "q", Origin()))[:-1]]


def value(text: str) -> object:
    token, end = tokenize(Source(text, "q", Origin()))
    assert end.kind is Kind.END
    return token.value


def failure(text: str) -> SourceError:
    with pytest.raises(EqlSyntaxError) as caught:
        tokenize(Source(text, "q", Origin()))
    return caught.value


def test_a_query_is_split_into_tokens_that_keep_what_was_written() -> None:
    assert kinds('process where pid>=1.5 and not `a-b` in~ ("x",2)') == [
        (Kind.NAME, "process"),
        (Kind.KEYWORD, "where"),
        (Kind.NAME, "pid"),
        (Kind.SYMBOL, ">="),
        (Kind.DECIMAL, "1.5"),
        (Kind.KEYWORD, "and"),
        (Kind.KEYWORD, "not"),
        (Kind.QUOTED_NAME, "`a-b`"),
        (Kind.KEYWORD, "in~"),
        (Kind.SYMBOL, "("),
        (Kind.STRING, '"x"'),
        (Kind.SYMBOL, ","),
        (Kind.INTEGER, "2"),
        (Kind.SYMBOL, ")"),
    ]


@pytest.mark.parametrize("keyword", sorted(KEYWORDS))
def test_keywords_are_keywords_in_lower_case_only(keyword: str) -> None:
    assert kinds(keyword) == [(Kind.KEYWORD, keyword)]
    assert kinds(keyword.upper()) == [(Kind.NAME, keyword.upper())]


@pytest.mark.parametrize("name", ["_a", "@timestamp", "a1", "startsWith~", "head", "runs"])
def test_names_are_ascii_words(name: str) -> None:
    assert kinds(name) == [(Kind.NAME, name)]


@pytest.mark.parametrize(
    "symbol",
    ["![", "==", "!=", "<=", ">=", "=", "<", ">", ":", "?", "(", ")", "[", "]", ",", ".", "|"]
    + ["+", "-", "*", "/", "%"],
)
def test_symbols_are_taken_as_long_as_they_can_be(symbol: str) -> None:
    assert kinds(symbol) == [(Kind.SYMBOL, symbol)]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('""', ""),
        ('"a b"', "a b"),
        (r'"\b\t\n\f\r\"\'\\"', "\b\t\n\f\r\"'\\"),
        (r'"\u{41}\u{00e9}\u{1F600}\u{0001F600}"', "Aé😀😀"),
        (r'"C:\\Windows\\*"', r"C:\Windows\*"),
        (r'"\u{d7ff}\u{e000}\u{10ffff}"', "\ud7ff\ue000\U0010ffff"),
        ('"// not a comment"', "// not a comment"),
        ('"é"', "é"),
        ('""""""', ""),
        (r'"""C:\n\*"""', r"C:\n\*"),
        ('"""a "b" c"""', 'a "b" c'),
        ('"""a""""', 'a"'),
        ('"""a"""""', 'a""'),
        ("`a-b`", "a-b"),
        ("`a``b`", "a`b"),
        ("0", 0),
        ("007", 7),
        ("18446744073709551615", 2**64 - 1),
        ("9007199254740993", 2**53 + 1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("2e+2", 200.0),
    ],
)
def test_literals_mean_what_elasticsearch_reads(text: str, meaning: object) -> None:
    assert value(text) == meaning
    assert type(value(text)) is type(meaning)


@pytest.mark.parametrize(
    "text",
    ["a//b == 1", "a /* b */", "a /* b\n * c */ // d", "a /* b /* c */ d */", "a//b\n//c", "a/**/"],
)
def test_comments_are_skipped_and_bracketed_ones_nest(text: str) -> None:
    assert kinds(text) == [(Kind.NAME, "a")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_comment_ends_with_its_line(end: str) -> None:
    assert kinds(f"a // b{end}c") == [(Kind.NAME, "a"), (Kind.NAME, "c")]


def test_every_token_knows_its_offset_line_and_column() -> None:
    tokens = tokenize(Source('a ==\n  "b"', "q", Origin(10, 5)))
    places = [
        (token.position.offset, token.position.line, token.position.column) for token in tokens
    ]
    assert places == [(0, 10, 5), (2, 10, 7), (7, 11, 3), (10, 11, 6)]


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("a == 'b'", "a string is written in double quotes", 6),
        ('a == "b', "not closed on its line", 6),
        ('a == "b\nc"', "not closed on its line", 6),
        ('a == "b\\"', "not closed on its line", 6),
        ('"""a\nb"""', "not closed on its line", 1),
        (r'"a\d"', r"\d is no escape; known are", 3),
        (r'"\\\*"', r"\* is no escape", 4),
        (r'"\u{1}"', r"\u is no escape", 2),
        (r'"\u{123456789}"', r"\u is no escape", 2),
        (r'"\u0041"', r"\u is no escape", 2),
        (r'"a\u{110000}"', r"\u{110000} is no Unicode character", 3),
        (r'"\u{d800}"', r"\u{d800} is no Unicode character", 2),
        (r'"\u{dfff}"', r"\u{dfff} is no Unicode character", 2),
        ('?"raw"', 'a raw string is written """…"""', 1),
        ("?'raw'", 'a raw string is written """…"""', 1),
        ("a /* b", "this comment is not closed", 3),
        ("a /* b /* c */", "this comment is not closed", 3),
        ("`a", "this name is not closed with `", 1),
        ("``", "this name is not closed with `, or is empty", 1),
        ("18446744073709551616", "an integer has at most 64 bits", 1),
        ("9" * 5000, "an integer has at most 64 bits", 1),
        ("a > 1e999", "too large for a 64-bit float", 5),
        ("a & b", "expected a part of a query, found '&'", 3),
        ("a ! b", "expected a part of a query, found '!'", 3),
        ("é", "expected a part of a query, found 'é'", 1),
        ("\x00", "expected a part of a query, found '\\x00'", 1),
    ],
)
def test_what_is_no_token_is_an_error_where_it_stands(text: str, message: str, column: int) -> None:
    error = failure(text)
    assert message in error.message
    assert (error.line, error.column) == (1, column)


@given(st.text(st.characters(exclude_characters='"\\\r\n', exclude_categories=["Cs"])))
def test_a_plain_string_means_its_own_characters(text: str) -> None:
    assert value(f'"{text}"') == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_written_with_code_point_escapes(text: str) -> None:
    escaped = "".join(f"\\u{{{ord(char):04x}}}" for char in text)
    assert value(f'"{escaped}"') == text


@given(st.text("ab`\"'\\/*?!=<>~.5e \n#{}"))
def test_tokens_stand_in_order_and_are_written_where_they_say(text: str) -> None:
    source = Source(text, "q", Origin())
    try:
        tokens = tokenize(source)
    except SourceError:
        return
    end = 0
    for token in tokens:
        assert token.position.offset >= end
        end = token.position.offset + len(token.text)
        assert text[token.position.offset : end] == token.text
    assert end == len(text)
