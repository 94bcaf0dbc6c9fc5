"""The needles of a condition: what a matching record must contain."""

from __future__ import annotations

import pytest

from fluent_eql.lang import Condition
from fluent_eql.needles import Needle, groups_of, needles_of
from support.rules import rule


def condition(text: str) -> Condition:
    [found] = rule(f"any where {text}").query.conditions
    return found


def needles(text: str) -> set[tuple[str | None, str, bool]] | None:
    found = needles_of(condition(text).expression)
    if found is None:
        return None
    return {(needle.field, needle.text, needle.caseless) for needle in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('process.name == "sh"', {("name", "sh", False)}),
        ('"sh" == process.name', {("name", "sh", False)}),
        ('a.b in ("x", "y")', {("b", "x", False), ("b", "y", False)}),
        ('a.b in~ ("x", "y")', {("b", "x", True), ("b", "y", True)}),
        ('p like "/tmp/*"', {("p", "/tmp/", False)}),
        ('p like~ "/tmp/?*x"', {("p", "/tmp/", True)}),
        ('p : "exact"', {("p", "exact", True)}),
        ('p like ("*.sh", "?.bash*")', {(None, ".sh", False), (None, ".bash", False)}),
        ('p : "*ab*longest*c"', {(None, "longest", True)}),
        ('a == "x" or b == "y"', {("a", "x", False), ("b", "y", False)}),
        ('a == "short" and b == "much longer"', {("b", "much longer", False)}),
        ('a == "x" and not b == "y"', {("a", "x", False)}),
        ('a == "x" and c > 5', {("a", "x", False)}),
        ('event.type == "start" and a == "x"', {("a", "x", False)}),
        ('(a == "xyz" or c > 5) and b == "y"', {("b", "y", False)}),
        ('a == ""', {("a", "", False)}),
        ('startsWith(a.b, "x")', {("b", "x", False)}),
        ('startsWith~(a.b, "x")', {("b", "x", True)}),
        ('endsWith(a.b, "x")', {(None, "x", False)}),
        ('stringContains~(a.b, "x")', {(None, "x", True)}),
        ('stringContains(a.b, "x") == true', {(None, "x", False)}),
        ("startsWith(a.b, c.d)", {("b", "", False)}),
        ("startsWith(string(a.b), c.d)", {("d", "", False)}),
        ("length(a.b) > 5", {("b", "", False)}),
        ("length(a.b) != 5", {("b", "", False)}),
        ("length(concat(a, between(b, c, d))) > 5", {("b", "", False)}),
        ("length(a) + 1 > 5", {("a", "", False)}),
        ("1 + number(a) == b", {("a", "", False)}),
        ("5 < -indexOf(a, string(b))", {("a", "", False)}),
        ('length(a) > 5 and b == "x"', {("b", "x", False)}),
        ('substring(a, 0, 3) == "x"', {(None, "x", False)}),
        ('substring(a, 0, 3) == ""', {("a", "", False)}),
        (
            'substring(between(a, "x", "y"), 0) in ("p", "q")',
            {(None, "p", False), (None, "q", False)},
        ),
        ('substring(a, 0, 3) in~ ("x")', {(None, "x", True)}),
        ('substring(a, 0, 3) != "x"', {("a", "", False)}),
        ('between(a, "(", ")") like ("x*yy", "z")', {(None, "yy", False), (None, "z", False)}),
        ('between(a, "(", ")") : "*"', {("a", "", False)}),
        ('substring(a, 0, 3) regex~ "xy.*"', {(None, "xy", True)}),
        ('a regex "xy.*"', {("a", "xy", False)}),
        ('a.b regex~ ("xy.*", ".*zz.*")', {("b", "xy", True), (None, "zz", True)}),
        ('a regex "(x|y)z"', {("a", "x", False), ("a", "y", False)}),
        ('a regex ".*ab[0-9]+cde"', {(None, "cde", False)}),
        ('a regex "#"', set()),
    ],
)
def test_the_needles_of_a_condition(text: str, expected: set[tuple[str | None, str, bool]]) -> None:
    assert needles(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'a != "x"',
        "a == null",
        "a != null",
        "a == true",
        "a == 5.5",
        "a == 9007199254740993",
        "a in (1, 2.5)",
        "a != 5",
        "not a == 5",
        'a == "x" or b == 5.5',
        "a",
        "a > 5",
        'a > "x"',
        'not a == "x"',
        'a not in ("x")',
        'a == "x" or not b == "y"',
        'p like "*"',
        'p like "??"',
        'p like ""',
        'p like ("/tmp/*", "*")',
        'cidrmatch(a, "10.0.0.0/8")',
        "true",
        'startsWith(a, "")',
        'endsWith(a, "")',
        "a == b",
        "a + 1 == 2",
        'string(a) == "x"',
        'concat(a, b) == "xy"',
        'string(a) : "x*"',
        'cidrMatch(string(a), "10.0.0.0/8")',
        "length(a) == null",
        "length(a) != null",
        'not startsWith(a, "x")',
        'startsWith(a, "x") == false',
        'a regex ".*"',
        'a regex "[ab]c|d*"',
        'a regex "\ufffd"',
        "(length(a) > 5) == (length(b) > 5)",
    ],
)
def test_a_condition_of_which_no_bytes_are_certain_has_no_needles(text: str) -> None:
    assert needles(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b == 5", {("b", 5)}),
        ("5 == a.b", {("b", 5)}),
        ("a == -5", {("a", -5)}),
        ("a == 0", {("a", 0)}),
        ("a in (1, 2)", {("a", 1), ("a", 2)}),
        ('a == "x" or b == 5', {("a", None), ("b", 5)}),
        ("process.args == 5", {("args", 5)}),
        ("a == 9007199254740992", {("a", 2**53)}),
        ("a == -9007199254740992", {("a", -(2**53))}),
    ],
)
def test_a_whole_number_is_a_needle(text: str, expected: set[tuple[str, int | None]]) -> None:
    found = needles_of(condition(text).expression)
    assert found is not None
    assert {(needle.field, needle.number) for needle in found} == expected
    assert all(needle.is_whole for needle in found)


