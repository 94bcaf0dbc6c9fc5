from __future__ import annotations

import itertools
from typing import Any

import pytest

from fluent_eql.lang.functions import (
    BY_OPERATOR,
    FUNCTIONS,
    ValueType,
    find_function,
    similar_function,
)

NAMES = [
    *("add", "between", "cidrMatch", "concat", "divide", "endsWith", "indexOf", "length"),
    *("modulo", "multiply", "number", "startsWith", "string", "stringContains", "substring"),
    "subtract",
]
TYPES: dict[ValueType, tuple[type, ...]] = {
    ValueType.STRING: (str,),
    ValueType.NUMBER: (int, float),
    ValueType.BOOLEAN: (bool,),
}
EXAMPLES: dict[ValueType | None, Any] = {ValueType.STRING: "1", ValueType.NUMBER: 2, None: True}


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


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"cidrMatch"}))
def test_a_function_takes_any_values_and_gives_a_result_of_its_type(name: str) -> None:
    function = FUNCTIONS[name.lower()]
    examples: list[Any] = [None, "x", "12", "", 1, 0, -2.5, float("nan"), True, False]
    for count in range(function.least, (function.most or 3) + 1):
        for arguments in itertools.product(examples, repeat=count):
            for insensitive in {False, function.insensitive}:
                result = function.runner(insensitive)(*arguments)
                assert result is None or type(result) in TYPES[function.returns]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"cidrMatch", "substring"}))
def test_a_needed_argument_that_is_null_makes_null(name: str) -> None:
    function = FUNCTIONS[name.lower()]
    whole = [EXAMPLES[function.parameter(n)] for n in range(function.least)]
    assert function.run(*whole) is not None
    for index in range(function.least):
        assert function.run(*whole[:index], None, *whole[index + 1 :]) is None


def test_the_operators_of_arithmetic_are_functions() -> None:
    assert set(BY_OPERATOR.values()) == {"add", "divide", "modulo", "multiply", "subtract"}
    assert [FUNCTIONS[name].run(7, 2) for name in BY_OPERATOR.values()] == [9, 5, 14, 3, 1]


def test_a_variadic_function_has_one_type_for_its_further_arguments() -> None:
    cidr_match = FUNCTIONS["cidrmatch"]
    assert [cidr_match.parameter(n) for n in (0, 1, 9)] == [ValueType.STRING] * 3
    assert FUNCTIONS["concat"].parameter(5) is None
    assert FUNCTIONS["indexof"].parameter(2) is ValueType.NUMBER


def test_cidr_match_is_run_for_its_networks_only() -> None:
    with pytest.raises(TypeError):
        FUNCTIONS["cidrmatch"].run("::1", "::1")


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
