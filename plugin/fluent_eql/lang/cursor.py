"""Reading tokens one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fluent_eql.errors import EqlSyntaxError, SourceError
from fluent_eql.lang.nodes import Position
from fluent_eql.lang.source import Source
from fluent_eql.lang.tokens import KEYWORDS, Kind, Token, tokenize

MOST_NESTING = 100


class Cursor:
    """A place among the tokens of a query.

    Every method that expects something raises EqlSyntaxError saying what, and what it found.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._index = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._index]

    @property
    def following(self) -> Token:
        """The token after the next one; the end comes again and again."""
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next token, whatever it is; never call it at the end."""
        token = self.token
        self._index += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these keywords or symbols."""
        return is_one_of(self.token, texts)

    def accept(self, *texts: str) -> Token | None:
        """The next token if it is one of these keywords or symbols."""
        return self.take() if self.at(*texts) else None

    def expect(self, text: str) -> Token:
        """The next token, which must be this keyword or symbol."""
        if not self.at(text):
            raise self.unexpected(f"expected {text}")
        return self.take()

    def expect_kind(self, kind: Kind, description: str) -> Token:
        """The next token, which must be of this kind."""
        if self.token.kind is not kind:
            raise self.unexpected(f"expected {description}")
        return self.take()

    def expect_integer(self, description: str) -> int:
        """The value of the next token, which must be an integer above 0."""
        token = self.expect_kind(Kind.INTEGER, description)
        if not isinstance(token.value, int) or token.value < 1:
            raise self.error(f"expected {description} above 0", token.position)
        return token.value

    def unexpected(self, expected: str) -> SourceError:
        """The error that the next token is not what was expected."""
        return self.error(f"{expected}, found {self.token}{_hint(self.token)}", self.token.position)

    def error(self, message: str, position: Position) -> SourceError:
        """A syntax error at ``position``."""
        return self._source.error(EqlSyntaxError, message, position)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper; a query has at most MOST_NESTING levels."""
        if self._depth == MOST_NESTING:
            message = f"expected at most {MOST_NESTING} levels of nesting"
            raise self.error(message, self.token.position)
        self._depth += 1
        yield
        self._depth -= 1


def is_one_of(token: Token, texts: tuple[str, ...]) -> bool:
    """Whether a token is one of these keywords or symbols."""
    return token.kind in (Kind.KEYWORD, Kind.SYMBOL) and token.text in texts


def _hint(token: Token) -> str:
    if token.kind is Kind.SYMBOL and token.text == "=":
        return "; equality is written =="
    if token.kind is Kind.NAME and token.text.lower() in KEYWORDS:
        return f"; keywords are in lower case: {token.text.lower()}"
    if token.kind is Kind.KEYWORD:
        return f"; a field of that name is written `{token.text}`"
    return ""
