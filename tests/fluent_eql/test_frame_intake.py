"""Frames that the filter takes as a whole.

That those give what each rule finds alone is a property in test_many_rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluent_eql.detection import LEAST_TTL
from fluent_eql.event import Event, encode_value
from fluent_eql.filed import CHUNK
from fluent_eql.filter import EqlFilter
from fluent_eql.rules import Rule
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver, Result, make_event
from support.events import SECOND, Record
from support.reads import count_reads
from support.rules import driver, driver_without_notes, rule
from support.sequences import names
from support.whole_frames import Taken, databases_made_once, nested, whole_frames

WINDOW = 2 * SECOND
TWO = rule("sequence by k [n where true] [f where true]", name="Two")
THREE = rule("sequence by k [n where true] [m where true] [f where true]", name="Three")
OTHER = rule("sequence by k [p where true] [f where true]", name="Other")
SINGLE = rule("f where x == 1", name="Single")
RARE = rule("sequence by k [n where x == 1] [f where true]", name="Rare")
FILLERS = [
    rule(
        f'sequence by z{number} [q where zq == "no{number}"] [w where zw == "never{number}"]',
        name=f"Filler {number}",
    )
    for number in range(20)
]


@pytest.fixture(autouse=True, scope="module")
def databases() -> Iterator[None]:
    with databases_made_once():
        yield


@pytest.fixture(autouse=True)
def taken() -> Iterator[Taken]:
    """What the filters of a test have taken; all of them are given whole frames."""
    with whole_frames() as counted:
        yield counted


def many(*rules: Rule, **settings: Any) -> FilterDriver:
    """A driver of these rules, which are many with others that never match."""
    return driver_without_notes(*rules, *FILLERS, **settings)


def eql_of(runner: FilterDriver) -> EqlFilter:
    assert isinstance(runner.filter, EqlFilter)
    return runner.filter


def go_on_with(runner: FilterDriver, *rules: Rule) -> Result:
    """Let the driver's filter go on with other rules."""
    found, result = eql_of(runner), Result()
    runner._take(found.go_on_as(EqlFilter(rules, found._settings), runner.now), result)
    return runner._leave(result)


def n(name: str = "n1", time: int = 0, **fields: Any) -> Record:
    return nested(name, "n", time, **fields)


def m(name: str = "m1", time: int = SECOND, **fields: Any) -> Record:
    return nested(name, "m", time, **fields)


def f(name: str = "f1", time: int = 2 * SECOND, **fields: Any) -> Record:
    return nested(name, "f", time, **fields)


def p(name: str = "p1", time: int = 0, **fields: Any) -> Record:
    return nested(name, "p", time, **fields)


def told(alerts: Sequence[Record]) -> list[tuple[tuple[str, ...], bool]]:
    """The events of alerts, each with whether it is late."""
    return [(names(alert), alert.get("late", False)) for alert in alerts]


def tagged(records: Sequence[Record]) -> dict[str, list[str]]:
    """The rules of the alerts in records, by the records' ids."""
    return {
        record["event"]["id"]: [alert["rule"]["name"] for alert in record["eql"]["alerts"]]
        for record in records
        if "eql" in record
    }


def ids(records: Sequence[Record]) -> list[str]:
    return [record["event"]["id"] for record in records]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_sequence_within_one_frame_is_found_in_whatever_order_its_records_stand(
    order: tuple[int, ...], taken: Taken
) -> None:
    runner, records = many(THREE), [n(), m(), f()]
    frame = [records[place] for place in order]
    assert runner.send(frame).out == []
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "m1", "f1"), False)]
    assert ids(result.out) == ids(frame)
    assert tagged(result.out) == {"f1": ["Three"]}
    assert (taken.frames, taken.alone) == (1, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("wait", [0, WINDOW // 3])
def test_a_sequence_across_frames_is_found_in_whatever_order_they_come_within_the_window(
    order: tuple[int, ...], wait: int
) -> None:
    runner, records, results = many(THREE), [n(), m(), f()], []
    for place in order:
        results += [runner.send([records[place]]), runner.advance(wait)]
    results.append(runner.advance(2 * WINDOW))
    assert told([alert for one in results for alert in one.alerts]) == [(("n1", "m1", "f1"), False)]
    assert tagged([record for one in results for record in one.out]) == {"f1": ["Three"]}
    assert not [sent for one in results for sent in one.emitted]


@pytest.mark.parametrize("wait", [0, SECOND, WINDOW - 1])
def test_a_record_whose_first_event_comes_later_but_within_the_window_is_tagged_in_place(
    wait: int,
) -> None:
    runner = many(TWO)
    runner.send([f(), f("other", k="b")])
    assert runner.advance(wait).out == []
    assert ids(runner.send([n()]).held) == ["f1"]
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert tagged(result.out) == {"f1": ["Two"]}
    assert result.emitted == []


def test_a_record_whose_first_event_comes_after_the_window_gives_a_late_alert_once() -> None:
    runner = many(TWO)
    runner.send([f()])
    assert runner.advance(WINDOW).out == [f()]
    runner.send([n()])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), True)]
    assert [sent.record["event"]["id"] for sent in result.emitted] == ["f1"]
    runner.send([n("n2", 1)])
    assert told(runner.advance(WINDOW).alerts) == []


