"""Conditions as SQL: their tests have the filter's verdicts on the text of a field's values."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import EqlSemanticError, UnsupportedError
from fluent_eql.fields import Fields
from fluent_eql.flinksql.conditions import address_column, address_fields, condition_sql
from fluent_eql.flinksql.refusals import NotExportableError
from fluent_eql.lang import Condition, EventQuery, compile_query
from support.flink_records import readable_record
from support.flink_sql import holds, is_whole, literals, text_of_values
from support.random_expressions import Conditions
from support.random_queries import random_event_query
from support.random_records import World

TRIALS = 1500
LEAST_COMPARED = 1000


def condition(text: str) -> Condition:
    query = compile_query(f"any where {text}")
    assert isinstance(query, EventQuery)
    return query.condition


def sql(text: str) -> str:
    return condition_sql(condition(text).expression)


def columns(tested: Condition, record: dict[Any, Any]) -> dict[str, str]:
    """The texts of the columns that a condition's SQL asks for."""
    fields = Fields(record)
    texts = {name: text_of_values(fields[name]) for name in tested.fields}
    for name in address_fields(tested.expression):
        texts[f"{name} as address"] = _digits(fields[name])
    return texts


def _digits(values: tuple[Any, ...]) -> str:
    [value] = values or ("",)
    try:
        address = ip_address(value.partition("%")[0] if isinstance(value, str) else "")
        mapped = f"::ffff:{address}" if isinstance(address, IPv4Address) else address
        return f"{int(IPv6Address(mapped)):032x}"
    except ValueError:
        return ""


def verdict(text: str, *values: Any) -> bool:
    tested = condition(text)
    return holds(condition_sql(tested.expression), columns(tested, {"a": list(values)}))


def test_random_conditions_have_the_filters_verdicts() -> None:
    random, compared, refused = Random(7), 0, Counter[str]()
    for _ in range(TRIALS):
        world = World.random(random)
        record = readable_record(random, world)
        text = random_event_query(random, Conditions(random, world, record)).text(random)
        try:
            query = compile_query(text)
            assert isinstance(query, EventQuery)
            test = condition_sql(query.condition.expression)
        except (EqlSemanticError, UnsupportedError, NotExportableError) as error:
            refused[type(error).__name__] += 1
            continue
        assert is_whole(test)
        for _ in range(4):
            record = readable_record(random, world)
            fields = Fields(record)
            if any(len(fields[n]) > 1 for n in address_fields(query.condition.expression)):
                continue
            expected = query.condition.matches(fields)
            assert holds(test, columns(query.condition, record)) is expected, (text, record)
            compared += 1
    assert compared > LEAST_COMPARED, refused


@pytest.mark.parametrize("test", ['a == "x"', "a > 1", 'a like "x*"', "a == null", "a == true"])
def test_no_test_is_null_and_not_is_its_complement(test: str) -> None:
    for values in ((), ("x",), (1,), (2,), (True,), ("x", 5)):
        assert verdict(test, *values) is not verdict(f"not ({test})", *values)


def test_a_field_without_a_value_passes_no_positive_test() -> None:
    for test in ('a == "x"', "a < 1", 'a in ("x", "y")', 'a like "*"', 'a regex ".*"', "a == 0"):
        assert not verdict(test)
        assert verdict(f"not {test}" if "in" in test else f"not ({test})")
    assert verdict('a != "x"')
    assert verdict("a == null")
    assert not verdict("a != null")


def test_one_of_several_values_is_enough() -> None:
    assert verdict('a == "x"', "y", "x")
    assert not verdict('a != "x"', "y", "x")
    assert verdict("a > 5", 1, 9)
    assert verdict("a < 5", 1, 9)
    assert verdict('a like~ "X*"', 5, "xy")


def test_values_of_different_types_are_not_equal() -> None:
    assert not verdict('a == "5"', 5)
    assert not verdict("a == 5", "5")
    assert not verdict("a == true", "true")
    assert not verdict('a == "true"', True)
    assert not verdict("a == 1", True)
    assert not verdict("a == true", 1)
    assert verdict("a == 5", 5.0)
    assert verdict("a == 2.5", 2.5)


def test_only_ascii_letters_have_no_case() -> None:
    assert verdict('a : "KS"', "ks")
    assert not verdict('a : "ks"', "\u212a\u017f")
    assert not verdict('a : "é"', "É")
    assert not verdict('a like "KS"', "ks")


def test_a_star_stands_for_newlines_and_a_question_mark_for_one_code_point() -> None:
    assert verdict('a like "a*b"', "a\r\n\u2028b")
    assert verdict('a like "a?b"', "a\nb")
    assert verdict('a like "a?b"', "a😀b")
    assert not verdict('a like "a?b"', "ab")
    assert not verdict('a like "a?b"', "a\r\nb")


@given(st.text('x"\\%_', max_size=4), st.text('x"\\%_', max_size=4))
def test_no_sign_within_a_text_has_a_meaning(text: str, other: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert verdict(f"a == {quoted}", other) is (text == other)
    assert verdict(f"stringContains(a, {quoted})", other) is (text in other and text != "")


def test_an_optional_field_is_as_the_plain_one() -> None:
    assert sql('?a == "x"') == sql('a == "x"')
    assert sql("?a == null") == sql("a == null")


def test_texts_are_looked_for_one_by_one_while_they_are_few() -> None:
    assert "REGEXP" not in sql('a in ("x", "y", "z")')
    assert sql('a in ("x", "y", "z", "w")').startswith("REGEXP(`a`, ")


def test_the_fields_tested_for_networks_are_found_wherever_they_stand() -> None:
    tested = condition(
        'not cidrmatch(a, "10.0.0.0/8") and (cidrmatch(b, "::1") or c == "x" or not (d == 1))'
    )
    assert address_fields(tested.expression) == {"a", "b"}
    assert address_column("a") in condition_sql(tested.expression)


def test_an_address_that_is_none_is_in_no_network() -> None:
    assert verdict('cidrmatch(a, "10.0.0.0/8")', "10.1.2.3")
    for values in ((), ("x",), (5,), ("10.0.0.1\n",)):
        assert not verdict('cidrmatch(a, "0.0.0.0/0", "::/0")', *values)


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        ('b == 1 and length(a) == "5"', None, None),
        ("b == 1 and length(a) == 5", "a test of what length gives", 22),
        ("b == 1 and c < a", "a comparison of two fields", 26),
        ('b == 1 and a >= "x"', "strings compared by >=", 24),
        ("b == 1 or a == 18446744073709551615", "past 9007199254740992", 23),
        (f"a in ({', '.join(map(str, range(501)))})", "a list of more than 500 numbers", 13),
        ('b == 1 or a regex "x&y"', "& in a regular expression", 23),
    ],
)
def test_what_is_refused_is_named_with_its_place(
    text: str, name: str | None, column: int | None
) -> None:
    if name is None:
        with pytest.raises(EqlSemanticError):
            condition(text)
        return
    with pytest.raises(NotExportableError) as caught:
        sql(text)
    assert name in caught.value.name
    assert caught.value.position is not None
    assert caught.value.position.column == column


def test_a_long_list_of_texts_is_looked_for_in_parts() -> None:
    texts = [f"a text with the number {number}" for number in range(2000)]
    test = 'a in ("' + '", "'.join(texts) + '")'
    assert sql(test).count("REGEXP(") > 2
    assert max(map(len, literals(sql(test)))) < 20_000
    assert verdict(test, texts[0])
    assert verdict(test, texts[-1])
    assert not verdict(test, "a text")
