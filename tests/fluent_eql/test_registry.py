from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from fluent_eql import registry as module
from fluent_eql.api import Outcome
from fluent_eql.errors import FilterError, RuleErrors, SourceError
from fluent_eql.filter import EqlFilter
from fluent_eql.options import option, text
from fluent_eql.registry import FILTER_METHODS, FilterRegistry, check_plugin, installed, make_filter
from fluent_eql.shim import PythonFilter, PythonOptions


@dataclass(frozen=True, slots=True)
class SampleOptions:
    word: str = option("word", text, "a word", default="none")


class Sample:
    Options = SampleOptions

    def __init__(self, options: SampleOptions) -> None:
        self.options = options

    @classmethod
    def create(cls, options: SampleOptions) -> Any:
        return cls(options)

    def screen(self, body: Any) -> None: ...
    def process(self, events: Any, now: int) -> Outcome:
        return Outcome()

    def advance(self, now: int) -> Outcome:
        return Outcome()

    def next_deadline(self) -> None: ...
    def flush(self, now: int) -> Outcome:
        return Outcome()

    def metrics(self) -> tuple[()]:
        return ()


def plugin(**changes: Any) -> Any:
    """Sample with other attributes."""
    return type("Changed", (Sample,), changes)


def options(*fields: tuple[str, Any], frozen: bool = True) -> type[Any]:
    return dataclasses.make_dataclass(
        "Changed", [(name, str, field) for name, field in fields], frozen=frozen
    )


def key(name: str) -> Any:
    return option(name, text, "help", default="")


def refusal(changed: object) -> str:
    registry = FilterRegistry()
    with pytest.raises(FilterError) as caught:
        registry.register("Changed", changed, origin="changed-package 2.0")
    assert registry.names() == []
    return str(caught.value)


class Distribution:
    """What an entry point says of the package it came from."""

    def __init__(self, name: str, version: str = "1.0") -> None:
        self.name = name
        self.version = version


def announced(name: str, value: str, package: str = "sample-package") -> EntryPoint:
    point = EntryPoint(name, value, module.GROUP)
    vars(point)["dist"] = Distribution(package)
    return point


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be imported, as sample_<something>."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_registered_filter_is_found_in_any_case() -> None:
    registry = FilterRegistry()
    registry.register("Sample", Sample)
    found: object = registry.get("SAMPLE")
    assert found is Sample
    assert registry.names() == ["sample"]


def test_a_later_registration_takes_the_place_of_an_earlier_one() -> None:
    registry = FilterRegistry()
    other = plugin()
    registry.register("sample", Sample)
    registry.register("sample", other)
    found: object = registry.get("sample")
    assert found is other


def test_the_filters_of_this_package_are_installed() -> None:
    assert {"eql", "python"} <= set(installed().names())
    eql, python = installed().get("eql"), installed().get("python")
    assert eql.Options is EqlFilter.Options
    assert python.Options is PythonFilter.Options


def test_the_installed_filters_are_looked_up_once() -> None:
    assert installed() is installed()


def test_an_unknown_name_is_an_error_with_the_nearest_known_one() -> None:
    registry = FilterRegistry([announced("grep", "x:y")])
    registry.register("sample", Sample)
    with pytest.raises(FilterError, match=r"^no filter is named 'sampel'; did you mean sample\?$"):
        registry.get("sampel")
    with pytest.raises(FilterError, match=r"^no filter is named 'zzz'; there are grep, sample$"):
        registry.get("zzz")
    with pytest.raises(FilterError, match=r"^no filter is named 'zzz'$"):
        FilterRegistry().get("zzz")


def test_an_entry_point_is_imported_when_it_is_first_asked_for(package: Path) -> None:
    (package / "sample_lazy.py").write_text("from fluent_eql.shim import PythonFilter as Lazy\n")
    registry = FilterRegistry([announced("Lazy", "sample_lazy:Lazy")])
    assert registry.names() == ["lazy"]
    assert "sample_lazy" not in sys.modules
    assert registry.get("lazy").Options is PythonOptions
    assert registry.culprit("lazy") == "filter lazy (sample-package 1.0)"
    made = registry.make("LAZY", PythonOptions(call="f", code="def f(t, s, r): return 0, 0, 0"))
    assert isinstance(made, PythonFilter)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sample_missing_module", "ModuleNotFoundError: No module named 'sample_missing"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("Other = 1", "AttributeError: module 'sample_broken' has no attribute 'Sample'"),
        ("(", "SyntaxError: '\\(' was never closed"),
    ],
)
def test_an_entry_point_that_cannot_be_imported_is_an_error_that_names_its_package(
    package: Path, source: str, reason: str
) -> None:
    sys.modules.pop("sample_broken", None)
    (package / "sample_broken.py").write_text(source)
    registry = FilterRegistry([announced("broken", "sample_broken:Sample", "broken-package")])
    expected = r"^filter broken \(broken-package 1\.0\): sample_broken:Sample cannot be imported: "
    with pytest.raises(FilterError, match=expected + reason):
        registry.get("broken")


