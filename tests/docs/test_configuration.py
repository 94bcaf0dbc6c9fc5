from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.options import Option, options_of
from fluent_eql.registry import installed
from fluent_eql.settings import EqlOptions
from fluent_eql.shim import PythonOptions
from fluent_eql.sources import FieldMapping
from fluent_eql.tuning import RuleException, RuleTuning
from fluent_pipeline.config import ServiceConfig, parse_config
from fluent_pipeline.config.loader import SECTIONS, STAGES
from fluent_pipeline.config.schema import INPUTS, OUTPUTS, FilterKeys, InputKeys, OutputKeys
from fluent_pipeline.config.tags import EVERY_TAG

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/configuration.md"
TEXT = PAGE.read_text("utf-8")
HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"

SCHEMAS: dict[str, type[Any]] = {
    "service": ServiceConfig,
    "pipeline.inputs": InputKeys,
    "pipeline.filters": FilterKeys,
    "pipeline.outputs": OutputKeys,
    "Filter eql": EqlOptions,
    "Mapping of a field": FieldMapping,
    "Tuning of a rule": RuleTuning,
    "Exceptions of a rule": RuleException,
    "Filter python": PythonOptions,
    **{f"Input {name}": schema for name, schema in INPUTS.items()},
    **{f"Output {name}": schema for name, schema in OUTPUTS.items()},
}
TYPES = {
    "choice": "one of",
    "condition": "condition",
    "constant": "constant",
    "duration": "duration",
    "exception": "exception",
    "glob": "pattern",
    "header": "header",
    "integer": "whole number",
    "map_of_fields": "map",
    "network": "network",
    "new_path": "new path",
    "path": "path",
    "permissions": "octal",
    "regex": "regular expression",
    "rule_tuning": "map",
    "size": "size",
    "source_field": "field",
    "switch": "switch",
    "tag_template": "text",
    "text": "text",
    "user": "user",
    "value_map": "map",
    "web_address": "URL",
}


def parts() -> dict[str, str]:
    """The page's text by the heading that it stands under."""
    pieces = re.split(r"^##+ (.+)\n", TEXT, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def table(heading: str) -> dict[str, list[str]]:
    """The table under a heading: key → type, default, meaning."""
    body = parts()[heading].split(HEAD)[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in body.splitlines()]
    assert all(len(row) == 4 for row in rows)
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0].strip("`"): row[1:] for row in rows}


KEYS = [(heading, key) for heading, schema in SCHEMAS.items() for key in options_of(schema)]


def described(heading: str, key: str) -> tuple[Option, Any, list[str]]:
    """A key's option, its default in the dataclass, and its row of the page."""
    name, spec = options_of(SCHEMAS[heading])[key]
    (default,) = [field.default for field in fields(SCHEMAS[heading]) if field.name == name]
    return spec, default, table(heading)[key]


def kind(spec: Option) -> str:
    written = TYPES[spec.parse.__qualname__.split(".")[0]]
    return f"list of {written}" if spec.many and written != "map" else written


@pytest.mark.parametrize("heading", SCHEMAS)
def test_exactly_the_keys_of_the_schema_are_documented(heading: str) -> None:
    assert list(table(heading)) == list(options_of(SCHEMAS[heading]))


def test_every_table_of_keys_is_checked_here() -> None:
    assert {heading for heading, body in parts().items() if HEAD in body} == set(SCHEMAS)
    assert all(body.count(HEAD) <= 1 for body in parts().values())


def test_every_section_and_kind_has_a_heading() -> None:
    headings = set(parts())
    assert {*SECTIONS, *(f"pipeline.{stage}" for stage in STAGES)} - headings == {"pipeline"}
    assert installed().get("eql").Options is EqlOptions
    assert installed().get("python").Options is PythonOptions


@pytest.mark.parametrize(("heading", "key"), KEYS)
def test_the_documented_type_is_the_parsers(heading: str, key: str) -> None:
    spec, _, (written, _, _) = described(heading, key)
    assert written == kind(spec)


@pytest.mark.parametrize(("heading", "key"), KEYS)
def test_the_documented_default_is_the_schemas(heading: str, key: str) -> None:
    spec, default, (_, written, _) = described(heading, key)
    literal = re.fullmatch(r"`(.+)`", written)
    if spec.required:
        assert written == "required"
    elif literal is None:
        assert default in (None, (), ""), f"{default} is documented as {written}"
    elif key == "match":
        assert (default, spec.parse(literal[1])) == (None, EVERY_TAG.glob)
    else:
        value = spec.parse(literal[1])
        assert default == ((value,) if spec.many else value)


@pytest.mark.parametrize(("heading", "key"), KEYS)
def test_the_words_of_a_choice_are_documented(heading: str, key: str) -> None:
    spec, _, (written, _, meaning) = described(heading, key)
    if written == "one of":
        with pytest.raises(ValueError, match="expected one of") as caught:
            spec.parse("no such word")
        words = str(caught.value).removeprefix("expected one of ").split(", found")[0].split(", ")
        assert [f"`{word}`" in meaning for word in words] == [True] * len(words)


def test_the_types_of_the_tables_are_explained() -> None:
    explained = re.findall(r"^\| ([^|]+) \|", parts()["How the file is read"], re.MULTILINE)
    words = {word for cell in explained for word in cell.split(", ")}
    assert {*TYPES.values(), "list of …"} == words - {"type"}


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S))
def test_every_example_loads(block: str) -> None:
    config = parse_config(block, environ={"SHARED_KEY": "k"}, working=ROOT)
    assert config.inputs or config.filters or config.outputs


def test_the_page_points_at_what_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PAGE.parent / link).exists(), link
