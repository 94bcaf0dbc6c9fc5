from __future__ import annotations

import pytest

from fluent_eql.lang.functions import FUNCTIONS, find_function, similar_function

NAMES = [
    *("add", "between", "cidrMatch", "concat", "divide", "endsWith", "indexOf", "length"),
    *("modulo", "multiply", "number", "startsWith", "string", "stringContains", "substring"),
    "subtract",
]


def test_the_functions_of_the_language_are_known() -> None:
    assert sorted(function.name for function in FUNCTIONS.values()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_found_in_any_case_under_its_proper_name(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        function = find_function(written)
        assert function is not None
        assert function.name == name


def test_an_unknown_function_is_not_found() -> None:
    assert find_function("wildcard") is None
    assert find_function("cidrMatch~") is None


def test_only_cidr_match_is_built() -> None:
    built = [function.name for function in FUNCTIONS.values() if function.built]
    assert built == ["cidrMatch"]


def test_five_functions_have_a_case_insensitive_form() -> None:
    insensitive = {function.name for function in FUNCTIONS.values() if function.insensitive}
    assert insensitive == {"between", "endsWith", "indexOf", "startsWith", "stringContains"}


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("add", 2, 2),
        ("between", 3, 4),
        ("cidrMatch", 2, None),
        ("concat", 1, None),
        ("divide", 2, 2),
        ("endsWith", 2, 2),
        ("indexOf", 2, 3),
        ("length", 1, 1),
        ("modulo", 2, 2),
        ("multiply", 2, 2),
        ("number", 1, 2),
        ("startsWith", 2, 2),
        ("string", 1, 1),
        ("stringContains", 2, 2),
        ("substring", 2, 3),
        ("subtract", 2, 2),
    ],
)
def test_a_function_takes_so_many_arguments(name: str, least: int, most: int | None) -> None:
    function = find_function(name)
    assert function is not None
    assert (function.least, function.most) == (least, most)


@pytest.mark.parametrize(
    ("name", "arity"),
    [
        ("length", "1 argument"),
        ("endsWith", "2 arguments"),
        ("between", "3 to 4 arguments"),
        ("substring", "2 to 3 arguments"),
        ("cidrMatch", "at least 2 arguments"),
        ("concat", "at least 1 argument"),
    ],
)
def test_the_number_of_arguments_is_told_in_words(name: str, arity: str) -> None:
    function = find_function(name)
    assert function is not None
    assert function.arity == arity


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cidrmach", "cidrMatch"),
        ("STARTWITH", "startsWith"),
        ("lenght", "length"),
        ("contains", "stringContains"),
        ("xyz", None),
    ],
)
def test_a_similar_name_is_offered_where_there_is_one(written: str, meant: str | None) -> None:
    assert similar_function(written) == meant
