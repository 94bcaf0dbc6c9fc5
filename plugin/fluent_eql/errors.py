"""Every exception that the filter package raises.

FluentEqlError
├── SourceError          something in a text is wrong; prints file, line, column and a caret
│   ├── EqlSyntaxError   the query is not EQL
│   ├── EqlSemanticError the query is EQL but cannot mean anything
│   ├── UnsupportedError the query is EQL that this version refuses, by name
│   ├── RuleFileError    the rule file around the query is wrong
│   └── TuningError      the configuration tunes what the rules do not have
├── RuleErrors           several SourceErrors of one load, all of them printed
└── FilterError          a filter does not honour the contract; names the culprit
"""

from __future__ import annotations

from collections.abc import Sequence


class FluentEqlError(Exception):
    """The root of all errors of this package."""


class SourceError(FluentEqlError):
    """A text that a user wrote is wrong at a known place.

    ``message`` says what is wrong and what was expected, ``source`` is the file's name,
    ``line`` and ``column`` count from 1, ``text`` is the line itself (empty if unknown).
    """

    def __init__(
        self, message: str, *, source: str, line: int = 1, column: int = 1, text: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.line = line
        self.column = column
        self.text = text

    def __str__(self) -> str:
        head = f"{self.source}:{self.line}:{self.column}: {self.message}"
        if not self.text:
            return head
        shown = self.text.replace("\t", " ")
        return f"{head}\n    {shown}\n    {' ' * (self.column - 1)}^"


class EqlSyntaxError(SourceError):
    """The query is not EQL."""


class EqlSemanticError(SourceError):
    """The query is EQL, but no event could give it a meaning."""


class UnsupportedError(SourceError):
    """The query uses a part of EQL that is refused; the message names it."""


class RuleFileError(SourceError):
    """The rule file is not TOML, or lacks or misuses a key."""


class TuningError(SourceError):
    """The configuration tunes a rule or a stage that there is not, or leaves no rule to run."""


class RuleErrors(FluentEqlError):
    """All the errors of one load of rules, in the order of the files."""

    def __init__(self, errors: Sequence[SourceError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class FilterError(FluentEqlError):
    """A filter broke the contract of :mod:`fluent_eql.api`; the message names the filter."""
