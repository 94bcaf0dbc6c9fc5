from __future__ import annotations

from collections.abc import Iterable

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.api import Stateful
from fluent_eql.event import Event, encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.notes import NotedMatch, decode_note, digest_of, encode_note
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver, Result
from support.events import SECOND, Scene
from support.rules import driver, rule
from support.sequences import happened, names

MINUTE = 60 * SECOND
TWO = "sequence by k with maxspan=5s [n where true] [f where true]"

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
times = st.integers(-(10**21), 10**21)


def restarted(
    runner: FilterDriver, *results: Result, age: int = SECOND, now: int = 0
) -> FilterDriver:
    """A fresh filter of the same rules that knows what these results noted, all of it delivered."""
    old = runner.filter
    assert isinstance(old, EqlFilter)
    fresh = EqlFilter(old.rules, EqlOptions(reorder_window=0))
    assert isinstance(fresh, Stateful)
    assert fresh.recall([(age, note) for result in results for note in result.notes], now) == []
    return FilterDriver(fresh, now=now)


def recalled(notes: Iterable[bytes], *queries: str) -> tuple[FilterDriver, list[str]]:
    fresh = EqlFilter([rule(query) for query in queries], EqlOptions(reorder_window=0))
    told = fresh.recall([(0, note) for note in notes], 0)
    return FilterDriver(fresh), told


def test_a_sequence_whose_events_straddle_a_restart_is_found() -> None:
    scene, runner = Scene(), driver()
    again = restarted(runner, runner.send([scene.network(0)]))
    (tagged,) = again.send([scene.file(SECOND)]).out + again.flush().out
    assert tagged["eql"]["alerts"][0]["sequence"]["span_ns"] == SECOND