def test_each_record_is_read_for_a_rule_once_however_many_first_events_come() -> None:
    runner = many(TWO)
    without_id = f()
    del without_id["event"]["id"]
    runner.send([n("n1", 0), without_id, n("n2", 1), n("n3", 2)])
    runner.send([n("n4", 3), n("n5", 4)])
    assert len(runner.advance(WINDOW).alerts) == 1
    labels = dict(TWO.labels)
    assert runner.metric("fluent_eql_stage_matches_total", **labels) == 6


KEYED_BY_STAGE = rule("sequence [n where true] by k [m where true] by j [f where true] by i")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_key_fields_may_differ_by_stage(order: tuple[int, ...]) -> None:
    runner = many(KEYED_BY_STAGE)
    records = [n(k="a", j="x", i="y"), m(k="x", j="a", i="y"), f(k="x", j="y", i="a")]
    for place in order:
        runner.send([f("no", k="a", j="a", i="b"), records[place]])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "m1", "f1"), False)]


KEYED = [
    ({"k": ["a", "b"]}, {"k": "b"}, True),
    ({"k": ["a", "b"]}, {"k": ["c", "a"]}, True),
    ({"k": ["a"]}, {"k": "a"}, True),
    ({"k": 1}, {"k": 1}, True),
    ({"k": 1}, {"k": 1.0}, True),
    ({"k": 1}, {"k": True}, False),
    ({"k": 1}, {"k": "1"}, False),
    ({"k": b"a"}, {"k": "a"}, True),
    ({"k": None}, {"k": None}, False),
    ({"k": {"x": 1}}, {"k": {"x": 1}}, False),
]


@pytest.mark.parametrize(("first", "last", "is_found"), KEYED, ids=repr)
@pytest.mark.parametrize("comes_first", ["n", "f"])
@pytest.mark.parametrize("frames", [1, 2])
def test_keys_of_any_kind_join_the_records(
    first: Record, last: Record, is_found: bool, comes_first: str, frames: int
) -> None:
    runner = many(TWO)
    records = [n(**first), f(**last)]
    records = records if comes_first == "n" else records[::-1]
    for frame in [records] if frames == 1 else [[record] for record in records]:
        assert runner.send(frame).problems == []
    result = runner.advance(WINDOW)
    assert told(result.alerts) == ([(("n1", "f1"), False)] if is_found else [])
    assert len(result.out) + len(runner.flush().out) <= 2


ENDING = [
    ("sequence by k [n where true] [f where true] until [m where true]", [n(), f()], True),
    ("sequence by k [n where true] [f where true] until [m where true]", [n(), m(), f()], False),
    ("sequence by k with maxspan=5s [n where true] ![m where true] [f where true]", [n(), f()], 1),
    (
        "sequence by k with maxspan=5s [n where true] ![m where true] [f where true]",
        [n(), m(), f()],
        False,
    ),
    ("sequence by k [n where true] with runs=2 [f where true]", [n("n0"), n(), f()], True),
    ("sequence by k [n where true] with runs=2 [f where true]", [n(), f()], False),
    ("sequence by k [n where true] [f where true] with runs=2", [n(), f("f0"), f()], True),
    ("sequence by k [n where true] [f where true] with runs=2", [n(), f()], False),
]


