"""Events that arrive in disorder, late or twice, on an explicit clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.testing import FilterDriver, Result
from support.events import MILLISECOND, SECOND, Record, Scene
from support.rules import SHIPPED_SLUG, driver, rule
from support.sequences import happened, names

WINDOW = 2 * SECOND
TWO = "sequence by k with maxspan=5s [n where true] [f where true]"
ALERT_TAG = f"eql.alert.{SHIPPED_SLUG}"


def tagged(result: Result) -> list[Record]:
    """The records that left with an alert in them."""
    return [record for _, records in result.replaced for record in records]


def alerts_total(runner: FilterDriver, slug: str, late: str) -> float:
    rule_id = "6d3b5c0e-9a41-4f0b-8f5e-2c7b1f7a9d64"
    return runner.metric("fluent_eql_alerts_total", rule=slug, rule_id=rule_id, late=late)


def test_in_order_the_second_event_is_held_for_the_window_and_then_tagged() -> None:
    scene, runner = Scene(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    assert runner.send([network]).kept == [network]
    runner.advance(SECOND)
    sent = runner.send([file])
    assert (sent.held, sent.out) == ([file], [])
    assert runner.advance(WINDOW - 1).out == []
    result = runner.advance(1)
    [record] = tagged(result)
    assert result.out == [record]
    assert record["tags"] == ["eql-alert", SHIPPED_SLUG]
    assert [names(alert) for alert in result.alerts] == [
        (network["event"]["id"], file["event"]["id"])
    ]
    assert alerts_total(runner, SHIPPED_SLUG, "false") == 1


def test_a_held_record_without_its_predecessor_goes_on_as_it_came() -> None:
    scene, runner = Scene(), driver()
    file = scene.file()
    runner.send([file])
    result = runner.advance(WINDOW)
    assert (result.kept, result.out, result.alerts) == ([file], [file], [])


def test_the_second_event_first_is_tagged_in_place_within_the_window() -> None:
    scene, runner = Scene(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    runner.send([file])
    runner.advance(WINDOW - 1)
    assert runner.send([network]).out == [network]
    result = runner.advance(1)
    assert len(tagged(result)) == 1
    assert result.emitted == []
    assert result.alerts[0]["sequence"]["span_ns"] == SECOND


def test_a_network_event_past_the_window_is_too_late_for_the_place() -> None:
    scene, runner = Scene(), driver()
    runner.send([scene.file(SECOND)])
    runner.advance(WINDOW)
    runner.send([scene.network(0)])
    result = runner.advance(WINDOW)
    assert tagged(result) == []
    assert [alert["late"] for alert in result.alerts] == [True]


def test_files_held_back_while_the_network_stream_runs_ahead_are_tagged_in_place() -> None:
    scene, runner = Scene(), driver()
    network = [scene.network(beat * SECOND) for beat in range(30)]
    files = [scene.file(beat * SECOND + 500 * MILLISECOND) for beat in range(30)]
    for event in network:
        runner.send([event])
        runner.advance(SECOND)
    runner.send(files)
    result = runner.advance(WINDOW)
    expected = [(n["event"]["id"], f["event"]["id"]) for n, f in zip(network, files, strict=True)]
    assert [names(alert) for alert in result.alerts] == expected
    assert len(tagged(result)) == 30
    assert result.emitted == []


def test_files_ahead_of_the_network_stream_are_told_late_and_keep_their_bytes() -> None:
    scene, runner = Scene(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    runner.send([file], time=99)
    assert runner.advance(10 * SECOND).out == [file]
    sent = runner.send([network])
    assert (sent.out, sent.alerts) == ([network], [])
    result = runner.advance(WINDOW)
    assert (result.out, result.replaced) == ([], [])
    [emitted] = result.emitted
    assert (emitted.tag, emitted.time) == (ALERT_TAG, 99)
    [alert] = emitted.record["eql"]["alerts"]
    assert alert["late"] is True
    assert names(alert) == (network["event"]["id"], file["event"]["id"])
    assert result.alerts == [alert]
    assert emitted.record["file"] == file["file"]
    assert alerts_total(runner, SHIPPED_SLUG, "true") == 1


def test_a_late_alert_has_the_id_that_it_would_have_had_in_place() -> None:
    scene = Scene()
    network, file = scene.network(0), scene.file(SECOND)
    in_place, late = driver(), driver()
    in_place.send([network, file])
    late.send([file])
    late.advance(10 * SECOND)
    late.send([network])
    assert late.flush().alerts[0]["id"] == in_place.flush().alerts[0]["id"]


def test_lateness_is_forgotten_after_the_ttl() -> None:
    for waited, expected in ((59 * SECOND, 1), (61 * SECOND, 0)):
        scene, runner = Scene(), driver(state_ttl=60 * SECOND)
        runner.send([scene.file(SECOND)])
        runner.advance(WINDOW)
        runner.advance(waited - WINDOW)
        runner.send([scene.network(0)])
        assert len(runner.flush().alerts) == expected


def test_an_alert_once_given_stays_where_a_later_arrival_would_have_won() -> None:
    scene, runner = Scene(), driver()
    first, second, file = scene.network(0), scene.network(SECOND), scene.file(2 * SECOND)
    runner.send([first])
    runner.send([file])
    assert len(runner.advance(WINDOW).alerts) == 1
    runner.send([second])
    assert runner.advance(WINDOW).alerts == []


def test_with_a_window_of_none_the_stream_is_decided_at_its_end() -> None:
    scene, runner = Scene(), driver(reorder_window=None)
    runner.send([scene.file(SECOND)])
    assert runner.advance(3600 * SECOND).out == []
    runner.send([scene.network(0)])
    assert len(tagged(runner.flush())) == 1


def test_with_a_window_of_zero_every_record_is_decided_at_once() -> None:
    scene, runner = Scene(), driver(reorder_window=0)
    runner.send([scene.network(0)])
    result = runner.send([scene.file(SECOND)])
    assert (len(tagged(result)), result.held) == (1, [])
    runner.send([scene.file(3 * SECOND)])
    result = runner.send([scene.network(2 * SECOND)])
    assert [sent.tag for sent in result.emitted] == [ALERT_TAG]
    assert runner.filter.next_deadline() is None


def test_both_events_in_one_frame_are_found_in_any_order() -> None:
    scene = Scene()
    network, file = scene.network(0), scene.file(SECOND)
    for frame in ([network, file], [file, network]):
        runner = driver(reorder_window=0)
        assert len(tagged(runner.send(frame))) == 1


def test_only_a_frame_with_a_possible_last_event_waits() -> None:
    scene, runner = Scene(), driver()
    plain = scene.file(executable="/usr/bin/vim")
    assert runner.send([scene.network(0), plain]).held == []
    assert runner.send([plain, scene.file()]).held != []


def test_a_chunk_sent_twice_is_tagged_twice_and_alerts_once() -> None:
    scene, runner = Scene(), driver()
    chunk = [scene.network(0), scene.file(SECOND)]
    runner.send(chunk)
    first = runner.advance(WINDOW)
    runner.send(chunk)
    second = runner.advance(WINDOW)
    assert tagged(first) == tagged(second) != []
    assert (len(first.alerts), second.alerts) == (1, [])
    assert alerts_total(runner, SHIPPED_SLUG, "false") == 1


def test_a_chunk_sent_twice_within_the_window_alerts_once() -> None:
    scene, runner = Scene(), driver(alert_copies=True)
    chunk = [scene.network(0), scene.file(SECOND)]
    runner.send(chunk)
    runner.send(chunk)
    result = runner.advance(WINDOW)
    assert len(tagged(result)) == 2
    assert len(result.alerts) == 1
    assert len(result.emitted) == 1


def test_a_chunk_sent_again_after_a_late_alert_alerts_no_second_time() -> None:
    scene, runner = Scene(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    runner.send([file])
    runner.advance(10 * SECOND)
    runner.send([network])
    assert len(runner.advance(WINDOW).alerts) == 1
    runner.send([file])
    result = runner.advance(WINDOW)
    assert (len(tagged(result)), result.alerts, result.emitted) == (1, [], [])


def test_a_repeated_network_event_completes_nothing_by_itself() -> None:
    scene, runner = Scene(), driver()
    network = scene.network(0)
    files = [scene.file(SECOND), scene.file(2 * SECOND)]
    runner.send([network, files[0]])
    runner.advance(WINDOW)
    runner.send([network])
    runner.send([files[1]])
    assert runner.flush().alerts == []


def test_copies_of_alerts_go_out_under_the_alert_tag_for_their_cause() -> None:
    scene, runner = Scene(), driver(alert_copies=True, alert_tag="alerts.${tag}.${rule.slug}")
    runner.send([scene.network(0), scene.file(SECOND)], tag="edge", time=5)
    result = runner.flush()
    [copy] = result.emitted
    assert (copy.tag, copy.time) == (f"alerts.edge.{SHIPPED_SLUG}", 5)
    assert [copy.record] == tagged(result)


def test_without_copies_nothing_is_emitted_for_a_tagged_record() -> None:
    scene, runner = Scene(), driver()
    runner.send([scene.network(0), scene.file(SECOND)])
    assert runner.flush().emitted == []


def test_two_rules_completed_by_one_record_are_both_told_in_it() -> None:
    rules = (
        rule(TWO, name="First"),
        rule("sequence by k [m where true] [f where true]", name="Second"),
        rule("f where true", name="Third"),
        rule("x where true", name="Fourth"),
    )
    runner = driver(*rules, alert_copies=True)
    frame = [happened("n1", "n", 0), happened("m1", "m", 1), happened("f1", "f", 2)]
    runner.send(frame)
    result = runner.flush()
    [record] = tagged(result)
    assert record["tags"] == ["eql-alert", "first", "second", "third"]
    assert [alert["rule"]["name"] for alert in record["eql.alerts"]] == ["First", "Second", "Third"]
    assert [alert["id"] for alert in result.alerts] == [a["id"] for a in record["eql.alerts"]]
    assert [sent.tag for sent in result.emitted] == [
        "eql.alert.first",
        "eql.alert.second",
        "eql.alert.third",
    ]


def test_an_event_waits_until_the_last_of_its_rules_has_decided() -> None:
    longer = rule("sequence by j [n where true] [f where true]", name="Other key")
    runner = driver(rule(TWO), longer)
    runner.send([happened("f1", "f", SECOND, j=1)])
    runner.advance(SECOND)
    runner.send([happened("n1", "n", 0, j=1)])
    [record] = tagged(runner.advance(SECOND))
    assert len(record["eql.alerts"]) == 2


def test_records_of_single_event_rules_do_not_wait() -> None:
    runner = driver(rule("f where true"))
    result = runner.send([happened("f1", "f", 0)])
    [alert] = result.alerts
    assert alert["events"][0]["event.id"] == "f1"
    assert "sequence" not in alert


def missing(maxspan: str) -> str:
    """A sequence that a missing event ends."""
    return f"sequence by k with maxspan={maxspan} [n where true] ![m where true]"


def test_a_record_waits_in_place_for_what_must_be_missing_where_maxspan_is_no_longer() -> None:
    runner = driver(rule(missing("2s")))
    start = happened("n1", "n", 0)
    assert runner.send([start]).held == [start]
    assert runner.advance(2 * WINDOW).out == []
    result = runner.advance(1)
    [record] = tagged(result)
    assert [names(alert) for alert in result.alerts] == [("n1",)]
    assert "late" not in result.alerts[0]
    assert result.out == [record]
    assert runner.filter.next_deadline() is None


def test_a_record_that_waits_in_place_in_vain_goes_on_as_it_came() -> None:
    runner = driver(rule(missing("2s")))
    start, against = happened("n1", "n", 0), happened("m1", "m", 2 * SECOND)
    runner.send([start])
    assert runner.advance(2 * SECOND).out == []
    assert runner.send([against]).out == [against]
    result = runner.advance(2 * WINDOW)
    assert (result.out, result.alerts) == ([start], [])


def test_where_maxspan_is_longer_the_record_leaves_and_the_alert_is_late() -> None:
    runner = driver(rule(missing("5s")))
    start = happened("n1", "n", 0)
    runner.send([start], time=99)
    assert runner.advance(WINDOW).out == [start]
    assert runner.advance(5 * SECOND).alerts == []
    result = runner.advance(1)
    [emitted] = result.emitted
    assert (emitted.tag, emitted.time) == ("eql.alert.test_rule", 99)
    assert [alert["late"] for alert in result.alerts] == [True]
    assert (result.out, result.replaced) == ([], [])


def test_what_must_be_missing_may_arrive_a_window_late() -> None:
    for delay, expected in ((WINDOW, 0), (WINDOW + 1, 1)):
        runner = driver(rule(missing("5s")))
        runner.send([happened("n1", "n", 0)])
        before = runner.advance(5 * SECOND + delay).alerts
        runner.send([happened("m1", "m", 5 * SECOND)])
        assert len([*before, *runner.advance(60 * SECOND).alerts]) == expected


def test_a_stream_that_arrives_late_as_a_whole_is_waited_for_as_long() -> None:
    runner = driver(rule(missing("5s")))
    runner.send([happened("x1", "n", 100 * SECOND)])
    runner.advance(3600 * SECOND)
    runner.send([happened("n1", "n", 0)])
    runner.advance(5 * SECOND)
    runner.send([happened("m1", "m", SECOND)])
    assert [names(alert) for alert in runner.advance(60 * SECOND).alerts] == []


def test_with_a_window_of_none_time_is_over_at_the_end_of_the_stream() -> None:
    runner = driver(rule(missing("12h")), reorder_window=None)
    runner.send([happened("n1", "n", 0)])
    assert runner.advance(100 * 3600 * SECOND).out == []
    result = runner.flush()
    assert [names(alert) for alert in result.alerts] == [("n1",)]
    assert len(tagged(result)) == 1


@pytest.mark.parametrize("maxspan", ["1s", "5s"])
def test_at_a_stop_time_is_not_over_and_what_waits_is_let_go(maxspan: str) -> None:
    runner = driver(rule(missing(maxspan)))
    start = happened("n1", "n", 0)
    runner.send([start])
    runner.advance(SECOND)
    result = runner.flush()
    assert (result.out, result.alerts) == ([start], [])
    assert runner.filter.next_deadline() is None


def test_an_event_waits_for_all_that_time_has_to_decide() -> None:
    rules = [rule(missing("1s"), name="Short"), rule(missing("2s"), name="Long")]
    runner = driver(*rules, rule(TWO.replace("f where", "n where"), name="Pair"))
    runner.send([happened("n1", "n", 0), happened("n2", "n", 1)])
    assert runner.advance(2 * WINDOW).out == []
    told = [
        [alert["rule"]["name"] for alert in record["eql.alerts"]]
        for record in tagged(runner.advance(1))
    ]
    assert told == [["Short", "Long"], ["Short", "Long", "Pair"]]


def test_what_must_be_missing_is_held_back_by_nothing() -> None:
    runner = driver(rule(missing("2s")), rule(f"{TWO} until [u where true]", name="Ending"))
    against, ending = happened("m1", "m", 0), happened("u1", "u", 0)
    assert runner.send([against, ending]).out == [against, ending]


def test_a_key_forgotten_for_want_of_room_lets_its_records_go() -> None:
    runner = driver(rule(missing("2s")), max_entities=1)
    runner.send([happened("n1", "n", 0), happened("n2", "n", 1, k="b")])
    result = runner.advance(2 * WINDOW + 2)
    assert [record["event.id"] for record in result.out] == ["n1", "n2"]
    assert len(result.alerts) == 1


@dataclass(frozen=True, slots=True)
class Step:
    """An event of a random stream: what it is, when it happened, when it arrived."""

    name: str
    category: str
    key: str
    time: int
    arrival: int

    def record(self) -> Record:
        return happened(self.name, self.category, self.time, k=self.key)


@st.composite
def steps(draw: st.DrawFn, *, most_delay: int) -> list[Step]:
    """Up to 14 events at distinct times, each arriving up to ``most_delay`` after it happened."""
    times = draw(st.lists(st.integers(0, 40), min_size=2, max_size=14, unique=True))
    return [
        Step(
            name=f"e{number}",
            category=draw(st.sampled_from("nf")),
            key=draw(st.sampled_from("ab")),
            time=time * 500 * MILLISECOND,
            arrival=time * 500 * MILLISECOND + draw(st.integers(0, most_delay)),
        )
        for number, time in enumerate(times)
    ]


def play(stream: Iterable[Step], **options: int) -> tuple[set[str], set[str], set[str]]:
    """The alert ids in place, the late alerts' ids, and the names of the completing events."""
    runner = driver(rule(TWO), **options)
    results = []
    for step in sorted(stream, key=lambda step: step.arrival):
        results.append(runner.advance(max(step.arrival - runner.now, 0)))
        results.append(runner.send([step.record()]))
    results.append(runner.flush())
    in_place = [alert["id"] for result in results for r in tagged(result) for alert in alerts_of(r)]
    alerts = [alert for result in results for alert in result.alerts]
    late = [alert["id"] for alert in alerts if "late" in alert]
    assert len(alerts) == len(set(in_place)) + len(set(late)), "an alert was told twice"
    return set(in_place), set(late), {names(alert)[-1] for alert in alerts}


