"""Pieces of test files of rules, read as the loader reads them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import yaml

from fluent_pipeline.config.document import compose
from fluent_pipeline.config.reader import Reader
from fluent_pipeline.rule_tests.bodies import BodyReader
from fluent_pipeline.rule_tests.loader import parse_tests
from fluent_pipeline.rule_tests.model import RuleTest

SOURCE = "x.test.yaml"


def node_of(text: str) -> yaml.Node:
    """The root node of a YAML text."""
    node = compose(dedent(text), SOURCE)
    assert node is not None
    return node


def readers() -> tuple[Reader, BodyReader]:
    """A reader that collects errors, and one of fields that gives them to it."""
    reader = Reader(source=SOURCE, folder=Path(), working=Path(), variables={})
    return reader, BodyReader(reader)


def messages(reader: Reader) -> list[str]:
    """What a reader has found wrong, with the line and the column."""
    return [f"{error.line}:{error.column}: {error.message}" for error in reader.errors]


def loaded(text: str) -> list[RuleTest]:
    """The tests of a file with this text. Raises ConfigError."""
    return parse_tests(dedent(text), source=SOURCE)
