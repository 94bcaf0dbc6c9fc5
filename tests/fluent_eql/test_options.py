from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.options import (
    Option,
    choice,
    duration,
    integer,
    new_path,
    option,
    options_of,
    path,
    positive,
    size,
    switch,
    text,
)


@dataclass(frozen=True, slots=True)
class Sample:
    count: int = option("count", integer(1), "how many")
    ttl: int = option("state.ttl", duration, "how long", default=5)
    names: tuple[str, ...] = option("names", text, "which", default=(), many=True)
    key: str = option("key", text, "a secret", default="s3cret", secret=True)


def test_a_field_is_described_under_its_key() -> None:
    specs = options_of(Sample)
    assert list(specs) == ["count", "state.ttl", "names", "key"]
    name, spec = specs["state.ttl"]
    assert name == "ttl"
    assert spec == Option("state.ttl", duration, "how long", many=False, required=False)


def test_a_field_without_a_default_is_required() -> None:
    assert [key for key, (_, spec) in options_of(Sample).items() if spec.required] == ["count"]
    with pytest.raises(TypeError, match="count"):
        Sample()


def test_a_default_is_the_value_itself_not_a_text() -> None:
    assert Sample(count=1).ttl == 5


def test_fields_are_set_by_keyword_only() -> None:
    assert all(field.kw_only for field in dataclasses.fields(Sample))


def test_a_secret_is_left_out_of_the_repr() -> None:
    assert repr(Sample(count=1)) == "Sample(count=1, ttl=5, names=())"


def test_a_map_of_free_names_is_for_many_values_only() -> None:
    with pytest.raises(ValueError, match="for an option with many values"):
        option("k", text, "help", named=lambda found: found)


def test_a_text_is_taken_as_it_is_unless_it_is_empty() -> None:
    assert text(" a b ") == " a b "
    with pytest.raises(ValueError, match="expected a text, found nothing"):
        text("")


@pytest.mark.parametrize(
    ("value", "on"),
    [("on", True), ("True", True), ("YES", True), ("off", False), ("false", False), ("No", False)],
)
def test_a_switch_is_on_or_off_in_any_case(value: str, on: bool) -> None:
    assert switch(value) is on


@pytest.mark.parametrize("value", ["", "1", "0", "enabled", "on "])
def test_another_switch_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=f"expected on or off, found '{value}'"):
        switch(value)


@given(st.integers(-50, 50))
def test_a_whole_number_is_taken_within_its_bounds_only(value: int) -> None:
    parse = integer(-10, 10)
    if -10 <= value <= 10:
        assert parse(str(value)) == value
    else:
        with pytest.raises(ValueError, match=f"from -10 to 10, found '{value}'"):
            parse(str(value))


@pytest.mark.parametrize("value", ["", "1.0", "1e3", "0x10", "1_000", "one", " 1", "٣"])
def test_what_is_no_whole_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number of at least 0, found"):
        integer(0)(value)


def test_a_choice_is_one_of_its_names_in_any_case() -> None:
    parse = choice("error", "info")
    assert parse("INFO") == "info"
    with pytest.raises(ValueError, match="expected one of error, info, found 'warn'"):
        parse("warn")


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        ("0", 0),
        ("2", 2 * 10**9),
        ("2s", 2 * 10**9),
        ("1.5s", 1_500_000_000),
        ("0.1 ms", 100_000),
        ("500ms", 500_000_000),
        ("7us", 7_000),
        ("7ns", 7),
        ("10M", 600 * 10**9),
        ("1h", 3_600 * 10**9),
        ("1d", 86_400 * 10**9),
        (" 3s ", 3 * 10**9),
    ],
)
def test_a_duration_is_read_exactly_in_nanoseconds(value: str, nanoseconds: int) -> None:
    assert duration(value) == nanoseconds


@pytest.mark.parametrize("value", ["", "s", "-1s", "1w", "1 s 2", "2s500ms", ".5s", "inf", "1e3"])
def test_another_duration_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 2s, 500ms or 10m, found"):
        duration(value)


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        ("0", 0),
        ("32000", 32_000),
        ("10b", 10),
        ("32k", 32_000),
        ("32KB", 32_000),
        ("64M", 64_000_000),
        ("1.5M", 1_500_000),
        ("1 gb", 10**9),
        ("1G", 10**9),
        ("1KiB", 1024),
        ("4MiB", 4 * 2**20),
        ("2gib", 2 * 2**30),
    ],
)
def test_a_size_is_read_in_powers_of_ten_unless_it_says_otherwise(value: str, bytes_: int) -> None:
    assert size(value) == bytes_


@pytest.mark.parametrize("value", ["", "M", "-1", "1T", "1ki", "1Mi", "1e3", "1 2"])
def test_another_size_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 64M, 512k or 4MiB, found"):
        size(value)


@given(st.integers(0, 10**15), st.sampled_from(["", "k", "M", "G", "KiB", "MiB"]))
def test_sizes_of_one_unit_keep_their_order(amount: int, unit: str) -> None:
    assert size(f"{amount}{unit}") < size(f"{amount + 1}{unit}")


def test_a_positive_amount_is_read_by_its_own_parser() -> None:
    assert positive(size)("4k") == 4_000
    with pytest.raises(ValueError, match="expected a size such as"):
        positive(size)("some")


@pytest.mark.parametrize("value", ["0", "0s", "0.0000000001ns"])
def test_a_positive_amount_is_more_than_nothing(value: str) -> None:
    with pytest.raises(ValueError, match=f"expected more than 0, found '{value}'"):
        positive(duration)(value)


def test_paths_are_told_apart_by_their_parser_and_not_empty() -> None:
    assert path("a/b") == new_path("a/b") == Path("a/b")
    assert path is not new_path
    for parse in (path, new_path):
        with pytest.raises(ValueError, match="expected a text, found nothing"):
            parse("")
