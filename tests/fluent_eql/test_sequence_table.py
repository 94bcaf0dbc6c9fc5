"""What Elasticsearch documents of sequences, row by row, through the filter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from fluent_eql.errors import EqlSemanticError, EqlSyntaxError, UnsupportedError
from fluent_eql.lang import SequenceQuery
from support.events import MILLISECOND, SECOND, Record
from support.rules import driver, rule
from support.sequences import happened, sequences

TWO = "sequence by k [n where true] [f where true]"
FIVE_SECONDS = "sequence by k with maxspan=5s [n where true] [f where true]"
SAME_TWICE = "sequence by k [p where true] [p where true]"
THREE = "sequence by k with maxspan=5s [n where true] [p where true] [f where true]"


def found(query: str, *records: Record) -> list[tuple[str, ...]]:
    return sequences(driver(rule(query)), records)


def in_turn(kinds: str) -> list[Record]:
    """One event for each letter, a second apart; ``n1`` is the first of category n."""
    counts: dict[str, int] = {}
    records = []
    for time, kind in enumerate(kinds):
        counts[kind] = counts.get(kind, 0) + 1
        records.append(happened(f"{kind}{counts[kind]}", kind, time * SECOND))
    return records


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("nnff", [("n2", "f1")]),
        ("nfnf", [("n1", "f1"), ("n2", "f2")]),
        ("nff", [("n1", "f1")]),
        ("nnnf", [("n3", "f1")]),
        ("fnf", [("n1", "f2")]),
        ("fn", []),
        ("nxf", [("n1", "f1")]),
    ],
)
def test_the_newest_partial_wins_and_is_consumed(
    kinds: str, expected: list[tuple[str, ...]]
) -> None:
    assert found(TWO, *in_turn(kinds)) == expected


def test_the_older_partials_are_discarded_with_the_newest() -> None:
    records = [*in_turn("nnf"), happened("f2", "f", 3 * SECOND), happened("f3", "f", 4 * SECOND)]
    assert found(TWO, *records) == [("n2", "f1")]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("npf", [("n1", "p1", "f1")]),
        ("nppf", [("n1", "p1", "f1")]),
        ("npff", [("n1", "p1", "f1")]),
        ("nnpf", [("n2", "p1", "f1")]),
        ("npnf", [("n1", "p1", "f1")]),
        ("npnpf", [("n2", "p2", "f1")]),
        ("nf", []),
        ("pnf", []),
        ("nfp", []),
    ],
)
def test_a_sequence_of_three(kinds: str, expected: list[tuple[str, ...]]) -> None:
    assert found(THREE, *in_turn(kinds)) == expected


def test_one_event_may_end_one_sequence_and_start_another() -> None:
    assert found(SAME_TWICE, *in_turn("ppp")) == [("p1", "p2"), ("p2", "p3")]
    assert found(SAME_TWICE, *in_turn("pp")) == [("p1", "p2")]


def test_one_event_never_stands_in_two_stages_of_the_same_sequence() -> None:
    assert found(SAME_TWICE, *in_turn("p")) == []
    same_thrice = "sequence by k [p where true] [p where true] [p where true]"
    assert found(same_thrice, *in_turn("pp")) == []
    assert found(same_thrice, *in_turn("ppp")) == [("p1", "p2", "p3")]


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        ("5ms", 5 * MILLISECOND),
        ("5s", 5 * SECOND),
        ("5m", 300 * SECOND),
        ("5h", 18_000 * SECOND),
        ("5d", 432_000 * SECOND),
    ],
)
def test_maxspan_is_inclusive_in_every_unit(unit: str, length: int) -> None:
    query = f"sequence by k with maxspan={unit} [n where true] [f where true]"
    start = happened("n1", "n", 0)
    assert found(query, start, happened("f1", "f", length)) == [("n1", "f1")]
    assert found(query, start, happened("f1", "f", length + 1)) == []


def test_maxspan_counts_from_the_first_stage() -> None:
    middle = happened("p1", "p", 4 * SECOND)
    start = happened("n1", "n", 0)
    assert found(THREE, start, middle, happened("f1", "f", 5 * SECOND)) == [("n1", "p1", "f1")]
    assert found(THREE, start, middle, happened("f1", "f", 5 * SECOND + 1)) == []


def test_without_maxspan_any_span_will_do() -> None:
    far = 300 * 86_400 * SECOND
    assert found(TWO, happened("n1", "n", 0), happened("f1", "f", far)) == [("n1", "f1")]


@pytest.mark.parametrize("unit", ["", "us", "ns", "w", "S", "M", "sec"])
def test_a_maxspan_in_another_unit_is_refused(unit: str) -> None:
    with pytest.raises(EqlSyntaxError):
        rule(f"sequence by k with maxspan=5{unit} [n where true] [f where true]")


def test_equal_timestamps_are_ordered_by_the_tiebreaker() -> None:
    first = happened("n1", "n", 0, event__sequence=1)
    second = happened("f1", "f", 0, event__sequence=2)
    assert found(TWO, first, second) == [("n1", "f1")]
    assert found(TWO, second, first) == [("n1", "f1")]
    swapped = [happened("n1", "n", 0, event__sequence=2), happened("f1", "f", 0, event__sequence=1)]
    assert found(TWO, *swapped) == []


def test_equal_timestamps_without_a_tiebreaker_are_ordered_by_arrival() -> None:
    records = [happened("n1", "n", 0), happened("f1", "f", 0)]
    assert found(TWO, *records) == [("n1", "f1")]
    assert found(TWO, *reversed(records)) == []


def test_equal_tiebreakers_are_ordered_by_arrival() -> None:
    records = [
        happened("n1", "n", 0, event__sequence=3),
        happened("f1", "f", 0, event__sequence=3),
    ]
    assert found(TWO, *records) == [("n1", "f1")]
    assert found(TWO, *reversed(records)) == []


@pytest.mark.parametrize("tiebreaker", [None, "3", True, [], {}, float("nan")], ids=repr)
def test_what_is_no_number_breaks_no_tie(tiebreaker: Any) -> None:
    odd = happened("f1", "f", 0, event__sequence=tiebreaker)
    assert found(TWO, odd, happened("n1", "n", 0, event__sequence=4)) == [("n1", "f1")]


def test_the_tiebreaker_field_can_be_named() -> None:
    runner = driver(rule(TWO), tiebreaker_field="log.offset")
    records = [happened("f1", "f", 0, log__offset=20), happened("n1", "n", 0, log__offset=10)]
    assert sequences(runner, records) == [("n1", "f1")]


def test_the_event_time_counts_before_the_tiebreaker() -> None:
    records = [
        happened("n1", "n", 0, event__sequence=9),
        happened("f1", "f", 1, event__sequence=1),
    ]
    assert found(TWO, *records) == [("n1", "f1")]


@pytest.mark.parametrize("value", [None, [], [None], {}], ids=repr)
def test_an_event_without_a_join_key_takes_no_part(value: Any) -> None:
    assert found(TWO, happened("n1", "n", 0, k=value), happened("f1", "f", 1, k=value)) == []


def test_null_is_a_value_of_an_optional_join_key() -> None:
    query = "sequence by ?k [n where true] [f where true]"
    null = happened("n1", "n", 0, k=None)
    assert found(query, null, happened("f1", "f", 1, k=None)) == [("n1", "f1")]
    assert found(query, null, happened("f1", "f", 1, k=[])) == [("n1", "f1")]
    assert found(query, null, happened("f1", "f", 1, k="a")) == []
    assert found(query, happened("n1", "n", 0), happened("f1", "f", 1)) == [("n1", "f1")]


def test_null_is_a_value_of_the_optional_key_only() -> None:
    query = "sequence by ?k, j [n where true] [f where true]"
    records = [happened("n1", "n", 0, k=None, j=1), happened("f1", "f", 1, k=None, j=1)]
    assert found(query, *records) == [("n1", "f1")]
    assert found(query, *[{**record, "j": None} for record in records]) == []


def test_an_array_of_join_keys_gives_a_partial_for_each_value() -> None:
    start = happened("n1", "n", 0, k=["a", "b"])
    ends = [happened("f1", "f", 1, k="a"), happened("f2", "f", 2, k="b")]
    assert found(TWO, start, *ends) == [("n1", "f1"), ("n1", "f2")]
    assert found(TWO, start, happened("f3", "f", 3, k="c")) == []


def test_arrays_of_join_keys_are_combined() -> None:
    query = "sequence by k, j [n where true] [f where true]"
    start = happened("n1", "n", 0, k=["a", "b"], j=[1, 2])
    assert found(query, start, happened("f1", "f", 1, k="b", j=1)) == [("n1", "f1")]
    assert found(query, start, happened("f1", "f", 1, k="b", j=3)) == []


def test_two_shared_values_give_an_alert_for_each() -> None:
    runner = driver(rule(TWO))
    records = [happened("n1", "n", 0, k=["a", "b"]), happened("f1", "f", 1, k=["b", "a"])]
    runner.send(records)
    result = runner.flush()
    assert sorted(alert["sequence"]["by"]["k"] for alert in result.alerts) == ["a", "b"]
    assert len({alert["id"] for alert in result.alerts}) == 2
    [(_, [record])] = result.replaced
    assert len(record["eql.alerts"]) == 2


def test_the_keys_of_a_stage_are_appended_to_those_of_the_sequence() -> None:
    query = "sequence by k [n where true] by user [f where true] by owner"
    start = happened("n1", "n", 0, user="u")
    assert found(query, start, happened("f1", "f", 1, owner="u")) == [("n1", "f1")]
    assert found(query, start, happened("f1", "f", 1, owner="v")) == []
    assert found(query, start, happened("f1", "f", 1, user="u")) == []
    assert found(query, start, happened("f1", "f", 1, owner="u", k="b")) == []


def test_the_keys_of_stages_alone_will_do() -> None:
    query = "sequence [n where true] by src [f where true] by dst"
    records = [happened("n1", "n", 0, src=1), happened("f1", "f", 1, dst=1)]
    assert found(query, *records) == [("n1", "f1")]


def test_an_alert_names_the_keys_as_the_first_stage_does() -> None:
    runner = driver(rule("sequence by k [n where true] by user [f where true] by owner"))
    runner.send([happened("n1", "n", 0, user="u"), happened("f1", "f", 1, owner="u")])
    [alert] = runner.flush().alerts
    assert alert["sequence"]["by"] == {"k": "a", "user": "u"}


def test_stages_with_unlike_numbers_of_keys_are_refused() -> None:
    with pytest.raises(EqlSemanticError, match="join keys"):
        rule("sequence by k [n where true] by user [f where true]")


def test_a_sequence_without_join_keys_is_of_all_events() -> None:
    query = "sequence [n where true] [f where true]"
    records = [happened("n1", "n", 0, k="a"), happened("f1", "f", 1, k="b")]
    assert found(query, *records) == [("n1", "f1")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (False, 0),
        ("1", 1),
        ("true", True),
        ("a", "A"),
        ("é", "É"),
        ("a", "a "),
        (1, 2),
        ("", None),
    ],
    ids=repr,
)
def test_join_keys_are_typed_and_case_sensitive(one: Any, other: Any) -> None:
    assert found(TWO, happened("n1", "n", 0, k=one), happened("f1", "f", 1, k=other)) == []
    assert found(TWO, happened("n1", "n", 0, k=other), happened("f1", "f", 1, k=one)) == []


@pytest.mark.parametrize("value", [True, False, 0, 1, -1, 2**64 - 1, 1.5, "", "A", b"\xff"])
def test_equal_join_keys_of_any_type_join(value: Any) -> None:
    assert found(TWO, happened("n1", "n", 0, k=value), happened("f1", "f", 1, k=value)) == [
        ("n1", "f1")
    ]


def test_each_join_key_has_its_own_state() -> None:
    records = [
        happened("n1", "n", 0, k="a"),
        happened("n2", "n", 1, k="b"),
        happened("f1", "f", 2, k="a"),
        happened("f2", "f", 3, k="b"),
    ]
    assert found(TWO, *records) == [("n1", "f1"), ("n2", "f2")]


def test_any_stands_for_every_category() -> None:
    query = "sequence by k [any where x == 1] [any where x == 2]"
    records = [happened("a", "n", 0, x=1), happened("b", "anything", 1, x=2)]
    assert found(query, *records) == [("a", "b")]


UNTIL = "sequence by k [n where true] [f where true] until [u where true]"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("nf", [("n1", "f1")]),
        ("nuf", []),
        ("unf", [("n1", "f1")]),
        ("nfu", [("n1", "f1")]),
        ("nunf", [("n2", "f1")]),
        ("nnuf", []),
        ("nufnf", [("n2", "f2")]),
    ],
)
def test_until_discards_what_was_begun_before_it(
    kinds: str, expected: list[tuple[str, ...]]
) -> None:
    assert found(UNTIL, *in_turn(kinds)) == expected


def test_until_reaches_every_stage_of_its_key_alone() -> None:
    query = "sequence by k [n where true] [p where true] [f where true] until [u where true]"
    records = [*in_turn("np"), happened("u1", "u", 2 * SECOND, k="b")]
    end = happened("f1", "f", 9 * SECOND)
    assert found(query, *records, end) == [("n1", "p1", "f1")]
    assert found(query, *records, happened("u2", "u", 3 * SECOND), end) == []


def test_an_event_that_begins_a_sequence_and_ends_it_leaves_nothing() -> None:
    query = "sequence by k [n where true] [f where true] until [any where x == 1]"
    assert found(query, happened("n1", "n", 0, x=1), happened("f1", "f", 1)) == []


def test_an_event_that_completes_a_sequence_and_ends_it_has_completed_it() -> None:
    query = "sequence by k [n where true] [f where true] until [any where x == 1]"
    assert found(query, happened("n1", "n", 0), happened("f1", "f", 1, x=1)) == [("n1", "f1")]


def test_until_at_the_time_of_the_last_event_is_ordered_by_the_tiebreaker() -> None:
    def records(ending: int) -> list[Record]:
        begun = happened("n1", "n", 0, event__sequence=5)
        ended = happened("u1", "u", 0, event__sequence=ending)
        return [begun, ended, happened("f1", "f", 1)]

    assert found(UNTIL, *records(ending=6)) == []
    assert found(UNTIL, *records(ending=4)) == [("n1", "f1")]


def test_until_may_name_its_keys_otherwise() -> None:
    query = "sequence [n where true] by a [f where true] by b until [u where true] by c"
    start, end = happened("n1", "n", 0, a=1), happened("f1", "f", 2, b=1)
    assert found(query, start, happened("u1", "u", 1, c=1), end) == []
    assert found(query, start, happened("u1", "u", 1, c=2), end) == [("n1", "f1")]


@pytest.mark.parametrize(
    ("query", "kinds", "expected"),
    [
        ("[n where true] with runs=3", "nnnn", [("n1", "n2", "n3"), ("n2", "n3", "n4")]),
        ("[n where true] with runs=2 [f where true]", "nnf", [("n1", "n2", "f1")]),
        ("[n where true] with runs=2 [f where true]", "nf", []),
        ("[n where true] with runs=2 [f where true]", "nnnf", [("n2", "n3", "f1")]),
        ("[n where true] with runs=2 [f where true]", "nxnf", [("n1", "n2", "f1")]),
        ("[n where true] [f where true] with runs=2", "nff", [("n1", "f1", "f2")]),
        ("[n where true] with runs=1 [f where true]", "nf", [("n1", "f1")]),
    ],
)
def test_a_repeated_stage_is_as_many_stages(
    query: str, kinds: str, expected: list[tuple[str, ...]]
) -> None:
    assert found(f"sequence by k {query}", *in_turn(kinds)) == expected


def test_a_repeated_stage_is_one_written_as_often() -> None:
    repeated = "sequence by k with maxspan=4s [n where true] with runs=3 [f where true]"
    written = f"sequence by k with maxspan=4s {'[n where true] ' * 3} [f where true]"
    for kinds in ("nnnf", "nnnnff", "nnfnnf", "nnnxxf", "nnnff"):
        assert found(repeated, *in_turn(kinds)) == found(written, *in_turn(kinds))


def test_a_sequence_of_sixty_repeats_is_found_in_a_stream_of_many_more() -> None:
    query = "sequence by k with maxspan=100s [n where true] with runs=60 [f where true]"
    [sequence] = found(query, *in_turn("n" * 150 + "f"))
    assert sequence == (*(f"n{number}" for number in range(91, 151)), "f1")


def over(query: str, *records: Record) -> list[tuple[str, ...]]:
    """The sequences found at the end of a stream that waits for nothing earlier."""
    return sequences(driver(rule(query), reorder_window=None), records)


@pytest.mark.parametrize(
    ("query", "kinds", "expected"),
    [
        ("[n where true] ![m where true] [f where true]", "nf", [("n1", "f1")]),
        ("[n where true] ![m where true] [f where true]", "nmf", []),
        ("[n where true] ![m where true] [f where true]", "mnfm", [("n1", "f1")]),
        ("[n where true] ![m where true] [f where true]", "nmfnf", [("n2", "f2")]),
        ("[n where true] ![m where true] [f where true]", "nmff", []),
        ("![m where true] [n where true]", "n", [("n1",)]),
        ("![m where true] [n where true]", "mn", []),
        ("![m where true] [n where true]", "mxxxxxn", [("n1",)]),
        ("![m where true] [n where true]", "mxxxxn", []),
        ("![m where true] [n where true] [f where true]", "mxnxxxf", [("n1", "f1")]),
        ("![m where true] [n where true] [f where true]", "mxnxxf", []),
        ("[n where true] ![m where true]", "n", [("n1",)]),
        ("[n where true] ![m where true]", "nm", []),
        ("[n where true] ![m where true]", "nxxxxm", []),
        ("[n where true] ![m where true]", "nxxxxxm", [("n1",)]),
        ("[n where true] ![m where true]", "mn", [("n1",)]),
        ("[n where true] ![m where true]", "nnm", []),
        ("[n where true] [f where true] ![m where true]", "nxfxxm", []),
        ("[n where true] [f where true] ![m where true]", "nmfxxxm", [("n1", "f1")]),
        ("![m where true] [n where true] ![m where true]", "mnxxxm", []),
        ("![m where true] [n where true] ![m where true]", "mnxxxxm", [("n1",)]),
        ("![m where true] [n where true] ![m where true]", "nm", [("n1",)]),
        ("[n where true] ![m where true] with runs=2 [f where true]", "nmf", []),
        ("[n where true] ![m where true] with runs=2 [f where true]", "nf", [("n1", "f1")]),
    ],
)
def test_missing_events(query: str, kinds: str, expected: list[tuple[str, ...]]) -> None:
    assert over(f"sequence by k with maxspan=5s {query}", *in_turn(kinds)) == expected


def test_a_missing_event_is_that_of_the_key_alone() -> None:
    query = "sequence by k with maxspan=5s [n where true] ![m where true]"
    records = [happened("n1", "n", 0), happened("m1", "m", SECOND, k="b")]
    assert over(query, *records) == [("n1",)]
    assert over(query, *records, happened("m2", "m", SECOND)) == []
    without = happened("m2", "m", SECOND, k=None)
    assert over(query, *records, without) == [("n1",)]


def test_a_missing_event_may_name_its_keys_otherwise() -> None:
    query = "sequence with maxspan=5s [n where true] by k ![m where true] by j"
    start = happened("n1", "n", 0)
    assert over(query, start, happened("m1", "m", SECOND, j="a")) == []
    assert over(query, start, happened("m1", "m", SECOND, j="b")) == [("n1",)]


def test_an_event_at_the_very_time_of_its_neighbour_is_not_between() -> None:
    query = "sequence by k with maxspan=5s [n where true] ![m where true] [f where true]"
    start, end = happened("n1", "n", 0), happened("f1", "f", SECOND)
    for time, expected in ((0, 1), (1, 0), (SECOND - 1, 0), (SECOND, 1)):
        between = happened("m1", "m", time, event__sequence=1)
        assert len(over(query, start, between, end)) == expected


def test_a_sequence_without_maxspan_says_that_it_is_bounded_by_the_ttl() -> None:
    [warning] = rule(TWO).query.warnings
    assert warning.startswith("<query>:1:1: ")
    assert "state.ttl" in warning
    assert rule(FIVE_SECONDS).query.warnings == ()


def test_a_sequence_without_maxspan_is_forgotten_after_the_ttl() -> None:
    for waited, expected in ((599, 1), (601, 0)):
        runner = driver(rule(TWO))
        runner.send([happened("n1", "n", 0)])
        runner.advance(waited * SECOND)
        runner.send([happened("f1", "f", 1)])
        assert len(runner.flush().alerts) == expected


@pytest.mark.parametrize(
    ("query", "message", "column"),
    [
        ("sequence [n where true]", "at least two events, found one", 1),
        ("sequence [n where true] ![m where true]", "needs with maxspan", 25),
        ("sequence with maxspan=5s ![n where true] ![m where true]", "missing events only", 26),
        ("sequence by k [n where true] [f where true] until ![x where true]", "missing one", 51),
        (
            "sequence by k [n where true] [f where true] until [x where true] with runs=2",
            "no meaning after until",
            51,
        ),
        ("sequence by k [n where true] [f where true] until [x where true] by j", "join keys", 51),
        ("sequence by k with maxspan=5s [n where true] ![m where true] by j", "join keys", 46),
    ],
)
def test_what_elasticsearch_refuses_is_refused_where_it_stands(
    query: str, message: str, column: int
) -> None:
    with pytest.raises(EqlSemanticError) as raised:
        rule(query)
    assert message in raised.value.message
    assert raised.value.column == column


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("sample by k [n where true] [f where true]", "sample"),
        ("join by k [n where true] [f where true]", "join"),
        ("sequence by k [n where true] with runs=300 [f where true]", "more than 256 events"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(query: str, name: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        rule(query)
    assert name in raised.value.message


def test_the_conditions_of_a_query_are_those_of_all_its_events_once() -> None:
    query = rule(
        "sequence by k with maxspan=5s [n where true] with runs=3 ![m where true]"
        " [f where true] until [u where true]"
    ).query
    assert isinstance(query, SequenceQuery)
    assert len(query.stages) == 5
    assert [stage.missing for stage in query.stages] == [False, False, False, True, False]
    assert query.until is not None
    distinct = (query.stages[0], query.stages[3], query.stages[4], query.until)
    assert query.conditions == tuple(stage.condition for stage in distinct)


def test_pipes_are_accepted_with_a_warning() -> None:
    for pipe in ("head 5", "tail 5"):
        loaded = rule(f"{FIVE_SECONDS} | {pipe}")
        [warning] = loaded.query.warnings
        assert pipe in warning
        assert sequences(driver(loaded), in_turn("nf")) == [("n1", "f1")]


def _reference(events: Sequence[tuple[str, int]], maxspan: int) -> list[tuple[str, str]]:
    """The table's rules for two stages, written down as directly as they can be."""
    waiting: list[tuple[str, int]] = []
    matches = []
    for name, time in events:
        if name.startswith("n"):
            waiting.append((name, time))
        elif waiting:
            start, began = waiting[-1]
            waiting.clear()
            if time - began <= maxspan:
                matches.append((start, name))
    return matches


@pytest.mark.parametrize("seed", range(20))
def test_random_streams_give_what_the_table_says(seed: int) -> None:
    source = random.Random(seed)
    times = sorted(source.sample(range(60), 25))
    events = [(f"{source.choice('nf')}{time}", time * SECOND) for time in times]
    records = [happened(name, name[0], time) for name, time in events]
    assert found(FIVE_SECONDS, *records) == _reference(events, 5 * SECOND)