@pytest.mark.parametrize(("query", "records", "is_found"), ENDING, ids=str)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_repeated_missing_and_ending_events_count_in_whatever_order_they_come(
    query: str, records: list[Record], is_found: bool, is_reversed: bool
) -> None:
    runner = many(rule(query))
    runner.send(records[::-1] if is_reversed else records)
    result = runner.advance(WINDOW)
    assert len(result.alerts) == bool(is_found)
    assert list(tagged(result.out).values()) == [["Test rule"]] * bool(is_found)


def test_what_time_has_to_decide_is_decided_then() -> None:
    runner = many(rule("sequence by k with maxspan=1s [n where true] ![f where true]"))
    runner.send([n(), n("n2", k="b"), f("f1", 1, k="b")])
    results = [runner.advance(WINDOW), runner.advance(10 * WINDOW)]
    assert [names(alert) for one in results for alert in one.alerts] == [("n1",)]
    assert ids([record for one in results for record in one.out]) == ["n1", "n2", "f1"]


def test_a_record_that_a_rule_of_single_events_finds_is_tagged_and_told_at_once() -> None:
    result = many(SINGLE).send([m(), f(x=1), f("f2", x=2)])
    assert [alert["rule"]["name"] for alert in result.alerts] == ["Single"]
    assert ids(result.out) == ["m1", "f1", "f2"]
    assert tagged(result.out) == {"f1": ["Single"]}


def test_a_record_that_is_decided_at_once_leaves_with_its_held_frame() -> None:
    other = rule("g where true", name="Other")
    runner = many(other, TWO)
    result = runner.send([nested("g1", "g", 0), f()])
    assert [alert["rule"]["name"] for alert in result.alerts] == ["Other"]
    assert result.out == []
    result = runner.advance(WINDOW)
    assert (ids(result.out), tagged(result.out)) == (["g1", "f1"], {"g1": ["Other"]})


@pytest.mark.parametrize("comes_first", ["n", "f"])
def test_a_record_that_a_single_rule_and_a_sequence_find_is_decided_once(comes_first: str) -> None:
    runner = many(SINGLE, TWO)
    frames = [[n()], [f(x=1)]]
    for frame in frames if comes_first == "n" else frames[::-1]:
        assert runner.send(frame).replaced == []
    result = runner.advance(WINDOW)
    assert tagged(result.out) == {"f1": ["Single", "Two"]}
    assert len(result.replaced) == 1


def test_a_record_that_is_decided_at_once_may_stand_between_others_later() -> None:
    runner = many(rule("m where x == 1", name="Middle"), THREE)
    assert len(runner.send([m(x=1), f()]).replaced) == 1
    runner.send([n()])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "m1", "f1"), False)]
    assert tagged(result.out) == {"m1": ["Middle"], "f1": ["Three"]}


def test_a_record_that_completes_two_rules_at_different_times_is_decided_once() -> None:
    runner = many(TWO, OTHER)
    runner.send([f()])
    runner.advance(SECOND)
    runner.send([n()])
    runner.advance(SECOND // 2)
    runner.send([p()])
    result = runner.advance(WINDOW)
    assert tagged(result.out) == {"f1": ["Two", "Other"]}
    assert len(result.replaced) == 1
    assert len(result.alerts) == 2


def test_a_record_completes_one_rule_in_place_and_another_one_late() -> None:
    runner = many(TWO, OTHER)
    runner.send([f()])
    runner.send([n()])
    assert tagged(runner.advance(WINDOW).out) == {"f1": ["Two"]}
    runner.send([p()])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("p1", "f1"), True)]
    assert tagged([sent.record for sent in result.emitted]) == {"f1": ["Other"]}


def test_a_frame_in_which_nothing_completes_a_sequence_is_not_held(taken: Taken) -> None:
    runner = many(TWO, SINGLE)
    frame = [m(), n(), p()]
    result = runner.send(frame)
    assert (result.out, result.held) == (frame, [])
    assert runner.filter.next_deadline() is None
    assert taken.frames == 1


