"""The statements of EQL's semantics, one row each: a condition, a record and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.fields import Fields
from fluent_eql.lang.cursor import Cursor
from fluent_eql.lang.expressions import parse_expression
from fluent_eql.lang.nodes import (
    And,
    Arithmetic,
    Expression,
    Field,
    FunctionCall,
    Literal,
    Membership,
    Negative,
    Not,
    Position,
    field_names,
)
from fluent_eql.lang.predicates import Predicate, cost, predicate
from fluent_eql.lang.resolve import resolve
from fluent_eql.lang.source import Origin, Source
from fluent_eql.lang.values import values_of

HERE = Position(0, 1, 1)
A, ONE = Field("a", False, HERE), Literal(1, HERE)
NOTHING: tuple[dict[str, Any], ...] = ({}, {"a": None}, {"a": []}, {"a": [None]}, {"a": {}})
DIRECTORIES = '("/boot/*", "/dev/shm/*", "/tmp/*", "/var/run/user/*")'
EXCLUDED = """file.path like ("/loki/wal/*", "/run/systemd/journal/streams/.*") or
    process.executable : ("/tmp/token_handler", "/tmp/.sentry-cli*.exe")"""


def compiled(text: str) -> Predicate:
    source = Source(text, "q", Origin())
    return predicate(resolve(parse_expression(Cursor(source)), source))


def holds(text: str, record: dict[str, Any]) -> bool:
    return compiled(text)(Fields(record))


@pytest.mark.parametrize("record", NOTHING)
@pytest.mark.parametrize(
    "test",
    ['a == "x"', "a == 1", "a == true", "a", 'a in ("x")', "a in (1)", 'a in~ ("x")', 'a like "*"']
    + ['a like~ "*"', 'a : "*"', 'a : ("x", "*")', 'a < "x"', "a <= 1", "a > 1", "a >= 1"]
    + ["a != null", 'cidrMatch(a, "0.0.0.0/0", "::/0")'],
)
def test_a_positive_test_is_false_and_its_complement_true_without_a_value(
    test: str, record: dict[str, Any]
) -> None:
    assert not holds(test, record)
    assert holds(f"not ({test})", record)


@pytest.mark.parametrize("record", NOTHING)
@pytest.mark.parametrize(
    "test",
    ['a != "x"', "a != 1", "a != true", 'a not in ("x")', 'a not in~ ("x")', "a == null", "not a"]
    + ["null == a", '"x" != a'],
)
def test_a_negative_test_is_true_without_a_value(test: str, record: dict[str, Any]) -> None:
    assert holds(test, record)
    assert not holds(f"not ({test})", record)


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        # any value of an array passes a positive test; a negative one is its complement
        ('a == "x"', ["x"], True),
        ('a == "x"', ["y", "x"], True),
        ('a == "x"', ["y", None], False),
        ('a != "x"', ["y", "x"], False),
        ('a != "x"', ["y", "z"], True),
        ('a in ("x", "y")', ["z", "y"], True),
        ('a not in ("x", "y")', ["z", "y"], False),
        ('a not in ("x", "y")', ["z"], True),
        ("a > 5", [1, 9], True),
        ("a > 5 and a < 3", [1, 9], True),
        ('a like "x*"', ["y", "xy"], True),
        ('cidrMatch(a, "10.0.0.0/8")', ["1.1.1.1", "10.0.0.1"], True),
        ("a != null", [None, "x"], True),
        ("a == null", [None, "x"], False),
        # == != in and like keep to the case, : like~ in~ do not
        ('a == "x"', "X", False),
        ('a == "x*"', "xy", False),
        ('a == "x*"', "x*", True),
        ('a != "x"', "X", True),
        ('a in ("x")', "X", False),
        ('a in ("x*")', "xy", False),
        ('a in~ ("xY")', "Xy", True),
        ('a in~ ("x*")', "xy", False),
        ('a in~ ("Ä")', "ä", False),
        ('a in~ ("Ä")', "Ä", True),
        ('a not in~ ("x")', "X", False),
        ('a like "x*"', "XY", False),
        ('a like "x*"', "xy", True),
        ('a like~ "x*"', "XY", True),
        ('a : "x*"', "XY", True),
        ('a : "x"', "X", True),
        ('a : "x"', "xy", False),
        ('a : ("q", "x*")', "XY", True),
        ('a : "ä"', "Ä", False),
        # wildcards
        ('a like "*"', "", True),
        ('a like "x*z"', "x/\n/z", True),
        ('a like "x?z"', "x\nz", True),
        ('a like "x?z"', "xz", False),
        ('a like "x"', "xx", False),
        ('a like "a.b"', "axb", False),
        (r'a like "\\*"', r"\x", True),
        (r'a like "\\*"', "*", False),
        # orders
        ('a < "b"', "a", True),
        ('a < "b"', "b", False),
        ('a <= "b"', "b", True),
        ('a > "Z"', "a", True),
        ('a >= "\\u{1F600}"', "\uffff", False),
        ('"b" > a', "a", True),
        ("5 < a", 6, True),
        ("5 < a", 5, False),
        ("5 <= a", 5, True),
        ("5 > a", 5, False),
        ("5 >= a", 5, True),
        ("a < 5", 4.9, True),
        ("a < 5.5", 5, True),
        ("a >= -1", -1, True),
        # numbers are exact, and types do not mix
        ("a == 1", 1.0, True),
        ("a == 1.0", 1, True),
        ("a in (1, 2.5)", 2.5, True),
        ("a in (1, 2.5)", 1.0, True),
        ("a == 9007199254740993", 9007199254740993, True),
        ("a == 9007199254740993", 9007199254740992, False),
        ("a == 9007199254740993", 9007199254740992.0, False),
        ("a > 9007199254740992.0", 9007199254740993, True),
        ("a == 18446744073709551615", 2**64 - 1, True),
        ("a < 18446744073709551615", 2**64 - 2, True),
        ("a == 1", float("nan"), False),
        ("a < 1", float("nan"), False),
        ("a == 1", "1", False),
        ("a != 1", "1", True),
        ('a == "1"', 1, False),
        ("a in (1)", "1", False),
        ('a in ("1")', 1, False),
        ("a > 0", "1", False),
        ('a > "0"', 1, False),
        ('a like "*"', 1, False),
        ('a : "1"', 1, False),
        ('a : "true"', True, False),
        ('cidrMatch(a, "0.0.0.0/0")', 167772161, False),
        # a boolean is no number
        ("a == true", True, True),
        ("a == true", False, False),
        ("a == true", 1, False),
        ("a == true", "true", False),
        ("a == false", False, True),
        ("a == false", 0, False),
        ("a == 1", True, False),
        ("a == 0", False, False),
        ("a != 1", True, True),
        ("a in (0, 1)", True, False),
        ("a in (true, false)", 1, False),
        ("a in (true)", True, True),
        ("a >= 0", True, False),
        ("a", True, True),
        ("a", False, False),
        ("a", "x", False),
        ("a", 1, False),
        ("not a", "x", True),
        ("a == true or a == false", [False], True),
        # null tests
        ("a == null", "", False),
        ("a != null", "", True),
        ("a != null", 0, True),
        ("a != null", False, True),
        ("null != a", False, True),
        # a field that may be unmapped
        ('?a == "x"', "x", True),
        ("?a == null", "x", False),
        # bin is text
        ('a == "x"', b"x", True),
        ('a : "X*"', b"xy", True),
        # constants
        ("true", 1, True),
        ("false", 1, False),
        ("false or a == 1", 1, True),
        ("not false and a == 1", 1, True),
    ],
)
def test_a_field_passes_or_fails(test: str, value: Any, expected: bool) -> None:
    assert holds(test, {"a": value}) is expected
    assert holds(f"not ({test})", {"a": value}) is not expected


@pytest.mark.parametrize(
    ("test", "record", "expected"),
    [
        # a test of a missing field is false, also !=, and its complement true
        ("length(a) == 3", {}, False),
        ("length(a) != 3", {}, False),
        ("not length(a) == 3", {}, True),
        ("length(a) > 0", {}, False),
        ("not length(a) > 0", {}, True),
        ('substring(a, 0) not in ("x")', {}, True),
        ('startsWith(a, "x")', {}, False),
        ('not startsWith(a, "x")', {}, True),
        ('startsWith(a, "x") == false', {}, True),
        ('startsWith(a, "x") != true', {}, True),
        ("length(a) == null", {}, True),
        ("length(a) != null", {}, False),
        ("a + 1 > 0", {}, False),
        ("a == b", {}, False),
        ("a != b", {"a": 1}, False),
        ("not a == b", {"a": 1}, True),
        ('string(a) : "*"', {}, False),
        ('string(a) regex ".*"', {}, False),
        # any value of an array; != is true if any result is another
        ("length(a) == 3", {"a": ["x", "xyz"]}, True),
        ("length(a) != 3", {"a": ["x", "xyz"]}, True),
        ("length(a) != 3", {"a": ["abc", "xyz"]}, False),
        ("not length(a) == 3", {"a": ["x", "xyz"]}, False),
        ("length(a) > 2 and length(a) < 2", {"a": ["x", "xyz"]}, True),
        ('indexOf(a, "x") == null', {"a": ["x", "y"]}, True),
        ('indexOf(a, "x") != null', {"a": ["x", "y"]}, False),
        ('indexOf(a, "x") != null', {"a": ["x", "ax"]}, True),
        ("a + b == 21", {"a": [1, 10], "b": [2, 20]}, True),
        ("a + b == 3.5", {"a": [1, 10], "b": [2, 20]}, False),
        # values are of a type, whatever the field should be
        ("length(a) == 1", {"a": 5}, False),
        ("length(a) != 1", {"a": 5}, False),
        ('startsWith(a, "1")', {"a": 1}, False),
        ("a + 1 == 2", {"a": "1"}, False),
        ("a + 1 == 2", {"a": True}, False),
        ("number(a) + 1 == 2", {"a": "1"}, True),
        ('string(a) == "1"', {"a": 1}, True),
        ('string(a) : "TRUE"', {"a": True}, True),
        # two fields
        ("a == b", {"a": "x", "b": ["y", "x"]}, True),
        ("a == b", {"a": 1, "b": 1.0}, True),
        ("a == b", {"a": 1, "b": "1"}, False),
        ("a == b", {"a": 1, "b": True}, False),
        ("a != b", {"a": "x", "b": "x"}, False),
        ("a != b", {"a": "x", "b": ["y", "x"]}, True),
        ("a != b", {"a": "x", "b": 1}, False),
        ("a < b", {"a": 1, "b": 2}, True),
        ("a < b", {"a": 2, "b": 2}, False),
        ("a >= b", {"a": "b", "b": "a"}, True),
        ("a > b", {"a": True, "b": False}, True),
        ("a.c == b", {"a": {"c": "x"}, "b": "x"}, True),
        ("?a == ?b", {"a": "x", "b": "x"}, True),
        # functions of a field and a text
        ('startsWith(a, "x")', {"a": ["y", "xy"]}, True),
        ('startsWith(a, "X")', {"a": "xy"}, False),
        ('startsWith~(a, "X")', {"a": "xy"}, True),
        ('startsWith(a, "")', {"a": "xy"}, True),
        ("startsWith(a, null)", {"a": "xy"}, False),
        ('ENDSWITH(a, "y")', {"a": "xy"}, True),
        ('endsWith~(a, "Y")', {"a": "xy"}, True),
        ('endsWith(a, "Y")', {"a": "xy"}, False),
        ('stringContains(a, "b")', {"a": "abc"}, True),
        ('stringContains(a, "B")', {"a": "abc"}, False),
        ('stringContains~(a, "B")', {"a": "abc"}, True),
        ('stringContains(a, "")', {"a": "abc"}, False),
        ('stringContains~(a, "")', {"a": ""}, False),
        ('stringContains(a, "a*c")', {"a": "abc"}, False),
        # of two fields
        ("startsWith(a, b)", {"a": "xyz", "b": ["q", "xy"]}, True),
        ("startsWith~(a, b)", {"a": "xyz", "b": "XY"}, True),
        ("endsWith(a, b)", {"a": "xyz", "b": "xy"}, False),
        ("stringContains(a, b)", {"a": "xyz", "b": "y"}, True),
        ("stringContains(a, b)", {"a": "xyz", "b": ""}, False),
        ("stringContains(a, b)", {"a": "xyz"}, False),
        ('startsWith("xyz", b)', {"b": "xy"}, True),
        ('stringContains("xyz", b)', {"b": "yy"}, False),
        # of computed values
        ("startsWith~(a, substring(b, 0, -1))", {"a": "HOST.example", "b": "host$"}, True),
        ("endsWith(string(a), string(b))", {"a": 1234, "b": [99, 34]}, True),
        ("length(concat(a, b)) == 3", {"a": "x", "b": "yz"}, True),
        ('substring(a, length(a) - 4) : ".exe"', {"a": "x.EXE"}, True),
        ('substring(a, -4) == ".exe"', {"a": "x.exe"}, True),
        ('substring(a, 0, 1) in ("x", "y")', {"a": "yes"}, True),
        ('substring(a, 0, 1) in~ ("X")', {"a": "xes"}, True),
        ('substring(a, 0, 1) not in ("x")', {"a": "yes"}, True),
        ('between(a, "<", ">") like ("b*", "c")', {"a": "a<bb>"}, True),
        ('between(a, "<", ">") == ""', {"a": "a"}, True),
        ('between(a, "<", ">") == null', {"a": "a"}, False),
        ('between(a, "<", ">", true) regex "[a-z>]+"', {"a": "a<b>c>d"}, True),
        ('concat(a, 1) like~ "X?"', {"a": "x"}, True),
        ('string(a) regex~ "1[0-9]"', {"a": [5, 17]}, True),
        ("1 + a * 2 == 7", {"a": 3}, True),
        ("(1 + a) * 2 == 8", {"a": 3}, True),
        ("a / 2 == 41", {"a": 83}, True),
        ("66.0 / a == 1", {"a": 66}, True),
        ("-a + 100 == 18", {"a": 82}, True),
        ("a % 2 == 1", {"a": 7}, True),
        ("modulo(a, 4) < subtract(b, 1)", {"a": 7, "b": 5}, True),
        ("a / b == 1", {"a": 1, "b": 0}, False),
        ("a / b == null", {"a": 1, "b": 0}, True),
        ("a * a == 0", {"a": 2**63}, False),
        ("number(a, 16) == 255", {"a": "ff"}, True),
        ("length(a) in (1, 3)", {"a": "xyz"}, True),
        # conditions as values
        ('string(cidrMatch(a, "10.0.0.0/8")) : "true"', {"a": "10.1.1.1"}, True),
        ('cidrMatch(a, "10.0.0.0/8") == true', {"a": "10.1.1.1"}, True),
        ('cidrMatch(a, "10.0.0.0/8") == false', {"a": "x"}, True),
        ('cidrMatch(a, "10.0.0.0/8") == null', {"a": "x"}, True),
        ('cidrMatch(concat("10.", a), "10.0.0.0/8")', {"a": "1.1.1"}, True),
        ("null == (a > -1)", {}, True),
        ("null == (a > -1)", {"a": 1}, False),
        ("(a > 1) == (b > 1)", {"a": 1, "b": 1}, True),
        ("(a > 1) == (b > 1)", {"a": 1}, False),
        ("(a == 1) == false", {}, True),
        ("(a or b) in (true)", {"a": True}, True),
        ("(not a) in (false)", {}, False),
        ('string(a == 1 or b == 1) == "true"', {"b": 1}, True),
        # regular expressions of a field
        ('a regex "[a-z]{3}"', {"a": "foo"}, True),
        ('a regex "[a-z]{3}"', {"a": "foo1"}, False),
        ('a regex "fo"', {"a": "foo"}, False),
        ('a regex "FOO"', {"a": "foo"}, False),
        ('a regex~ "FOO"', {"a": "foo"}, True),
        ('a regex~ "[D-F]OO"', {"a": "foo"}, False),
        ('a regex ("x", ".*o")', {"a": ["y", "foo"]}, True),
        ('not a regex "x"', {}, True),
        ('a regex ".*"', {"a": 5}, False),
        (r'a regex """\d+\.\d+"""', {"a": "1.2"}, True),
        (r'a regex "\\d+\\.\\d+"', {"a": "1.2"}, True),
        ('a regex "~(x.*)&.*y"', {"a": "zy"}, True),
        ('a regex "<1-20>x"', {"a": "15x"}, True),
    ],
)
def test_a_computed_value_passes_or_fails(
    test: str, record: dict[str, Any], expected: bool
) -> None:
    assert holds(test, record) is expected
    assert holds(f"not ({test})", record) is not expected


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["192.168.0.0/16", "10.1.2.3"], True),
        ("10.1.2.3", ["10.9.9.9/8"], True),
        ("::ffff:10.0.0.1", ["10.0.0.0/8"], True),
        ("10.0.0.1", ["::ffff:10.0.0.0/104"], True),
        ("fe80::1%eth0", ["FE80::/10"], True),
        ("FE80::1", ["fe80::/10"], True),
        ("fec0::1", ["FE80::/10"], False),
        ("::", ["::1"], False),
        ("0.0.0.1", ["127.0.0.0/8", "::1"], False),
        ("localhost", ["0.0.0.0/0", "::/0"], False),
        ("", ["0.0.0.0/0", "::/0"], False),
    ],
)
def test_cidr_match_finds_an_address_in_networks(
    address: str, networks: list[str], expected: bool
) -> None:
    arguments = ", ".join(f'"{network}"' for network in networks)
    assert holds(f"cidrMatch(a, {arguments})", {"a": address}) is expected
    assert holds(f"not CIDRMATCH(a, {arguments})", {"a": [address]}) is not expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/tmp/x", True), ("/TMP/x", False), ("/tmpfoo", False), ("/tmp/", True), ("x/tmp/x", False)],
)
def test_the_directories_of_the_shipped_rule_keep_to_the_case(path: str, expected: bool) -> None:
    record = {"process": {"executable": path}}
    assert holds(f"process.executable like {DIRECTORIES}", record) is expected


@pytest.mark.parametrize(
    ("path", "executable", "excluded"),
    [
        ("/home/x", "/tmp/TOKEN_Handler", True),
        ("/home/x", "/tmp/.SENTRY-cli-1.EXE", True),
        ("/home/x", "/tmp/token_handler2", False),
        ("/loki/wal/1/2", "/tmp/x", True),
        ("/LOKI/wal/1", "/tmp/x", False),
        ("/run/systemd/journal/streams/.#8", "/tmp/x", True),
        ("/run/systemd/journal/streams/8", "/tmp/x", False),
    ],
)
def test_the_exclusions_of_the_shipped_rule(path: str, executable: str, excluded: bool) -> None:
    record = {"file": {"path": path}, "process": {"executable": executable}}
    assert holds(f"not ({EXCLUDED})", record) is not excluded


@pytest.mark.parametrize("record", [{}, {"file": {}}, {"file": {"extension": None}}])
def test_a_file_without_an_extension_is_not_excluded_by_its_extension(
    record: dict[str, Any],
) -> None:
    assert holds('not (file.extension in ("tmp"))', record)
    assert holds('file.extension not in ("tmp")', record)


def test_and_and_or_are_plain_booleans() -> None:
    for a in (True, False):
        for b in (True, False):
            record = {"a": a, "b": b, "c": True}
            assert holds("a and b", record) is (a and b)
            assert holds("a or b", record) is (a or b)
            assert holds("c and (a or not b)", record) is (a or not b)


@pytest.mark.parametrize(
    "node",
    [
        A,
        Negative(A, HERE),
        Membership(A, False, (A,), HERE),
        FunctionCall("cidrMatch", False, (A, A), HERE),
        FunctionCall("unknown", False, (A, A), HERE),
        Arithmetic("+", ONE, ONE, HERE),
    ],
)
def test_only_a_condition_in_normal_form_has_a_predicate(node: Expression) -> None:
    with pytest.raises((KeyError, TypeError)):
        predicate(node)


NAMES = ("a", "b.c", "b.d.e")
TESTS = [
    *('{} == "x"', '{} != "x"', '{} == "y*"', "{} == 1", "{} != 1", "{} == true", "{} == null"),
    *("{} != null", "{}", '{} in ("x", "y")', "{} not in (1, 2.5)", '{} in~ ("X")', "{} in (true)"),
    *('{} like "x*"', '{} : ("*Y", "x?")', '{} < "y"', "{} >= 1", "2.5 > {}", "true", "false"),
    *('cidrMatch({}, "10.0.0.0/8", "::1")', 'startsWith({}, "x")', 'endsWith~({}, "Y")'),
    *('stringContains({}, "x")', "length({}) > 0", "length({}) != 1", '{} regex~ "[wx].?"'),
    *('substring({}, 0, 1) == "x"', "{} + 1 == 2", 'string({}) in ("1", "x")', "{} == b.c"),
    *("a < {}", "concat({}, b.c) != null", "startsWith~({}, a)", '({} == 1) == (a != "x")'),
]
VALUES = st.sampled_from(
    ["x", "X", "y", "xy", "", "10.1.1.1", "::1", 0, 1, 2, 2.5, 1.0, True, False, None]
)
RECORDS = st.dictionaries(st.sampled_from(NAMES), st.one_of(VALUES, st.lists(VALUES, max_size=3)))
SIMPLE = st.builds(
    lambda test, name: test.format(name), st.sampled_from(TESTS), st.sampled_from(NAMES)
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        inner.map("not ({})".format),
        pairs.map(lambda pair: "({}) and ({})".format(*pair)),
        pairs.map(lambda pair: "({}) or ({})".format(*pair)),
    )


EXPRESSIONS = st.recursive(SIMPLE, _combined, max_leaves=6)


@given(st.sampled_from(TESTS[7:]), st.sampled_from(NAMES), RECORDS)
def test_a_fast_test_and_the_values_of_its_expression_agree(
    text: str, name: str, record: dict[str, Any]
) -> None:
    source = Source(text.format(name), "q", Origin())
    node = resolve(parse_expression(Cursor(source)), source)
    fields = Fields(record)
    if not isinstance(node, Not | Literal):
        assert predicate(node)(fields) is (True in values_of(node)(fields))


def test_what_costs_less_is_tested_first() -> None:
    text = """startsWith(a, b) and c regex "x.*" and (d : "x*" or e == 1) and cidrMatch(f, "::1")
        and not g : "x" and h in (1, 2) and length(i) > 5 and j"""
    source = Source(text, "q", Origin())
    node = resolve(parse_expression(Cursor(source)), source)
    assert isinstance(node, And)
    names = [next(field_names(part)) for part in sorted(node.operands, key=cost)]
    assert names == ["h", "j", "g", "d", "f", "c", "a", "i"]


class Recording(dict[str, Any]):
    """Fields that note which were asked for; each has the value 1."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __missing__(self, name: str) -> tuple[int]:
        self.asked.append(name)
        return (1,)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('startsWith(a, b) and c == "x"', ["c"]),
        ("length(a) > 5 or b == 1", ["b"]),
        ('a == 1 and b == "x" and c == 1', ["a", "b"]),
    ],
)
def test_what_the_cheaper_tests_decide_is_not_computed(text: str, asked: list[str]) -> None:
    fields: Any = Recording()
    compiled(text)(fields)
    assert fields.asked == asked


