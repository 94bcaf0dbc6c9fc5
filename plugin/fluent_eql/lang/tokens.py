"""The words of a query.

The lexical rules are Elasticsearch's (``EqlBase.g4`` and "EQL syntax reference"): lower-case
keywords, ASCII names, strings of one line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from fluent_eql.errors import EqlSyntaxError, SourceError
from fluent_eql.lang.nodes import Position
from fluent_eql.lang.source import Source

KEYWORDS = frozenset(
    (
        *("and", "any", "by", "false", "in", "in~", "join", "like", "like~", "maxspan", "not"),
        *("null", "of", "or", "regex", "regex~", "sample", "sequence", "true", "until", "where"),
        "with",
    )
)
ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    '"': '"',
    "'": "'",
    "\\": "\\",
}
LARGEST_INTEGER = 2**64 - 1


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    QUOTED_NAME = auto()
    KEYWORD = auto()
    STRING = auto()
    INTEGER = auto()
    DECIMAL = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` is the token as written, ``value`` what a string, number or quoted name means."""

    kind: Kind
    text: str
    value: str | int | float | None
    position: Position

    def __str__(self) -> str:
        return "the end of the query" if self.kind is Kind.END else self.text


TOKEN = re.compile(
    r"""
      (?P<blank>   [ \t\r\n]+ | //[^\r\n]* )
    | (?P<comment> /\* )
    | (?P<raw>     \"{3}[^\r\n]*?\"{3,5} )
    | (?P<string>  "(?!"")(?:[^"\\\r\n]|\\[^\r\n])*" )
    | (?P<decimal> (?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ )
    | (?P<integer> [0-9]+ )
    | (?P<name>    [A-Za-z_@][A-Za-z0-9_@]*~? )
    | (?P<quoted>  `(?:[^`]|``)+` )
    | (?P<wrong>   \?["'] | ["'`] )
    | (?P<symbol>  !\[ | [=!<>]= | [=<>:?()\[\],.|+\-*/%] )
    """,
    re.VERBOSE,
)
ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{2,8})\}|(.))")
COMMENT_MARK = re.compile(r"/\*|\*/")
WRONG = {
    '"': 'this string is not closed on its line with "',
    "`": "this name is not closed with `, or is empty",
    "'": 'a string is written in double quotes, "…", not in single ones',
    '?"': 'a raw string is written """…""", not ?"…"',
    "?'": """a raw string is written \"""…\""", not ?'…'""",
}


def tokenize(source: Source) -> list[Token]:
    """The tokens of a query, the last of kind END. Raises EqlSyntaxError."""
    return _Lexer(source).run()


class _Lexer:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens: list[Token] = []

    def run(self) -> list[Token]:
        offset = 0
        while offset < len(self._source.text):
            found = TOKEN.match(self._source.text, offset)
            if found is None:
                char = self._source.text[offset]
                raise self._error(f"expected a part of a query, found {char!r}", offset)
            end = self._take(found)
            offset = found.end() if end is None else end
        self._add(Kind.END, "", None, offset)
        return self._tokens

    def _take(self, found: re.Match[str]) -> int | None:
        """Add the token found, if it is one; where to go on unless it is the match's end."""
        text, start = found[0], found.start()
        match found.lastgroup:
            case "comment":
                return self._comment_end(start)
            case "raw":
                self._add(Kind.STRING, text, text[3:-3], start)
            case "string":
                self._add(Kind.STRING, text, self._unescaped(text[1:-1], start + 1), start)
            case "integer":
                self._add(Kind.INTEGER, text, self._integer(text, start), start)
            case "decimal":
                self._add(Kind.DECIMAL, text, self._decimal(text, start), start)
            case "name":
                self._add(Kind.KEYWORD if text in KEYWORDS else Kind.NAME, text, text, start)
            case "quoted":
                self._add(Kind.QUOTED_NAME, text, text[1:-1].replace("``", "`"), start)
            case "symbol":
                self._add(Kind.SYMBOL, text, None, start)
            case "wrong":
                raise self._error(WRONG[text], start)
        return None

    def _add(self, kind: Kind, text: str, value: str | int | float | None, offset: int) -> None:
        self._tokens.append(Token(kind, text, value, self._source.position(offset)))

    def _comment_end(self, start: int) -> int:
        depth = 0
        for mark in COMMENT_MARK.finditer(self._source.text, start):
            depth += 1 if mark[0] == "/*" else -1
            if not depth:
                return mark.end()
        raise self._error("this comment is not closed with */ (a /* in a comment nests)", start)

    def _unescaped(self, text: str, start: int) -> str:
        return ESCAPE.sub(lambda found: self._escape(found, start), text)

    def _escape(self, found: re.Match[str], start: int) -> str:
        digits, char = found.groups()
        if digits is None:
            if char not in ESCAPES:
                raise self._error(
                    f"{found[0]} is no escape; known are \\b \\t \\n \\f \\r \\\" \\' \\\\ and"
                    ' \\u{…} with 2 to 8 hex digits; """…""" is a string without escapes',
                    start + found.start(),
                )
            return ESCAPES[char]
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self._error(f"{found[0]} is no Unicode character", start + found.start())
        return chr(code)

    def _integer(self, text: str, start: int) -> int:
        digits = text.lstrip("0") or "0"
        if len(digits) > 20 or int(digits) > LARGEST_INTEGER:
            raise self._error("an integer has at most 64 bits", start)
        return int(digits)

    def _decimal(self, text: str, start: int) -> float:
        value = float(text)
        if value == float("inf"):
            raise self._error("this number is too large for a 64-bit float", start)
        return value

    def _error(self, message: str, offset: int) -> SourceError:
        return self._source.error(EqlSyntaxError, message, self._source.position(offset))
