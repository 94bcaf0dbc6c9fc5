"""Where the shipped rules are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluent_eql import shipped
from fluent_eql.errors import FluentEqlError, RuleErrors
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import load_rules
from fluent_eql.settings import EqlOptions
from support.rules import SHIPPED_SLUG


@pytest.fixture
def lonely(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package that lies in no checkout, in an environment without the wheel's data."""
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "lib" / "fluent_eql" / "shipped.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr("sysconfig.get_path", lambda _, scheme="of the system": tmp_path / scheme)
    monkeypatch.setattr("sysconfig.get_preferred_scheme", lambda key: f"of the {key}")
    return tmp_path


def test_the_rules_of_the_checkout_are_found_and_load() -> None:
    rules = load_rules([shipped.shipped_rules()]).rules
    assert SHIPPED_SLUG in [rule.slug for rule in rules]


@pytest.mark.parametrize("place", ["prefix", "of the system", "of the user"])
def test_without_a_checkout_the_installed_rules_are_found(lonely: Path, place: str) -> None:
    installed = lonely / place / "share" / "fluent-eql" / "conf" / "rules"
    installed.mkdir(parents=True)
    assert shipped.shipped_rules() == installed


def test_rules_in_none_of_the_places_are_an_error_that_names_them(lonely: Path) -> None:
    with pytest.raises(RuleErrors) as raised:
        shipped.shipped_rules()
    assert str(lonely / "conf" / "rules") in str(raised.value)
    assert str(lonely / "prefix" / "share" / "fluent-eql" / "conf" / "rules") in str(raised.value)


def test_a_filter_without_rules_of_its_own_runs_the_shipped_ones() -> None:
    assert [rule.slug for rule in EqlFilter.create(EqlOptions()).rules] == [SHIPPED_SLUG]


@pytest.mark.usefixtures("lonely")
def test_a_filter_that_finds_no_shipped_rules_says_so() -> None:
    with pytest.raises(FluentEqlError, match="shipped rules"):
        EqlFilter.create(EqlOptions())
