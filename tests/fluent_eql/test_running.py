from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.rules import Rule
from fluent_eql.running import WORTH_A_SCAN, RunningRules, changes_between
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from support.rules import rule

TWO = "sequence by k [n where true] [f where true]"
TEXT = 'sequence by k [n where true] [f where label == "secret"]'
THREE = "sequence by k [n where true] [m where true] [f where true]"


def running(*rules: Rule) -> RunningRules:
    return RunningRules(rules, EqlOptions())


def test_sequences_and_single_event_rules_are_told_apart_and_numbered() -> None:
    found = running(rule("f where true"), rule(TWO, name="Two"))
    assert set(found.events) == {0}
    assert {number: one.number for number, one in found.sequences.items()} == {1: 1}


def test_of_few_rules_those_that_end_with_a_text_are_deferred_and_nothing_is_suspected() -> None:
    found = running(rule('f where name == "secret"'), rule(TEXT, name="Text"))
    assert (list(found.everyone), set(found.deferrals)) == ([0, 1], {1})
    assert found.suspicions is None
    assert (found.glances, found.waiting) == (None, 0)


def test_of_many_rules_only_those_whose_needles_a_record_has_are_suspects() -> None:
    rules = [rule(f'f where name == "secret{n}"', name=f"Rule {n}") for n in range(WORTH_A_SCAN)]
    raw = make_event({"event.category": "f", "name": "secret2"}).raw
    found = running(*rules)
    assert found.suspicions is not None
    assert found.suspicions.of(raw).rules == (2,)
    assert found.deferrals == {}
    assert found.glances is not None


MANY = (
    TWO,
    "f where true",
    "sequence by k with maxspan=1h [n where true] [f where true]",
    "sequence [n where true] [f where true]",
    "sequence by k [n where true] [f where true] until [m where true]",
    "sequence by ?k [n where true] [f where true]",
    "sequence by k with maxspan=1m [n where true] ![f where true]",
    "sequence [n where true] by x [f where true] by y",
)


def test_the_sequences_whose_events_may_wait_are_those_that_begin_and_end_and_have_keys() -> None:
    found = running(*(rule(query, name=query) for query in MANY))
    assert [one.number for one in found.of_bits(-1)] == [0, 7]
    sequences = found.sequences
    assert list(found.of_bits(sequences[7].bit | sequences[2].bit)) == [sequences[7]]
    assert list(found.of_bits(0)) == []


def test_with_a_time_to_live_that_is_given_longer_sequences_wait_as_well() -> None:
    rules = [rule(query, name=query) for query in MANY]
    found = RunningRules(rules, EqlOptions(state_ttl=900 * 10**9))
    assert [one.number for one in found.of_bits(-1)] == [0, 2, 7]


def test_where_records_are_seen_through_a_mapping_no_event_waits_and_none_is_glanced_at() -> None:
    rules = [rule(query, name=query) for query in MANY]
    found = RunningRules(rules, EqlOptions(source="falco"))
    assert (found.waiting, found.glances) == (0, None)
    assert found.suspicions is not None


def bits(found: RunningRules) -> list[int]:
    return [sequence.bit for sequence in found.sequences.values()]


def test_a_rule_that_stays_keeps_its_bit_and_no_other_has_it() -> None:
    before = running(*(rule(TWO, name=name) for name in "abcde"))
    after = running(*(rule(TWO, name=name) for name in "ecxyz"))
    e, c = (before.sequences[number] for number in (4, 2))
    kept = {e: e.bit, c: c.bit}
    assert after.take_over(before) == {e, c}
    assert {one: one.bit for one in (after.sequences[0], after.sequences[1])} == kept
    assert len(set(bits(after))) == 5
    assert all(bit.bit_count() == 1 for bit in bits(after))
    assert list(after.of_bits(e.bit | c.bit)) == sorted((e, c), key=lambda one: one.bit)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=2, max_size=5))
def test_however_rules_come_and_go_each_has_a_bit_of_its_own(sets: list[set[str]]) -> None:
    before = running(*(rule(TWO, name=name) for name in sorted(sets[0])))
    for names in sets[1:]:
        known = {one: one.bit for one in before.sequences.values()}
        after = running(*(rule(TWO, name=name) for name in sorted(names)))
        kept = after.take_over(before)
        assert {one: one.bit for one in kept} == {one: known[one] for one in kept}
        assert len(set(bits(after))) == len(names)
        before = after


def test_rules_that_were_many_go_on_so_however_few_they_are() -> None:
    many, few = [rule(TWO, name=name) for name in "abcd"], rule(TWO, name="b")
    after = running(few)
    assert after.suspicions is None
    after.take_over(running(*many))
    assert after.suspicions is not None
    assert [one.rule.name for one in after.of_bits(-1)] == ["b"]
    again = running(few, rule(TEXT, name="Text"))
    again.take_over(after)
    assert (again.deferrals, again.suspicions is None) == ({}, False)


def test_rules_that_become_many_with_others_wait_as_those_do() -> None:
    before = running(rule(TEXT, name="a"))
    kept = before.sequences[0]
    after = running(*(rule(TEXT, name=name) for name in "xyza"))
    assert after.take_over(before) == {kept}
    assert kept in after.of_bits(kept.bit)
    assert after.suspicions is not None
    raw = make_event({"event.category": "f", "k": "v", "label": "secret"}).raw
    [of_key] = after.suspicions.of(raw).of_keys
    assert of_key.completes == sum(bits(after))


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