def test_records_are_not_looked_at_where_nothing_has_begun(taken: Taken) -> None:
    runner = many(THREE, TWO, OTHER)
    for number in range(10):
        runner.send([f(f"f{number}", number), m(f"m{number}", number), f(k="b")])
    assert (taken.frames, taken.rows, taken.alone) == (10, 0, 0)
    assert runner.metric("fluent_eql_events_decoded_total") == 0
    runner.send([n()])
    assert taken.followers == 30


def test_records_that_can_follow_are_looked_at_from_the_first_event_on(taken: Taken) -> None:
    runner = many(TWO, OTHER)
    runner.send([f("f0"), m(), n(), f("f2", k="b"), m(), f("f3")])
    assert taken.rows == 3
    runner.advance(LEAST_TTL + WINDOW)
    runner.filter.advance(runner.now + 1)
    runner.send([f("f4")])
    assert taken.rows == 3


@pytest.mark.parametrize("places", list(itertools.permutations([0, 1, CHUNK - 1, CHUNK, 199], 2)))
def test_records_are_found_wherever_they_stand_in_a_long_frame(places: tuple[int, int]) -> None:
    runner = many(TWO)
    frame = [f(f"other{number}", k="b") for number in range(200)]
    frame[places[0]], frame[places[1]] = n(), f()
    runner.send(frame)
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert ids(result.out) == ids(frame)
    assert tagged(result.out) == {"f1": ["Two"]}


def test_all_records_that_wait_are_decided_when_the_stream_ends() -> None:
    runner = many(TWO)
    runner.send([f(), f("other", k="b")])
    runner.send([n()])
    runner.send([f("last", k="c")])
    result = runner.flush()
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert ids(result.out) == ["f1", "other", "last"]
    assert runner.filter.next_deadline() is None


def test_without_a_window_frames_wait_for_the_end() -> None:
    runner = many(TWO, reorder_window=None, max_entities=1)
    runner.send([f("f2", 5), f("x", k="b")])
    runner.send([f("f1", 3)])
    runner.send([n("n1", 1)])
    result = runner.advance(1000 * SECOND)
    assert (result.alerts, result.out) == ([], [])
    result = runner.flush()
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert tagged(result.out) == {"f1": ["Two"]}


def test_with_a_window_of_nothing_a_frame_leaves_at_once_and_a_record_of_it_completes_late() -> (
    None
):
    runner = many(TWO, reorder_window=0)
    assert ids(runner.send([f()]).out) == ["f1"]
    assert told(runner.send([n()]).alerts) == [(("n1", "f1"), True)]


@pytest.mark.parametrize(("wait", "found"), [(0, "f0"), (WINDOW, "f0"), (WINDOW + 1, "f2")])
def test_past_the_window_the_latest_frames_are_kept_with_as_many_records_as_keys(
    wait: int, found: str
) -> None:
    runner = many(TWO, max_entities=3)
    runner.send([f("f0", 10), f("f1", 11)])
    runner.advance(wait)
    runner.send([f("f2", 12), f("f3", 13)])
    runner.send([n()])
    assert [names(alert)[1] for alert in runner.advance(2 * WINDOW).alerts] == [found]


@pytest.mark.parametrize("kept", [False, True])
def test_frames_with_many_first_events_find_the_latest(kept: bool) -> None:
    runner = many(TWO, max_pending=3)
    if kept:
        runner.send([f()])
    runner.send([n(f"n{number}", number) for number in range(10)])
    if not kept:
        runner.send([f()])
    assert told(runner.advance(WINDOW).alerts) == [(("n9", "f1"), False)]


@pytest.mark.parametrize("step", [SECOND, -SECOND])
def test_of_first_events_that_are_sure_the_latest_wait_unread_however_many_come(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, reads = many(TWO, max_pending=3), count_reads(monkeypatch)
    for number in range(20):
        runner.send([n(f"n{number}", (30 + number) * step)])
    assert reads == []
    runner.send([f("f1", 100 * SECOND)])
    assert 4 <= len(reads) <= 6 + 1
    latest = "n19" if step > 0 else "n0"
    assert told(runner.advance(WINDOW).alerts) == [((latest, "f1"), False)]


def test_first_events_that_are_forgotten_are_those_that_happened_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner, reads = many(TWO, max_pending=3), count_reads(monkeypatch)
    for time in (50, 10, 40, 11, 30, 12, 13):
        runner.send([n(f"n{time}", time * SECOND)])
    assert reads == []
    for time in (31, 41, 51):
        runner.send([f(f"f{time}", time * SECOND)])
    alerts = told(runner.advance(WINDOW).alerts)
    assert alerts == [((f"n{time - 1}", f"f{time}"), False) for time in (31, 41, 51)]


def test_of_a_sequence_of_three_no_first_event_is_forgotten() -> None:
    runner = many(THREE, max_pending=2)
    runner.send([n("n1", 1)])
    runner.send([m("m1", 2)])
    for number in range(9):
        runner.send([n(f"later{number}", SECOND + number)])
    runner.send([f()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "m1", "f1"), False)]


