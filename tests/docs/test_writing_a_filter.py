from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fluent_eql import registry
from fluent_eql.api import Filter
from fluent_eql.options import options_of
from fluent_eql.registry import FILTER_METHODS, RESERVED_KEYS, FilterRegistry
from fluent_eql.shim import PythonFilter, PythonOptions
from fluent_eql.testing import FilterDriver, Result
from fluent_pipeline.config import Config, parse_config

PAGE = Path(__file__).parents[2] / "docs/writing-a-filter.md"
TEXT = PAGE.read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(TEXT) if found == language]


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, Any]]:
    """What the page's Python blocks define, one after another, and the registry they use."""
    module = ModuleType("fluent_sample")
    own = FilterRegistry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        patch.setattr(registry, "installed", lambda: own)
        for number, block in enumerate(blocks("python")):
            exec(compile(block, f"{PAGE.name}, Python block {number}", "exec"), vars(module))
        yield {**vars(module), "registry": own}


def loaded(block: str, **plugins: Any) -> Config:
    known = FilterRegistry()
    known.register("python", PythonFilter)
    for name, plugin in plugins.items():
        known.register(name, plugin)
    return parse_config(block, environ={}, registry=known)


def test_every_block_is_of_a_language_that_is_run_here() -> None:
    assert [language for language, _ in BLOCK.findall(TEXT)] == [
        "yaml",
        "python",
        "python",
        "toml",
        "yaml",
        "python",
    ]


def test_the_python_blocks_run(names: dict[str, Any]) -> None:
    assert isinstance(names["driver"], FilterDriver)
    assert isinstance(names["driver"].filter, Filter)


def test_the_last_block_registers_the_filter(names: dict[str, Any]) -> None:
    found: object = names["registry"].get("sample")
    assert found is names["Sample"]


def test_the_function_of_the_page_does_what_it_says() -> None:
    (item,) = loaded(blocks("yaml")[0]).filters
    result = FilterDriver(item.make()).send(
        [{"level": "trace"}, {"message": "short"}, {"message": "x" * 2000}, {"level": "info"}]
    )
    assert result.problems == []
    assert result.dropped == [{"level": "trace"}]
    assert result.kept == [{"message": "short"}, {"level": "info"}]
    assert result.out[1] == {"message": "x" * 1000}
    assert item.match.accepts("app.web")
    assert not item.match.accepts("db")


def test_the_configuration_names_the_filter_of_the_page(names: dict[str, Any]) -> None:
    (item,) = loaded(blocks("yaml")[1], sample=names["Sample"]).filters
    assert item.options == names["SampleOptions"](rate=10)


def test_the_options_of_the_page_are_those_of_the_python_filter() -> None:
    table = TEXT.split("| key | meaning | default |\n|---|---|---|\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    documented = {key.strip("`"): default.strip("`") for key, _, default in rows}
    specs = options_of(PythonOptions)
    assert set(documented) == set(specs)
    assert [key for key, default in documented.items() if default == "must be given"] == [
        key for key, (_, spec) in specs.items() if spec.required
    ]
    defaults = PythonOptions(call="f")
    for key, default in documented.items():
        name, spec = specs[key]
        if default and not spec.required:
            assert spec.parse(default) == getattr(defaults, name)


def test_the_entry_point_of_the_page_is_in_the_group_that_is_read(names: dict[str, Any]) -> None:
    project = tomllib.loads(blocks("toml")[0])["project"]
    assert project["entry-points"] == {"fluent_eql.filters": {"sample": "fluent_sample:Sample"}}
    assert "fluent-eql" in project["dependencies"]


def test_the_page_names_every_reserved_key_and_method_and_part_of_a_result() -> None:
    for name in [*RESERVED_KEYS, *FILTER_METHODS]:
        assert f"`{name}" in TEXT, name
    for name in Result.__dataclass_fields__:
        assert f"`{name}`" in TEXT, name


def test_the_page_points_at_what_is_there() -> None:
    links = LINK.findall(TEXT)
    assert links
    for link in links:
        assert (PAGE.parent / link).exists(), link
    names = re.findall(r"`(fluent_eql\.\w+)(?:\.(\w+))?`", TEXT)
    assert ("fluent_eql.event", "encode_value") in names
    for module, attribute in names:
        assert hasattr(importlib.import_module(module), attribute or "__doc__")
