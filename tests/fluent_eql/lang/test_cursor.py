from __future__ import annotations

import pytest

from fluent_eql.errors import EqlSyntaxError
from fluent_eql.lang.cursor import MOST_NESTING, Cursor, is_one_of
from fluent_eql.lang.source import Origin, Source
from fluent_eql.lang.tokens import Kind


def cursor_on(text: str) -> Cursor:
    return Cursor(Source(text, "q", Origin()))


def test_a_cursor_takes_tokens_one_after_another() -> None:
    cursor = cursor_on("a where b")
    assert str(cursor.token) == "a"
    assert str(cursor.following) == "where"
    assert [str(cursor.take()) for _ in range(3)] == ["a", "where", "b"]
    assert cursor.token.kind is Kind.END


def test_the_end_follows_the_last_token_and_itself() -> None:
    assert cursor_on("a").following.kind is Kind.END
    cursor = cursor_on("")
    assert cursor.following is cursor.token
    assert str(cursor.token) == "the end of the query"


def test_accept_takes_only_the_keywords_and_symbols_asked_for() -> None:
    cursor = cursor_on('where "where" (')
    assert cursor.accept("(", "[") is None
    assert str(cursor.accept("any", "where")) == "where"
    assert cursor.accept('"where"', "where") is None
    cursor.take()
    assert str(cursor.accept("(")) == "("


def test_a_quoted_word_is_never_a_keyword() -> None:
    assert not is_one_of(cursor_on("`by`").token, ("by", "`by`"))
    assert is_one_of(cursor_on("by").token, ("by",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 1", "expected where, found =; equality is written =="),
        ("WHERE", "expected where, found WHERE; keywords are in lower case: where"),
        ("by", "expected where, found by; a field of that name is written `by`"),
        ("b", "expected where, found b"),
        (")", "expected where, found )"),
        ("", "expected where, found the end of the query"),
    ],
)
def test_what_is_not_expected_is_named_with_a_hint(text: str, message: str) -> None:
    with pytest.raises(EqlSyntaxError) as caught:
        cursor_on(text).expect("where")
    assert caught.value.message == message


def test_expect_kind_says_what_is_wanted() -> None:
    assert cursor_on("a").expect_kind(Kind.NAME, "a name").text == "a"
    with pytest.raises(EqlSyntaxError, match="expected a name, found 5"):
        cursor_on("5").expect_kind(Kind.NAME, "a name")


def test_expect_integer_wants_one_above_zero() -> None:
    assert cursor_on("5").expect_integer("a count") == 5
    with pytest.raises(EqlSyntaxError, match="expected a count above 0"):
        cursor_on("0").expect_integer("a count")
    with pytest.raises(EqlSyntaxError, match=r"expected a count, found 5\.5"):
        cursor_on("5.5").expect_integer("a count")


def test_nesting_ends_at_the_limit_and_counts_only_what_is_open() -> None:
    cursor = cursor_on("a")

    def descend(levels: int) -> None:
        with cursor.nested():
            if levels > 1:
                descend(levels - 1)

    descend(MOST_NESTING)
    descend(MOST_NESTING)
    with pytest.raises(EqlSyntaxError, match=f"at most {MOST_NESTING} levels of nesting"):
        descend(MOST_NESTING + 1)
