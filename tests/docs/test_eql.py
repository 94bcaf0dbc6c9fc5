"""The queries of docs/eql.md do what the page says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fluent_eql.errors import UnsupportedError
from fluent_eql.lang import compile_query

TEXT = (Path(__file__).parent.parent.parent / "docs" / "eql.md").read_text()
REFUSED = re.findall(r"^\|.*\| `(.+)` \|$", TEXT.partition("## Refused by name")[2], re.MULTILINE)
EXAMPLES = re.findall(r"```eql\n(.*?)```", TEXT, re.DOTALL)


def test_the_page_has_examples_and_refusals() -> None:
    assert len(EXAMPLES) == 5
    assert len(REFUSED) == 4


@pytest.mark.parametrize("query", EXAMPLES)
def test_every_example_compiles(query: str) -> None:
    assert compile_query(query).conditions


@pytest.mark.parametrize("query", REFUSED)
def test_what_the_page_calls_refused_is_refused_by_name(query: str) -> None:
    with pytest.raises(UnsupportedError):
        compile_query(query)


@pytest.mark.parametrize("pipe", ["head 5", "tail 5"])
def test_pipes_are_accepted_with_a_warning(pipe: str) -> None:
    assert compile_query(f"process where true | {pipe}").warnings