@pytest.mark.parametrize(("wait", "expected"), [(0, [(("n1", "f1"), True)]), (1, [])])
def test_a_record_that_came_longer_ago_than_the_time_to_live_follows_nothing(
    wait: int, expected: list[Any]
) -> None:
    runner = many(TWO, state_ttl=60 * SECOND)
    runner.send([f()])
    runner.advance(60 * SECOND + wait)
    runner.send([n()])
    assert told(runner.advance(WINDOW).alerts) == expected


def test_a_first_event_that_came_longer_ago_than_the_time_to_live_is_forgotten() -> None:
    runner = many(TWO, state_ttl=60 * SECOND)
    runner.send([n()])
    runner.advance(60 * SECOND + 1)
    runner.filter.advance(runner.now)
    runner.send([f()])
    assert runner.advance(WINDOW).alerts == []


def test_with_notes_the_records_of_a_frame_are_taken_one_by_one_and_noted(taken: Taken) -> None:
    runner = driver(TWO, *FILLERS)
    assert ids(runner.send([f(), n()]).held) == ["f1"]
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert taken.frames == 0
    assert len(result.notes) == 1


def test_of_few_rules_the_records_of_a_frame_are_taken_one_by_one(taken: Taken) -> None:
    runner = driver_without_notes(TWO)
    runner.send([f(), n()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]
    assert taken.frames == 0


class Entries:
    """A frame of records, and None for entries that are none."""

    def __init__(self, records: Sequence[Record | None]) -> None:
        self.tag = "t"
        self._events = [None if record is None else make_event(record) for record in records]
        entries = [
            b"\x92\x92\x00\x80" + encode_value(record or {"event": {"category": "f"}, "k": "a"})
            for record in records
        ]
        self.body = b"".join(entries)
        self.ends = list(itertools.accumulate(map(len, entries)))

    def event(self, number: int) -> Event | None:
        return self._events[number]


@pytest.mark.parametrize("is_many", [False, True])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_entries_that_are_no_records_are_passed_over(is_many: bool, is_reversed: bool) -> None:
    rules = (TWO, rule("any where true", name="Every"), *FILLERS)
    found = EqlFilter(rules if is_many else rules[:2], EqlOptions())
    batch = Entries([None, *([f(), n()] if is_reversed else [n(), f()]), None])
    outcomes = [found.process_batch(batch, 0), found.advance(WINDOW)]
    assert [problem for one in outcomes for problem in one.problems] == []
    completing = [one for one in outcomes[1].alerts if one["rule"]["name"] == "Two"]
    assert told(completing) == [(("n1", "f1"), False)]
    decided = [event for one in outcomes for event, _ in one.decided]
    assert len(decided) == 2
    assert None not in decided


ARRAY_AS_KEY = b"\x81\x91\x01\xa1\xff"
"""A map that msgpack allows and Python does not; its value is no UTF-8."""


def test_a_record_that_cannot_be_read_further_than_as_a_row_ends_nothing(taken: Taken) -> None:
    asks = rule('sequence by k [n where true] [f where event.deep.y == "z"]', name="Asks")
    runner = many(asks, TWO, OTHER)
    record = f("f2", 1, k="b")
    record["event"]["deep"] = [{"y": "z", "w": "instead"}]
    raw = make_event(record).raw.replace(encode_value("instead"), ARRAY_AS_KEY)
    odd = Event("test", 0, raw)
    result = runner.send([n(), odd, f("f1", 2)])
    assert (taken.rows, taken.alone) == (3, 0)
    alerts = [names(alert) for alert in runner.advance(2 * WINDOW).alerts]
    assert (alerts, result.problems) == ([("n1", "f1")], [])


@pytest.mark.parametrize("raw", [b"\x05", b"\xc0", b"\x90", b"\xa1k"], ids=repr)
def test_a_record_that_is_no_map_is_a_problem_and_the_others_are_found(raw: bytes) -> None:
    runner = many(TWO, rule("any where true", name="Every"))
    result = runner.send([f(), Event("t", 0, raw), n()])
    assert [failure.record for failure in result.problems] == [{"raw": raw}]
    result = runner.advance(WINDOW)
    assert tagged([r for r in result.out if "event" in r])["f1"] == ["Two", "Every"]
    assert {"raw": raw} in result.out


def test_records_that_rows_cannot_hold_any_more_are_found_all_the_same() -> None:
    with whole_frames(first_look=10):
        runner = many(RARE)
    sieve = eql_of(runner)._running.sieve
    assert sieve is not None
    assert "x" not in sieve.columns.names
    runner.send([f("f0", 3, k="b"), f(x=True), f("f2", 5 * SECOND, x=True)])
    runner.send([n(f"no{number}", x=2, k="c") for number in range(20)])
    assert "x" in sieve.columns.names
    runner.send([n(x=1)])
    result = runner.advance(WINDOW)
    assert told(result.alerts) == [(("n1", "f1"), False)]
    assert tagged(result.out) == {"f1": ["Rare"]}


CHANGED = rule("sequence by k [n where true] [f where not x == 1]", name="Two")
NEW = rule(TWO.query_text, name="New")
SETS: dict[str, tuple[Rule, ...]] = {
    "alone": (TWO,),
    "few": (FILLERS[0], TWO),
    "many": (TWO, *FILLERS),
    "other places": (*FILLERS[::-1], THREE, TWO),
    "fewer": (FILLERS[3], TWO, *FILLERS[:2]),
}


@pytest.mark.parametrize("before", SETS)
@pytest.mark.parametrize("after", SETS)
@pytest.mark.parametrize("comes_first", ["n", "f"])
def test_a_rule_that_has_not_changed_goes_on_whatever_rules_come_or_go(
    before: str, after: str, comes_first: str
) -> None:
    runner = driver_without_notes(*SETS[before])
    frames = [[n()], [f(), f("other", k="b")]]
    frames = frames if comes_first == "n" else frames[::-1]
    runner.send(frames[0])
    go_on_with(runner, *SETS[after])
    runner.send(frames[1])
    result = runner.advance(WINDOW)
    assert told(result.alerts)[-1:] == [(("n1", "f1"), False)]
    assert tagged(result.out) == {"f1": ["Two"]}


@pytest.mark.parametrize("fresh", [CHANGED, NEW], ids=["changed", "new"])
def test_a_changed_rule_and_a_new_one_know_of_no_first_event_that_came_before(fresh: Rule) -> None:
    runner = many(TWO)
    runner.send([n()])
    go_on_with(runner, fresh, *FILLERS)
    runner.send([f()])
    assert runner.advance(WINDOW).alerts == []


@pytest.mark.parametrize("fresh", [CHANGED, NEW], ids=["changed", "new"])
@pytest.mark.parametrize(("wait", "is_late"), [(0, False), (WINDOW, True)])
def test_what_a_frame_that_is_kept_has_follows_a_changed_rule_and_a_new_one(
    fresh: Rule, wait: int, is_late: bool
) -> None:
    runner = many(TWO)
    runner.send([f()])
    runner.advance(wait)
    go_on_with(runner, fresh, *FILLERS)
    runner.send([n()])
    assert told(runner.advance(WINDOW).alerts) == [(("n1", "f1"), is_late)]


def test_what_a_rule_has_read_it_does_not_read_again_after_other_rules_have_come() -> None:
    runner = many(TWO)
    without_id = f()
    del without_id["event"]["id"]
    runner.send([without_id, n()])
    go_on_with(runner, OTHER, *FILLERS, TWO)
    runner.send([n("n2", k="c"), n("n3", 1)])
    assert len(runner.advance(WINDOW).alerts) == 1


@pytest.mark.parametrize(
    ("between", "expected"),
    [(n("n0", SECOND, k=["a", "c"]), ("n0", "f1")), (f("f0", 3 * SECOND, k=["a"]), ("n1", "f1"))],
    ids=["n", "f"],
)
@pytest.mark.parametrize("is_reloaded", [False, True], ids=["evicted", "reloaded"])
def test_what_came_before_is_found_though_it_is_not_known_of_a_key_whether_a_sequence_has_begun(
    between: Record, expected: tuple[str, str], is_reloaded: bool
) -> None:
    runner = many(TWO, max_entities=2)
    runner.send([f()])
    if is_reloaded:
        go_on_with(runner, TWO, *FILLERS)
    else:
        runner.send([n(f"other{number}", k=f"other{number}") for number in range(5)])
    runner.send([between])
    runner.send([n("n1", 0)])
    assert told(runner.advance(WINDOW).alerts) == [(expected, False)]


def test_what_follows_only_a_rule_that_is_gone_is_let_go_as_it_is() -> None:
    runner = many(TWO)
    runner.send([f()])
    go_on_with(runner, *FILLERS)
    runner.send([n()])
    result = runner.advance(WINDOW)
    assert (result.alerts, ids(result.out)) == ([], ["f1"])
    assert runner.filter.next_deadline() is None


def test_what_waits_for_a_rule_that_is_gone_is_decided_as_it_was() -> None:
    runner = many(TWO)
    runner.send([n(), f()])
    result = go_on_with(runner, *FILLERS)
    assert told(result.alerts + runner.advance(WINDOW).alerts) == [(("n1", "f1"), False)]


STREAM = st.lists(
    st.tuples(
        st.sampled_from([0, 0, SECOND // 2, SECOND, 3 * SECOND]),
        st.lists(
            st.tuples(
                st.sampled_from("nnmff"),
                st.sampled_from([0, 0, SECOND // 2, SECOND, WINDOW - 1]),
                st.sampled_from(["a", "a", "b", 1, ["a", "b"]]),
            ),
            min_size=1,
            max_size=4,
        ),
        st.one_of(st.none(), st.none(), st.sampled_from(list(SETS))),
    ),
    max_size=10,
)
"""How long nothing comes, which frame comes then, each record with how long after it happened, and
the rules that run from then on."""


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(STREAM, st.sampled_from(list(SETS)))
def test_a_rule_finds_the_same_whatever_rules_come_and_go_beside_it(
    stream: list[tuple[int, list[tuple[str, int, Any]], str | None]], first: str
) -> None:
    alone, beside = driver(TWO), driver_without_notes(*SETS[first])
    results: dict[FilterDriver, list[Result]] = {alone: [], beside: []}
    numbers = itertools.count()
    for wait, frame, others in stream:
        if others is not None:
            results[beside].append(go_on_with(beside, *SETS[others]))
        records = [
            nested(f"{category}{next(numbers)}", category, alone.now + wait - delay, k=key)
            for category, delay, key in frame
        ]
        for runner, found in results.items():
            found += [runner.advance(wait), runner.send(records)]
    for runner, found in results.items():
        found.append(runner.advance(10 * WINDOW))
    assert _of_two(results[beside]) == _of_two(results[alone])


def _of_two(results: Sequence[Result]) -> tuple[list[Any], list[str], int]:
    """A rule's alerts, the ids of the records tagged in place by it, and how many records left."""
    alerts = [alert for result in results for alert in result.alerts]
    out = [record for result in results for record in result.out]
    return (
        sorted(told([alert for alert in alerts if alert["rule"]["id"] == TWO.id])),
        sorted(id for id, rules in tagged(out).items() if TWO.name in rules),
        len(out),
    )


def test_while_the_sieve_rests_frames_are_taken_as_single_events(
    monkeypatch: pytest.MonkeyPatch, taken: Taken
) -> None:
    runner = many(TWO, THREE, OTHER)
    runner.send([f("f0", 1, k="b"), n()])
    sieve = eql_of(runner)._running.sieve
    assert sieve is not None
    monkeypatch.setattr(sieve, "_rest", 2)
    runner.send([f("f1", 2), n("n2", 0, k="b")])
    assert taken.frames == 1
    runner.send([m(), f("f2", 3)])
    assert taken.frames == 2
    alerts = [names(alert) for alert in runner.advance(2 * WINDOW).alerts]
    assert sorted(alerts) == [("n1", "f1"), ("n2", "f0")]