def test_a_number_is_as_rare_as_a_text_of_four_and_no_rarer_in_a_common_field() -> None:
    assert needles('a == 5 and b == "wxyz"') == {("b", "wxyz", False)}
    assert needles('a == 5 and b == "xy"') == {("a", "", False)}
    assert needles('event.outcome == 5 and b == "xy"') == {("b", "xy", False)}


def test_addresses_are_no_needles_for_they_are_written_in_many_ways() -> None:
    assert needles('cidrmatch(destination.ip, "::1") and a == "x"') == {("a", "x", False)}


def told(needle: Needle) -> tuple[str | None, str, bool]:
    return needle.field, needle.text, needle.is_whole


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        ('a == "x"', True),
        ('a == ""', False),
        ('a in ("x", "y")', True),
        ('a in~ ("x", "y")', True),
        ('a : "x"', True),
        ('a like "x*"', False),
        ('a like "x?"', False),
        ('startsWith(a, "x")', False),
        ('a regex "x"', False),
        ('stringContains(a, "x")', False),
        ('substring(a, 0, 3) == "x"', False),
    ],
)
def test_a_needle_tells_whether_it_is_a_whole_value(text: str, is_whole: bool) -> None:
    found = needles_of(condition(text).expression)
    assert found
    assert {needle.is_whole for needle in found} == {is_whole}


def test_no_field_stands_before_a_value_in_a_list() -> None:
    needles = needles_of(condition('process.args in ("-x", "-y")').expression)
    assert needles is not None
    assert set(map(told, needles)) == {(None, "-x", True), (None, "-y", True)}
    (needle,) = needles_of(condition('host.os.type == "linux"').expression) or ()
    assert told(needle) == ("type", "linux", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a == "xy"', [{("a", "xy", True)}]),
        ('a == "xy" and b == "z"', [{("a", "xy", True)}, {("b", "z", True)}]),
        ('a == "xy" and a == "xy"', [{("a", "xy", True)}]),
        ('a == "xy" and not b == "z"', [{("a", "xy", True)}]),
        ('a == "xy" or b == "z"', [{("a", "xy", True), ("b", "z", True)}]),
        ('a == "xy" and (b == "z" or c > 1)', [{("a", "xy", True)}]),
        (
            'a == "xy" and (b == "z" or c == 1)',
            [{("a", "xy", True)}, {("b", "z", True), ("c", "", True)}],
        ),
        ('a like "/*" and a like "*.*"', []),
        ("process.label.name != null", [{(None, "label", False)}]),
        ("label != null or a == 1", []),
        ("label == null or label != 1", []),
        ("label != 1", []),
        ("not label == 1", []),
        ("label == 1", [{("label", "", True)}, {(None, "label", False)}]),
        ("label in (1, 2)", [{("label", "", True)}, {(None, "label", False)}]),
        ("label > 1", [{(None, "label", False)}]),
        ("label", [{(None, "label", False)}]),
        ('cidrMatch(label.ip, "10.0.0.0/8")', [{(None, "label", False)}]),
        ('label like "*"', [{(None, "label", False)}]),
        ('label == "xy"', [{("label", "xy", True)}, {(None, "label", False)}]),
        ("process.pid > 5", []),
    ],
)
def test_the_groups_of_a_condition(
    text: str, expected: list[set[tuple[str | None, str, bool]]]
) -> None:
    found = groups_of(condition(text).expression)
    assert [set(map(told, group)) for group in found] == expected


def test_a_condition_that_is_never_true_has_a_group_without_needles() -> None:
    assert groups_of(condition("false").expression) == [frozenset()]