def test_its_alert_has_the_id_that_it_would_have_had() -> None:
    scene, runner, whole = Scene(), driver(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    whole.send([network, file])
    again = restarted(runner, runner.send([network]))
    (alert,) = again.send([file]).alerts + again.flush().alerts
    assert alert == whole.flush().alerts[0]


def test_a_network_event_after_the_restart_completes_a_file_before_it_late() -> None:
    scene, runner = Scene(), driver(reorder_window=0)
    file = scene.file(SECOND)
    again = restarted(runner, runner.send([file], tag="app"))
    result = again.send([scene.network(0)])
    (late,) = result.emitted
    assert late.record["event"]["id"] == file["event"]["id"]
    assert result.alerts[0]["late"] is True
    assert len(result.notes) == 2


def test_a_late_alert_that_was_given_before_a_restart_is_not_given_again() -> None:
    scene, runner = Scene(), driver(reorder_window=0)
    before = runner.send([scene.file(SECOND)])
    late = runner.send([scene.network(0)])
    assert len(late.alerts) == 1
    again = restarted(runner, before, late)
    again.filter.advance(0)
    assert again.flush().alerts == []


def test_a_late_alert_that_was_not_delivered_is_given_after_the_restart() -> None:
    scene, runner = Scene(), driver(reorder_window=SECOND)
    file = runner.send([scene.file(SECOND)])
    decided = runner.advance(SECOND)
    network = runner.send([scene.network(0)])
    again = restarted(runner, file, decided, network)
    outcome = again.filter.advance(0)
    assert [alert["late"] for alert in outcome.alerts] == [True]
    assert len(outcome.emitted) == 1


def test_a_completed_sequence_is_not_told_again_after_a_restart() -> None:
    scene, runner = Scene(), driver(reorder_window=0)
    network, file = scene.network(0), scene.file(SECOND)
    result = runner.send([network, file])
    assert len(result.alerts) == 1
    again = restarted(runner, result)
    repeated = again.send([network, file])
    assert repeated.alerts == []
    assert [("eql" in record) for record in repeated.out] == [False, True]


def test_what_was_not_delivered_before_a_restart_is_told_when_it_comes_again() -> None:
    scene, runner = Scene(), driver(reorder_window=0)
    network, file = scene.network(0), scene.file(SECOND)
    delivered = runner.send([network])
    runner.send([file])
    assert len(restarted(runner, delivered).send([file]).alerts) == 1


MISSING = "sequence by k with maxspan=5s [n where true] ![m where true]"
UNTIL = "sequence by k [n where true] [f where true] until [u where true]"


def test_an_ending_event_before_a_restart_has_ended_what_was_begun() -> None:
    for kinds, expected in (("n", 1), ("nu", 0), ("nun", 1)):
        runner, _ = recalled([], UNTIL)
        sent = [happened(f"{kind}{n}", kind, n) for n, kind in enumerate(kinds)]
        fresh, told = recalled(runner.send(sent).notes, UNTIL)
        fresh.filter.advance(0)
        assert (len(fresh.send([happened("f9", "f", 9)]).alerts), told) == (expected, [])


def test_what_must_be_missing_is_waited_for_across_a_restart() -> None:
    for events, age, expected in (("n", 4, 0), ("n", 6, 1), ("nm", 6, 0)):
        runner, _ = recalled([], MISSING)
        sent = [happened(f"{kind}{n}", kind, n * SECOND) for n, kind in enumerate(events)]
        again = restarted(runner, runner.send(sent), age=age * SECOND, now=100 * SECOND)
        outcome = again.filter.advance(100 * SECOND)
        assert [alert["late"] for alert in outcome.alerts] == [True] * expected
        following = again.filter.next_deadline()
        assert following is None or following > 100 * SECOND


def test_an_alert_of_what_was_missing_is_not_given_again_after_a_restart() -> None:
    runner, _ = recalled([], MISSING)
    before = runner.send([happened("n1", "n", 0)])
    late = runner.advance(6 * SECOND)
    assert len(late.alerts) == 1
    again = restarted(runner, before, late, age=60 * SECOND)
    assert again.advance(60 * SECOND).alerts == []


def test_a_note_of_what_stands_in_no_alert_holds_no_record() -> None:
    runner, _ = recalled([], MISSING)
    result = runner.send([happened("m1", "m", 0, secret="x"), happened("n1", "n", 1, secret="y")])
    assert [decode_note(written).event.raw == b"" for written in result.notes] == [True, False]


def test_the_time_that_has_passed_counts_towards_the_ttl() -> None:
    scene, runner = Scene(), driver()
    noted = runner.send([scene.network(0)])
    for minutes, alerts in ((9, 1), (11, 0)):
        again = restarted(runner, noted, age=minutes * MINUTE)
        again.filter.advance(0)
        assert len(again.send([scene.file(SECOND)]).alerts) == alerts


def test_a_filter_without_sequences_has_nothing_to_remember() -> None:
    assert EqlFilter([rule("any where true")], EqlOptions()).memory == 0
    assert EqlFilter([rule(TWO)], EqlOptions()).memory == 10 * MINUTE
    assert EqlFilter([rule(TWO)], EqlOptions(state_ttl=MINUTE)).memory == MINUTE


def test_a_changed_rule_begins_anew_and_that_is_told() -> None:
    runner, _ = recalled([], TWO)
    notes = runner.send([happened("n1", "n", 0)]).notes
    fresh, told = recalled(notes, TWO.replace("5s", "6s"))
    assert told == ["id-Test rule: what the rule remembered is forgotten"]
    assert fresh.send([happened("f1", "f", 1)]).alerts == []


def test_a_rule_with_other_exceptions_is_another() -> None:
    exceptions: list[tuple[tuple[int | None, str], ...]] = [
        (),
        ((None, "a == 1"),),
        ((0, "a == 1"),),
        ((0, "a == 2"),),
        ((0, "a == 1"), (0, "a == 2")),
    ]
    digests = [digest_of(rule(TWO, exceptions=item)) for item in exceptions]
    assert len(set(digests)) == len(exceptions)
    assert digest_of(rule(TWO, severity="high", exceptions=exceptions[2])) == digests[2]


def test_rules_that_stay_keep_what_they_remember() -> None:
    old = EqlFilter([rule(TWO), rule(TWO, name="Gone")], EqlOptions(reorder_window=0))
    notes = FilterDriver(old).send([happened("n1", "n", 0)]).notes
    fresh, told = recalled(notes, TWO)
    assert [line.partition(":")[0] for line in told] == ["id-Gone"]
    (alert,) = fresh.send([happened("f1", "f", 1)]).alerts
    assert names(alert) == ("n1", "f1")


def test_events_of_the_same_time_keep_the_order_of_their_arrival() -> None:
    runner, _ = recalled([], TWO)
    first, second = (runner.send([happened(name, "n", 0)]).notes for name in ("n1", "n2"))
    fresh, _ = recalled([*second, *first], TWO)
    fresh.filter.advance(0)
    (alert,) = fresh.send([happened("f1", "f", 0)]).alerts
    assert names(alert) == ("n2", "f1")


@pytest.mark.parametrize(
    "note",
    [b"", b"\xc1", b"\x90", encode_value({}), encode_value([2] * 10), encode_value([1] * 10)],
)
def test_bytes_that_are_no_note_are_left_out_and_that_is_told(note: bytes) -> None:
    with pytest.raises(ValueError, match="not a note"):
        decode_note(note)
    runner, _ = recalled([], TWO)
    good = runner.send([happened("n1", "n", 0)]).notes
    fresh, told = recalled([note, *good], TWO)
    assert told == ["1 notes cannot be read"]
    assert len(fresh.send([happened("f1", "f", 1)]).alerts) == 1


@given(
    time=times,
    tiebreaker=st.just(float("inf")) | st.integers(-(2**63), 2**64 - 1),
    event_id=st.lists(st.text() | st.integers(-(2**63), 2**64 - 1), max_size=2),
    by=st.lists(scalars, max_size=3),
    event=st.builds(Event, st.text(), times, st.binary()),
    completes=st.booleans(),
)
@settings(max_examples=200)
def test_a_note_says_all_of_its_match_again(
    time: int,
    tiebreaker: float,
    event_id: list[str | int],
    by: list[object],
    event: Event,
    completes: bool,
) -> None:
    noted = NotedMatch(
        rule_id="r",
        digest=digest_of(rule(TWO)),
        order=(time, tiebreaker, 5),
        stages=(1, 0),
        identity=(tuple(event_id), time, None) if event_id else None,
        by=tuple(by),
        event=event,
        completes=completes,
        announced=True,
    )
    again = decode_note(encode_note(noted))
    assert (again.order, again.identity, again.stages) == (
        noted.order,
        noted.identity,
        noted.stages,
    )
    assert msgpack.packb(again.by) == msgpack.packb(noted.by)
    assert (again.rule_id, again.digest, again.announced) == ("r", noted.digest, True)
    assert again.completes is completes
    assert (again.event.tag, again.event.time, again.event.raw) == (
        event.tag,
        event.time,
        event.raw,
    )
