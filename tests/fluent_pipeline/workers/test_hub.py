from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluent_eql.api import KEEP, Metric
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver
from fluent_pipeline.workers import wire
from support.events import SECOND, Scene
from support.rules import rule
from support.sequences import happened
from support.workers import Joined, alert_ids

TWO = "sequence by k with maxspan=5s [n where true] [f where true]"


def eql(**settings: Any) -> EqlFilter:
    return EqlFilter([rule(TWO)], EqlOptions(**({"reorder_window": SECOND} | settings)))


def test_the_events_of_a_sequence_meet_though_they_came_to_different_workers() -> None:
    joined = Joined(eql(), 2)
    (network,) = joined.send(0, happened("n1", "n", 0))
    (file,) = joined.send(1, happened("f1", "f", SECOND))
    assert joined.verdicts(0) == {network: KEEP}
    assert joined.verdicts(1) == {}
    joined.advance(SECOND)
    ((tagged,),) = joined.verdicts(1).values()
    assert tagged["eql.alerts"][0]["id"] == joined.alerts[0]["id"]
    assert file in joined.verdicts(1)
    [evidence] = joined.evidence
    assert evidence is not None
    assert [seen.event.record["event.id"] for seen in evidence.sightings] == ["n1", "f1"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_any_split_over_workers_gives_the_alerts_of_one_filter(seed: int, workers: int) -> None:
    source = random.Random(seed)
    records = [
        happened(f"e{n}", source.choice("nf"), n * SECOND // 4, k=source.choice("ab"))
        for n in range(30)
    ]
    source.shuffle(records)
    alone = FilterDriver(eql(reorder_window=None))
    alone.send(records)
    joined = Joined(eql(reorder_window=None), workers)
    for record in records:
        joined.send(source.randrange(workers), record)
    joined.flush()
    assert alert_ids(joined.alerts) == alert_ids(alone.flush().alerts)
    assert sum(len(joined.verdicts(n)) for n in range(workers)) == len(records)


def test_a_late_alert_is_sent_by_the_worker_that_brought_what_completed_it() -> None:
    joined = Joined(eql(reorder_window=0), 2)
    joined.send(0, happened("f1", "f", SECOND))
    joined.send(1, happened("n1", "n", 0))
    assert [len(outcome.emitted) for outcome in joined.outcomes] == [0, 1]
    assert joined.alerts[0]["late"] is True


def test_notes_are_recalled_before_any_event_is_processed() -> None:
    before = FilterDriver(eql())
    notes = before.send([happened("n1", "n", 0)]).notes
    joined = Joined(eql(), 2, notes=notes)
    joined.send(1, happened("f1", "f", SECOND))
    joined.flush()
    assert len(joined.alerts) == 1


def test_events_wait_until_all_workers_are_ready() -> None:
    joined = Joined(eql(), 2)
    joined.hub._is_open = False
    joined.members[1].is_ready = False
    (network,) = joined.send(0, happened("n1", "n", 0))
    assert joined.verdicts(0) == {}
    joined.hub.receive(joined.members[1], [wire.READY])
    joined.collect()
    assert joined.verdicts(0) == {network: KEEP}


def test_a_worker_gets_the_notes_of_its_events() -> None:
    joined = Joined(eql(), 2)
    joined.send(0, happened("n1", "n", 0))
    joined.send(1, happened("f1", "f", SECOND))
    joined.flush()
    assert [len(outcome.notes) for outcome in joined.outcomes] == [1, 1]


def test_a_flush_comes_when_every_worker_asks_for_it() -> None:
    joined = Joined(eql(), 3)
    joined.send(0, happened("f1", "f", 0))
    for member in joined.members[:2]:
        joined.hub.receive(member, [wire.FLUSH])
    assert joined.flushed == [0, 0, 0]
    joined.hub.leave(joined.members[2])
    assert joined.flushed == [1, 1, 0]
    joined.collect()
    assert list(joined.verdicts(0).values()) == [KEEP]


def test_the_events_of_a_worker_that_is_gone_still_count() -> None:
    joined = Joined(eql(), 2)
    joined.send(0, happened("n1", "n", 0))
    joined.hub.leave(joined.members[0])
    joined.send(1, happened("f1", "f", SECOND))
    joined.advance(SECOND)
    assert len(joined.alerts) == 1


def test_a_record_that_cannot_be_read_is_its_workers_problem() -> None:
    joined = Joined(EqlFilter([rule("any where x > 1")], EqlOptions()), 2)
    joined.send(1, {"x": 5})
    assert len(joined.alerts) == 1
    assert [len(outcome.problems) for outcome in joined.outcomes] == [0, 0]


@pytest.mark.parametrize(("name", "expected"), [("x_total", 5), ("target_up", 0)])
def test_the_workers_metrics_are_added_up_but_one_that_is_down_is_down(
    name: str, expected: float
) -> None:
    joined = Joined(eql(), 2)
    values = (5, 0) if name == "x_total" else (1, 0)
    for member, value in zip(joined.members, values, strict=True):
        metric = wire.plain_metric(Metric(name, "X", "gauge", value, (("name", "a"),)))
        joined.hub.receive(member, [wire.REPORT, [metric], ["slow"]])
    found = {metric.name: metric.value for metric in joined.hub.metrics()}
    assert found[name] == expected
    assert "fluent_eql_alerts_total" in found
    assert joined.members[0].troubles == ["slow"]


def test_the_shipped_rule_gives_its_alert_across_workers() -> None:
    joined, scene = Joined(EqlFilter.create(EqlOptions()), 2), Scene()
    joined.send(0, scene.network(0))
    joined.send(1, scene.file(SECOND))
    joined.flush()
    assert len(joined.alerts) == 1


def test_filters_that_change_keep_what_they_remember_and_the_workers_are_told() -> None:
    joined = Joined(eql(), 2)
    joined.send(0, happened("n1", "n", 0))
    other = rule("m where true", name="Other")
    joined.hub.reload({0: EqlFilter([other, rule(TWO)], EqlOptions(reorder_window=SECOND))})
    assert joined.reloaded == [1, 1]
    joined.send(1, happened("f1", "f", SECOND))
    joined.send(1, happened("m1", "m", SECOND))
    joined.advance(SECOND)
    assert [alert["rule"]["name"] for alert in joined.alerts] == ["Other", "Test rule"]