def alerts_of(record: Record) -> list[Record]:
    found: list[Record] = record["eql.alerts"]
    return found


def in_order(stream: Iterable[Step]) -> list[Step]:
    return [Step(s.name, s.category, s.key, s.time, s.time) for s in stream]


@settings(deadline=None)
@given(steps(most_delay=WINDOW - 1))
def test_any_order_of_arrival_within_the_window_gives_the_same_alerts_in_place(
    stream: list[Step],
) -> None:
    in_place, late, _ = play(stream, reorder_window=WINDOW)
    assert late == set()
    assert in_place == play(in_order(stream), reorder_window=WINDOW)[0]


@settings(deadline=None)
@given(steps(most_delay=60 * SECOND), st.sampled_from([0, 1, WINDOW]))
def test_whatever_the_order_of_arrival_every_completing_event_is_told(
    stream: list[Step], window: int
) -> None:
    expected = play(in_order(stream), reorder_window=window)[2]
    assert expected <= play(stream, reorder_window=window)[2]


def without_ambiguous_files(stream: list[Step]) -> list[Step]:
    """The stream without the files that complete nothing in order, close after a connection.

    Such a file, arriving before the one that comes between, completes a sequence in good faith.
    """
    completing = play(in_order(stream), reorder_window=0)[2]
    connections = [step for step in stream if step.category == "n"]

    def is_ambiguous(step: Step) -> bool:
        return step.name not in completing and any(
            connection.key == step.key and 0 < step.time - connection.time <= 5 * SECOND
            for connection in connections
        )

    return [step for step in stream if step.category == "n" or not is_ambiguous(step)]


