from __future__ import annotations

import pytest

from fluent_eql.errors import (
    EqlSemanticError,
    EqlSyntaxError,
    FilterError,
    FluentEqlError,
    RuleErrors,
    RuleFileError,
    SourceError,
    TuningError,
    UnsupportedError,
)


def test_an_error_in_a_text_prints_its_place_its_line_and_a_caret() -> None:
    error = EqlSyntaxError("expected a value", source="a.toml", line=7, column=5, text="x == ")
    assert str(error) == "a.toml:7:5: expected a value\n    x == \n        ^"


def test_a_tab_before_the_place_does_not_move_the_caret() -> None:
    error = EqlSyntaxError("no", source="a.toml", line=1, column=2, text="\tx")
    assert str(error).splitlines()[1:] == ["     x", "     ^"]


def test_an_error_whose_line_is_unknown_prints_its_place() -> None:
    assert str(RuleFileError("no [rule]", source="a.toml")) == "a.toml:1:1: no [rule]"


def test_all_errors_of_a_load_are_printed_in_their_order() -> None:
    errors = [RuleFileError(text, source="a.toml") for text in ("first", "second")]
    together = RuleErrors(errors)
    assert str(together) == "a.toml:1:1: first\na.toml:1:1: second"
    assert together.errors == tuple(errors)


@pytest.mark.parametrize(
    "kind", [EqlSyntaxError, EqlSemanticError, UnsupportedError, RuleFileError, TuningError]
)
def test_what_a_user_wrote_wrong_is_a_source_error(kind: type[Exception]) -> None:
    assert issubclass(kind, SourceError)


def test_everything_is_an_error_of_this_package() -> None:
    assert all(issubclass(k, FluentEqlError) for k in (SourceError, RuleErrors, FilterError))
