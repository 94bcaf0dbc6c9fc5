"""What a line must contain: no line of a record that satisfies a rule is kept out."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.errors import SourceError
from fluent_eql.fields import Fields
from fluent_eql.flinksql.screens import LINE, MOST_TESTS, screen_of
from fluent_eql.rules import load_rules
from fluent_eql.shipped import shipped_rules
from support.events import Scene
from support.flink_records import readable_record
from support.flink_sql import holds, is_whole
from support.random_expressions import Conditions
from support.random_queries import random_event_query
from support.random_records import World
from support.rules import rule

TRIALS, LEAST_MATCHING = 500, 80


def passes(screen: str, line: str) -> bool:
    return holds(screen, {LINE: line})


@pytest.mark.parametrize("in_ascii", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", " : ")])
def test_the_line_of_a_record_that_satisfies_a_rule_passes(
    in_ascii: bool, separators: tuple[str, str]
) -> None:
    random, matching = Random(11), 0
    for _ in range(TRIALS):
        world = World.random(random)
        record = readable_record(random, world)
        text = random_event_query(random, Conditions(random, world, record)).text(random)
        try:
            one = rule(text)
        except SourceError:
            continue
        [condition] = one.query.conditions
        if condition.matches(Fields(record)):
            matching += 1
            line = json.dumps(record, ensure_ascii=in_ascii, separators=separators)
            assert passes(screen_of([one]), line), (text, line)
    assert matching > LEAST_MATCHING


def test_the_shipped_rule_screens_by_its_texts() -> None:
    screen = screen_of(load_rules([shipped_rules()]).rules)
    scene = Scene()
    assert is_whole(screen)
    assert screen != "TRUE"
    assert passes(screen, json.dumps(scene.network()))
    assert passes(screen, json.dumps(scene.file(), separators=(",", ":")))
    assert not passes(screen, json.dumps(scene.file(executable="/usr/bin/true")))


def test_a_line_that_satisfies_one_of_several_rules_passes() -> None:
    screen = screen_of([rule('any where a == "xyz"'), rule('any where a == "uvw"', name="b")])
    assert passes(screen, '{"a":"xyz"}')
    assert passes(screen, '{"a":"uvw"}')
    assert not passes(screen, '{"a":"other"}')


@given(st.sampled_from(["xyz", 'x"y\\z', "é-ü", "a_b%c"]))
def test_an_escape_that_may_hide_a_text_lets_a_line_through(text: str) -> None:
    screen = screen_of([rule(f"any where a == {json.dumps(text, ensure_ascii=False)}")])
    hidden = "".join(f"\\u{ord(char):04x}" for char in text)
    assert passes(screen, f'{{"a":"{hidden}"}}')
    assert passes(screen, '{"a":"x\\/y"}')
    assert not passes(screen, '{"a":"other"}')


def test_a_text_without_case_is_looked_for_in_both() -> None:
    screen = screen_of([rule('any where a : "xyz"')])
    assert passes(screen, '{"a":"XyZ"}')
    assert not passes(screen, '{"a":"xy"}')


def test_a_rule_of_which_nothing_is_certain_lets_every_line_through() -> None:
    assert screen_of([rule("any where a != 5"), rule('any where a == "x"', name="b")]) == "TRUE"


def test_the_screen_does_not_depend_on_the_order_of_the_rules() -> None:
    rules = [rule(f'any where a == "text {n}"', name=str(n)) for n in range(9)]
    assert screen_of(rules) == screen_of(reversed(rules))


def test_a_field_that_has_to_be_there_is_looked_for_by_its_name() -> None:
    screen = screen_of([rule("any where length(a.code) > 5")])
    assert passes(screen, '{"a":{"code" : "5"}}')
    assert passes(screen, '{"a.code":"5"}')
    assert not passes(screen, '{"a":{"name":"code 5"}}')


def test_too_many_texts_let_every_line_through() -> None:
    def of(count: int) -> str:
        texts = '", "'.join(f"text number {number}" for number in range(count))
        return screen_of([rule(f'any where a in ("{texts}")')])

    assert of(MOST_TESTS).count(" OR ") > MOST_TESTS
    assert of(MOST_TESTS + 1) == "TRUE"
