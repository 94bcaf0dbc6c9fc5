from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.lang.texts import (
    between,
    concat,
    contains,
    ends_with,
    index_of,
    length,
    starts_with,
    substring,
    to_string,
)

WELCOME = "welcome to the planet"
NO_TEXTS = (None, 1, 1.5, True)
TEXTS = st.text("aAbBÄä", max_size=8)
INDEXES = st.none() | st.integers(-12, 12)


@pytest.mark.parametrize(
    ("text", "part", "starts", "ends", "holds"),
    [
        ("FooBarBaz", "Foo", True, False, True),
        ("FooBarBaz", "Baz", False, True, True),
        ("FooBarBaz", "Bar", False, False, True),
        ("FooBarBaz", "FooBarBaz", True, True, True),
        ("FooBarBaz", "foo", False, False, False),
        ("FooBarBaz", "", True, True, False),
        ("", "", True, True, False),
        ("", "x", False, False, False),
        ("x*y", "*", False, False, True),
        ("xy", "x*", False, False, False),
    ],
)
def test_the_tests_of_a_part(text: str, part: str, starts: bool, ends: bool, holds: bool) -> None:
    assert starts_with(text, part) is starts
    assert ends_with(text, part) is ends
    assert contains(text, part) is holds


@given(TEXTS, TEXTS)
def test_without_case_they_say_what_they_say_of_lower_case(text: str, part: str) -> None:
    for test in (starts_with, ends_with, contains, index_of):
        low = [word.replace("A", "a").replace("B", "b") for word in (text, part)]
        assert test(text, part, insensitive=True) == test(*low)


@pytest.mark.parametrize("test", [starts_with, ends_with, contains, index_of])
@pytest.mark.parametrize("value", NO_TEXTS)
def test_what_is_no_text_has_no_parts_and_is_none(test: Any, value: Any) -> None:
    for insensitive in (False, True):
        assert test(value, "x", insensitive=insensitive) is None
        assert test("x", value, insensitive=insensitive) is None


@pytest.mark.parametrize(
    ("text", "part", "start", "expected"),
    [
        ("foobarbaz", "o", None, 1),
        ("foobarbaz", "o", 0, 1),
        ("foobarbaz", "o", 1, 1),
        ("foobarbaz", "o", 2, 2),
        ("foobarbaz", "o", 3, None),
        ("foobarbaz", "r", 2, 5),
        ("foobarbaz", "R", None, None),
        ("foobarbaz", "o", -5, 1),
        ("foobarbaz", "o", 1.9, 1),
        ("foobarbaz", "o", 100, None),
        ("foo", "", None, 0),
        ("foo", "", 2, 2),
        ("foo", "", 9, 3),
        ("foo", "o", "1", None),
        ("foo", "o", float("nan"), None),
        ("foo", "o", True, None),
    ],
)
def test_the_index_of_a_part(text: str, part: str, start: Any, expected: int | None) -> None:
    assert index_of(text, part, start) == expected


@pytest.mark.parametrize(
    ("left", "right", "greedy", "expected"),
    [
        ("welcome", "planet", False, " to the "),
        ("welcome", "e", False, " to th"),
        ("welcome", "e", True, " to the plan"),
        ("welcome", "village", False, ""),
        ("goodbye", "planet", False, ""),
        ("planet", "welcome", True, ""),
        ("welcome ", " ", False, "to"),
        ("t", "t", False, "o "),
        ("", "planet", False, WELCOME),
        ("welcome", "", True, WELCOME),
        ("WELCOME", "planet", False, ""),
    ],
)
def test_what_stands_between(left: str, right: str, greedy: bool, expected: str) -> None:
    assert between(WELCOME, left, right, greedy) == expected


def test_what_stands_between_without_case_keeps_its_own() -> None:
    assert between("System Idle Process", "S", "E", True, insensitive=True) == "ystem Idle Proc"
    assert between("aXbYc", "x", "y", insensitive=True) == "b"


@given(TEXTS, TEXTS, TEXTS)
def test_the_greedy_text_between_is_the_longest(text: str, left: str, right: str) -> None:
    short, long = between(text, left, right), between(text, left, right, True)
    assert short is not None
    assert long is not None
    if left and right:
        ends = [n for n in range(len(text)) if text.startswith(right, n)]
        start = text.find(left) + len(left)
        found = [text[start:end] for end in ends if end >= start] if left in text else []
        assert (short, long) == ((found[0], found[-1]) if found else ("", ""))


@pytest.mark.parametrize(
    "arguments",
    [*((value, "x", "y") for value in NO_TEXTS), *(("x", value, "y") for value in NO_TEXTS)]
    + [*(("x", "y", value) for value in NO_TEXTS), ("x", "y", "z", 1), ("x", "y", "z", None)],
)
def test_between_other_values_stands_nothing(arguments: tuple[Any, ...]) -> None:
    assert between(*arguments) is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, "hello world"),
        (6, None, "world"),
        (None, 5, "hello"),
        (0, 5, "hello"),
        (0, 500, "hello world"),
        (5, -1, " worl"),
        (3, 9, "lo wor"),
        (-5, 100, "world"),
        (-60, 5, "hello"),
        (-5, -1, "worl"),
        (5, 2, ""),
        (500, None, ""),
        (0, 2.9, "he"),
        ("0", 2, None),
        (0, "2", None),
        (True, 2, None),
        (float("inf"), None, None),
    ],
)
def test_a_substring(start: Any, end: Any, expected: str | None) -> None:
    assert substring("hello world", start, end) == expected


@given(TEXTS, INDEXES, INDEXES)
def test_a_substring_is_a_slice(text: str, start: int | None, end: int | None) -> None:
    assert substring(text, start, end) == text[start:end]


def test_the_length_counts_code_points() -> None:
    assert [length(text) for text in ("", "foo", "é", "😀")] == [0, 3, 1, 1]
    assert [length(value) for value in NO_TEXTS] == [None] * 4
    assert substring(1, 0) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (1, "1"), (1.0, "1.0"), (True, "true"), (False, "false"), (None, None)],
)
def test_a_value_as_text(value: Any, text: str | None) -> None:
    assert to_string(value) == text
    assert concat(value) == text


def test_texts_are_put_one_after_another_unless_one_is_null() -> None:
    assert concat("a", "||", 1, "||", True, "||", 2.5) == "a||1||true||2.5"
    assert concat("a", None, "b") is None
    assert concat(None, None) is None
    assert concat("", "") == ""


@pytest.mark.parametrize(
    ("text", "part"),
    [("a" * 2**20, "a" * 2**19 + "b"), ("a" * 2**20, "b" + "a" * 2**19), ("ab" * 2**19, "b" * 9)],
)
def test_searching_takes_time_in_proportion(text: str, part: str) -> None:
    start = process_time()
    for insensitive in (False, True):
        contains(text, part, insensitive=insensitive)
        index_of(text, part, insensitive=insensitive)
        between(text, "a", part, insensitive=insensitive)
        between(text, "a", part, True, insensitive=insensitive)
    assert process_time() - start < 2