@settings(deadline=None)
@given(steps(most_delay=60 * SECOND), st.sampled_from([0, 1, WINDOW]))
def test_any_order_of_arrival_completes_the_same_events_of_a_stream_without_ambiguous_files(
    stream: list[Step], window: int
) -> None:
    unambiguous = without_ambiguous_files(stream)
    expected = play(in_order(unambiguous), reorder_window=window)[2]
    assert play(unambiguous, reorder_window=window)[2] == expected


def test_an_ambiguous_file_that_arrives_first_is_told_in_good_faith() -> None:
    scene, runner = Scene(), driver(reorder_window=0)
    network, between, ambiguous = scene.network(0), scene.file(SECOND), scene.file(2 * SECOND)
    told = [
        alert for event in (network, ambiguous, between) for alert in runner.send([event]).alerts
    ]
    assert [names(alert)[-1] for alert in told] == [
        ambiguous["event"]["id"],
        between["event"]["id"],
    ]


@pytest.mark.parametrize("window", [0, WINDOW])
def test_a_stream_of_pairs_is_told_whole_in_any_order(window: int) -> None:
    pairs = [
        Step(f"{kind}{n}", kind, "a", n * 2 * SECOND + (kind == "f"), 0)
        for n in range(8)
        for kind in "nf"
    ]
    for stride in (1, 3, 5, 7, 9, 11, 13, 15):
        shuffled = [
            Step(s.name, s.category, s.key, s.time, (i * stride % 16) * 3 * SECOND)
            for i, s in enumerate(pairs)
        ]
        _, _, completing = play(shuffled, reorder_window=window)
        assert completing == {f"f{n}" for n in range(8)}
