"""Many rules together find what each finds alone.

Few rules read the events that could complete something when they come; of many, next to all events
wait unread, for all rules together. Where all records of frames have to be looked at, frames are
taken as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluent_eql import running
from fluent_eql.rules import Rule
from fluent_eql.testing import FilterDriver
from support.events import SECOND, Record
from support.random_queries import random_trial
from support.rules import driver, driver_without_notes, rule
from support.sequences import happened
from support.whole_frames import databases_made_once, nested, whole_frames

WINDOW = 2 * SECOND
TRIALS = 150
SLOW = [HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large]
Step = tuple[int, list[Record]]
"""How long nothing comes, in nanoseconds, and what comes then."""


@pytest.fixture(autouse=True, scope="module")
def databases() -> Iterator[None]:
    with databases_made_once():
        yield


def found(runner: FilterDriver, steps: Sequence[Step]) -> list[tuple[str, str, bool]]:
    """The alerts, each with its rule, its id and whether it was late."""
    results = []
    for wait, records in steps:
        results += [runner.advance(wait), runner.send(records)]
    results.append(runner.advance(10 * WINDOW))
    assert not [problem for result in results for problem in result.problems]
    assert sum(len(result.out) for result in results) == sum(len(records) for _, records in steps)
    return sorted(
        (alert["rule"]["name"], alert["id"], alert.get("late", False))
        for result in results
        for alert in result.alerts
    )


def steps_of(random: Random, records: Sequence[Record]) -> Iterator[Step]:
    """The records in parts, with pauses that the reorder window bridges or not."""
    left = list(records)
    while left:
        count = random.randint(1, 3)
        yield random.choice((0, 0, SECOND // 2, SECOND, 3 * SECOND)), left[:count]
        left = left[count:]


@pytest.mark.parametrize("number", range(TRIALS))
def test_many_rules_find_what_each_finds_alone_in_whatever_order_events_come(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(f"many/{number}")
    trial = random_trial(random, most_queries=4)
    rules = [rule(text, name=f"{number}") for number, text in enumerate(trial.texts)]
    steps = list(steps_of(random, [event.record for event in trial.stream]))
    alone = [item for one in rules for item in found(driver(one, reorder_window=WINDOW), steps)]
    assert alone == [
        item
        for one in rules
        for item in found(driver_without_notes(one, reorder_window=WINDOW), steps)
    ]
    monkeypatch.setattr(running, "WORTH_A_SCAN", 0)
    together = found(driver_without_notes(*rules, reorder_window=WINDOW), steps)
    assert together == sorted(alone)
    with whole_frames(first_look=3) as taken:
        assert found(driver_without_notes(*rules, reorder_window=WINDOW), steps) == together
    assert taken.frames == len(steps)


CONDITIONS = ('a == "x"', 'a : "X*"', 'b == "y"', 'b == "y" and c > 2', "c == 3", "true")
QUERY = st.tuples(
    st.sampled_from(["k", "j", "k, j", "j, k"]),
    st.lists(
        st.tuples(st.sampled_from("nfpm"), st.sampled_from(CONDITIONS)), min_size=2, max_size=4
    ),
    st.sampled_from(["", "with maxspan=3s"]),
).map(
    lambda parts: (
        f"sequence by {parts[0]} {parts[2]} "
        + " ".join(f"[{category} where {condition}]" for category, condition in parts[1])
    )
)
KEYS = st.sampled_from(["1", "2", 1, None, ["1", "2"]])
EVENT: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "category": st.sampled_from("nfpm"),
        "time": st.integers(0, 8),
        "k": KEYS,
        "j": st.sampled_from(["1", "2"]),
    },
    optional={"a": st.sampled_from(["x", "xx"]), "b": st.just("y"), "c": st.sampled_from([2, 3.0])},
)
STEPS = st.lists(
    st.tuples(st.sampled_from([0, WINDOW // 20]), st.lists(EVENT, min_size=1, max_size=3)),
    max_size=12,
)


@settings(max_examples=100, suppress_health_check=SLOW, deadline=None)
@given(st.lists(QUERY, min_size=4, max_size=7, unique=True), STEPS)
def test_sequences_that_share_events_and_keys_find_what_each_finds_alone_within_the_window(
    queries: list[str], steps: list[tuple[int, list[dict[str, Any]]]]
) -> None:
    rules = [rule(query, name=f"{number}") for number, query in enumerate(queries)]
    numbers = iter(range(1000))
    made = [
        (
            wait,
            [
                happened(f"e{next(numbers)}", **{**event, "time": event["time"] * SECOND // 2})
                for event in events
            ],
        )
        for wait, events in steps
    ]
    alone = [item for one in rules for item in found(driver(one, reorder_window=WINDOW), made)]
    together = found(driver_without_notes(*rules, reorder_window=WINDOW), made)
    assert together == sorted(alone)


MORE_CONDITIONS = (
    *CONDITIONS,
    'a in ("x", "q") or b == "y"',
    'c > 1 and a != "x"',
    'p.q == "z" or a == "x"',
    "p.q != null",
)
EVENT_QUERY = st.tuples(st.sampled_from("nfpm"), st.sampled_from(MORE_CONDITIONS)).map(
    lambda parts: f"{parts[0]} where {parts[1]}"
)
SPAN = st.sampled_from(["", "with maxspan=3s"])
UNTIL = st.one_of(st.just(""), st.just(""), EVENT_QUERY.map(lambda query: f"until [{query}]"))
RUNS = st.sampled_from(["", "", "", "with runs=2"])
BY_ALL = st.builds(
    lambda keys, span, stages, until: (
        f"sequence by {keys} {span} "
        + " ".join(f"[{query}] {runs}" for query, runs in stages)
        + f" {until}"
    ),
    st.sampled_from(["k", "j", "k, j", "j, k"]),
    SPAN,
    st.lists(st.tuples(EVENT_QUERY, RUNS), min_size=2, max_size=4),
    UNTIL,
)
BY_EACH = st.builds(
    lambda span, stages: (
        f"sequence {span} " + " ".join(f"[{query}] by {key}" for query, key in stages)
    ),
    SPAN,
    st.lists(st.tuples(EVENT_QUERY, st.sampled_from("kj")), min_size=2, max_size=3),
)
MANY_RULES = st.lists(
    st.one_of(BY_ALL, BY_ALL, BY_EACH, EVENT_QUERY), min_size=4, max_size=7, unique=True
).map(lambda queries: [rule(query, name=f"{number}") for number, query in enumerate(queries)])
PLAIN_EVENT: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "category": st.sampled_from("nfpm"),
        "time": st.integers(0, 8),
        "k": st.sampled_from([*("1" * 8), *("2" * 4), 1, None, ["1", "2"]]),
        "j": st.sampled_from(["1", "2"]),
    },
    optional={
        "a": st.sampled_from(["x", "xx", ["x", "q"]]),
        "b": st.just("y"),
        "c": st.sampled_from([2, 3, 2, 3, 2, 3, 3.0]),
        "p__q": st.sampled_from(["z", "w", "z", "w", "z", "w", True]),
    },
)
PLAIN_STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0, WINDOW // 20]), st.lists(PLAIN_EVENT, min_size=2, max_size=6)),
    min_size=3,
    max_size=8,
)


def test_frames_taken_as_a_whole_give_what_each_rule_finds_alone_within_the_window() -> None:
    @settings(max_examples=100, suppress_health_check=SLOW, deadline=None)
    @given(MANY_RULES, PLAIN_STEPS)
    def law(rules: list[Rule], steps: list[tuple[int, list[dict[str, Any]]]]) -> None:
        numbers = iter(range(1000))
        made = [
            (
                wait,
                [
                    nested(f"e{next(numbers)}", **{**event, "time": event["time"] * SECOND // 2})
                    for event in events
                ],
            )
            for wait, events in steps
        ]
        alone = [item for one in rules for item in found(driver(one, reorder_window=WINDOW), made)]
        before = taken.frames
        together = found(driver_without_notes(*rules, reorder_window=WINDOW), made)
        assert together == sorted(alone)
        assert taken.frames == before + len(made)

    with whole_frames(first_look=5) as taken:
        law()
    assert taken.rows > 2 * taken.alone > 0
    assert taken.followers > 0


def test_a_record_that_came_first_is_tagged_for_all_rules_that_it_completes() -> None:
    queries = [f'sequence by k [n where a == "{number}"] [f where true]' for number in range(4)]
    rules = [rule(query, name=f"{number}") for number, query in enumerate(queries)]
    runner = driver_without_notes(*rules, reorder_window=WINDOW)
    runner.send([happened("f", "f", SECOND)])
    runner.send([happened("n3", "n", 3, a="3")])
    runner.send([happened("n1", "n", 1, a="1")])
    assert [alert["rule"]["name"] for alert in runner.advance(WINDOW).alerts] == ["1", "3"]
