from __future__ import annotations

from fluent_eql.rules import Rule
from fluent_eql.running import WORTH_A_SCAN, RunningRules, changes_between
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from support.rules import rule

TWO = "sequence by k [n where true] [f where true]"
THREE = "sequence by k [n where true] [m where true] [f where true]"


def running(*rules: Rule) -> RunningRules:
    return RunningRules(rules, EqlOptions())


def test_sequences_and_single_event_rules_are_told_apart_and_numbered() -> None:
    found = running(rule("f where true"), rule(TWO, name="Two"))
    assert set(found.events) == {0}
    assert {number: one.number for number, one in found.sequences.items()} == {1: 1}


def test_of_few_rules_all_are_suspects() -> None:
    found = running(rule('f where name == "secret"'), rule(TWO, name="Two"))
    assert list(found.suspects(b"\x80")) == [0, 1]


def test_of_many_rules_only_those_whose_needles_a_record_has_are_suspects() -> None:
    rules = [rule(f'f where name == "secret{n}"', name=f"Rule {n}") for n in range(WORTH_A_SCAN)]
    raw = make_event({"event.category": "f", "name": "secret2"}).raw
    assert list(running(*rules).suspects(raw)) == [2]


def test_a_rule_with_the_same_query_is_taken_over_with_its_new_number_and_facts() -> None:
    before = running(rule(TWO, name="Two"), rule(THREE, name="Three"))
    two = before.sequences[0]
    changed = rule(TWO, name="Two", severity="critical")
    after = running(rule("f where true"), changed)
    assert after.take_over(before) == {two}
    assert after.sequences[1] is two
    assert (two.number, two.rule) == (1, changed)


def test_a_rule_with_another_query_or_another_id_begins_anew() -> None:
    before = running(rule(TWO, name="Two"))
    for other in (rule(THREE, name="Two"), rule(TWO, name="Other")):
        after = running(other)
        assert after.take_over(before) == frozenset()
        assert after.sequences[0] is not before.sequences[0]


def test_a_rule_with_other_exceptions_begins_anew() -> None:
    before = running(rule(TWO, name="Two"))
    after = running(rule(TWO, name="Two", exceptions=((0, "x == 1"),)))
    assert after.take_over(before) == frozenset()


def test_the_changes_between_two_sets_are_told_in_a_line() -> None:
    before = [rule(TWO, name="Same"), rule(TWO, name="Other"), rule(TWO, name="Gone")]
    after = [rule(TWO, name="Same"), rule(THREE, name="Other"), rule(TWO, name="New")]
    assert changes_between(before, after) == "3 rules run: 1 unchanged, 1 changed, 1 new, 1 gone"
    assert changes_between(before, before) == "3 rules run: 3 unchanged"
