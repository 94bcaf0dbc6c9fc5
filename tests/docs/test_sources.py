"""docs/sources.md says what the mappings are, and its samples are records that they read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fluent_eql.sources import SOURCES
from fluent_eql.sources.mapping import Fixed, Joined, Place, Resolved
from fluent_eql.sources.transforms import TRANSFORMS
from fluent_pipeline.config import parse_config
from support.sources import MAKERS, alerts_of, connects, creates

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "sources.md").read_text()
PIECES = re.split(r"^## (.+)\n", TEXT, flags=re.MULTILINE)
PARTS = dict(zip(PIECES[1::2], PIECES[2::2], strict=True))
HEAD = "| ECS field | in the record |\n|---|---|\n"
OF_FLUENT_BIT = "record_modifier"

ALL = pytest.mark.parametrize("source", SOURCES)


def rows(source: str) -> dict[str, str]:
    table = PARTS[source].partition(HEAD)[2].partition("\n\n")[0].strip()
    cells = [row.strip("| ").split(" | ", 1) for row in table.splitlines()]
    return {name.strip("`"): where for name, where in cells}


def names_in(alternative: Place | Joined | Resolved | Fixed) -> list[str]:
    """What the table has to name for a place."""
    match alternative:
        case Place(path) | Resolved(path):
            return [path.selection.rest if path.selection else path.name]
        case Joined(paths):
            return [path.name for path in paths]
        case Fixed(value):
            return [str(value)]


@ALL
def test_the_table_of_a_source_has_its_fields(source: str) -> None:
    assert list(rows(source)) == list(SOURCES[source].fields)


@ALL
def test_each_row_names_the_places_of_its_field(source: str) -> None:
    for name, where in rows(source).items():
        told = re.findall(r"`([^`]+)`", where)
        shown = [text.partition("].")[2] or text for text in told]
        for alternative in SOURCES[source].fields[name]:
            for wanted in names_in(alternative):
                assert any(wanted == text or wanted.endswith(f".{text}") for text in shown), wanted
            if isinstance(alternative, Place | Resolved) and alternative.transform:
                assert f"({alternative.transform.name})" in where


@ALL
def test_the_samples_of_a_source_are_an_alert(source: str) -> None:
    samples = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PARTS[source], re.S)]
    assert samples == [MAKERS[source](connects()), MAKERS[source](creates())]
    assert len(alerts_of(source, samples)) == 1


def test_every_source_has_a_row_and_a_part() -> None:
    table = re.findall(r"^\| `(\w+)` \|.* \|$", PIECES[0], re.MULTILINE)
    assert table == ["source", "ecs", *SOURCES]
    assert set(SOURCES) < set(PARTS)


def test_every_conversion_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", PARTS["A mapping of your own"], re.MULTILINE)
    assert explained == ["as", *TRANSFORMS]


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S))
def test_every_configuration_of_the_page_loads(block: str) -> None:
    if OF_FLUENT_BIT not in block:
        assert parse_config(block, environ={}, working=ROOT).filters