@given(EXPRESSIONS, RECORDS)
def test_not_is_a_plain_complement(text: str, record: dict[str, Any]) -> None:
    assert holds(f"not ({text})", record) is not holds(text, record)


@given(EXPRESSIONS, EXPRESSIONS, RECORDS)
def test_de_morgan_holds(left: str, right: str, record: dict[str, Any]) -> None:
    both = holds(f"({left}) and ({right})", record)
    assert both is holds(f"not (not ({left}) or not ({right}))", record)
    assert both is (holds(left, record) and holds(right, record))


@given(EXPRESSIONS, RECORDS)
def test_nested_flat_and_mixed_records_give_equal_verdicts(
    text: str, record: dict[str, Any]
) -> None:
    test = compiled(text)
    verdicts = {test(Fields(rendering)) for rendering in _renderings(record)}
    assert len(verdicts) == 1


@given(EXPRESSIONS, RECORDS)
def test_a_scalar_is_an_array_of_one_and_null_is_an_empty_array(
    text: str, record: dict[str, Any]
) -> None:
    arrays = {name: value if isinstance(value, list) else [value] for name, value in record.items()}
    without_nulls = {
        name: [value for value in array if value is not None] for name, array in arrays.items()
    }
    assert holds(text, record) is holds(text, arrays) is holds(text, without_nulls)


def _renderings(flat: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """A flat record as it is, nested as deep as its names go, and cut at either dot only."""
    yield flat
    yield _nested(flat, lambda name: name.split("."))
    yield _nested(flat, lambda name: name.split(".", 1))
    yield _nested(flat, lambda name: name.rsplit(".", 1))


def _nested(flat: dict[str, Any], keys_of: Any) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in flat.items():
        *outer, last = keys_of(name)
        inner = record
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return record