def test_an_entry_point_that_breaks_the_contract_names_its_package(package: Path) -> None:
    (package / "sample_empty.py").write_text("class Sample: pass\n")
    registry = FilterRegistry([announced("empty", "sample_empty:Sample")])
    with pytest.raises(
        FilterError, match=r"^filter empty \(sample-package 1\.0\): expected a data"
    ):
        registry.get("empty")


def test_a_name_that_two_packages_claim_is_an_error_that_names_both() -> None:
    points = [announced("same", "a:A", "one"), announced("same", "b:B", "two")]
    with pytest.raises(FilterError, match=r"'same' is claimed by one 1\.0 and two 1\.0"):
        FilterRegistry(points).get("same")


def test_a_package_that_is_found_twice_does_not_compete_with_itself(package: Path) -> None:
    points = [announced("eql", "fluent_eql.filter:EqlFilter") for _ in range(2)]
    assert FilterRegistry(points).get("eql").Options is EqlFilter.Options


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (object(), "expected a dataclass under the name Options"),
        (plugin(Options=dict), "expected a dataclass under the name Options"),
        (plugin(Options=SampleOptions()), "expected a dataclass under the name Options"),
        (plugin(Options=options(frozen=False)), "its Options dataclass is not frozen"),
        (plugin(Options=options(("x", ""))), "Options.x is not made with option()"),
        (plugin(Options=options(("x", key("X")))), "the option key 'X' is not in lower case"),
        (plugin(Options=options(("x", key("match")))), "the option key 'match' belongs to the"),
        (
            plugin(Options=options(("x", key("k")), ("y", key("k")))),
            "the option key 'k' is used twice",
        ),
        (plugin(create=None), "expected a class method create(options)"),
        (plugin(create=lambda self, options: None), "create must take the options alone"),
        (plugin(create=staticmethod(lambda: None)), "create must take the options alone"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_refused_at_registration(
    changed: object, reason: str
) -> None:
    assert refusal(changed).startswith(f"filter changed (changed-package 2.0): {reason}")


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (dict, "expected a dataclass under the name schema"),
        (options(frozen=False), "its schema dataclass is not frozen"),
        (options(("x", "")), "schema.x is not made with option()"),
        (options(("x", key("X"))), "the option key 'X' is not in lower case"),
        (options(("x", key("k")), ("y", key("k"))), "the option key 'k' is used twice"),
    ],
)
def test_the_keys_of_an_options_maps_are_checked_too(schema: Any, reason: str) -> None:
    inner = option("inner", text, "help", default=None, schema=schema)
    outer = option("outer", text, "help", default=None, schema=options(("x", inner)))
    for field, where in ((inner, "inner"), (outer, "outer, option inner")):
        changed = plugin(Options=options(("x", field)))
        expected = f"filter changed (changed-package 2.0), option {where}: {reason}"
        assert refusal(changed).startswith(expected)


def test_the_keys_of_an_options_maps_may_be_those_that_sections_have() -> None:
    maps = option("maps", text, "help", default=None, schema=options(("x", key("match"))))
    check_plugin(plugin(Options=options(("x", maps))), culprit="filter x")


@pytest.mark.parametrize(
    "create",
    [
        staticmethod(lambda options: None),
        classmethod(lambda cls, options, more=None: None),
        staticmethod(dict),
    ],
)
def test_whatever_takes_the_options_alone_will_do_as_create(create: Any) -> None:
    check_plugin(plugin(create=create), culprit="filter x")


def test_a_filter_is_made_of_its_options() -> None:
    registry = FilterRegistry()
    registry.register("sample", Sample)
    made = registry.make("sample", SampleOptions(word="w"))
    assert isinstance(made, Sample)
    assert made.options.word == "w"


@pytest.mark.parametrize("method", FILTER_METHODS)
def test_what_create_made_must_have_every_method(method: str) -> None:
    registry = FilterRegistry()
    registry.register("sample", plugin(**{method: None}), origin="sample-package 1.0")
    expected = rf"^filter sample \(sample-package 1\.0\): create made a Changed without {method}$"
    with pytest.raises(FilterError, match=expected):
        registry.make("sample", SampleOptions())


def test_a_plugin_that_fails_in_create_is_named() -> None:
    def create(options: object) -> None:
        raise RuntimeError("no luck")

    broken = plugin(create=staticmethod(create))
    with pytest.raises(FilterError, match="^filter x: create failed: RuntimeError: no luck$"):
        make_filter(broken, SampleOptions(), culprit="filter x")


def test_an_error_of_the_plugins_own_passes_as_it_is() -> None:
    error = RuleErrors([SourceError("wrong", source="r.toml")])

    def create(options: object) -> None:
        raise error

    with pytest.raises(RuleErrors) as caught:
        make_filter(plugin(create=staticmethod(create)), SampleOptions(), culprit="filter x")
    assert caught.value is error
