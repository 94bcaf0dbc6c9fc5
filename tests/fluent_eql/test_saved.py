from __future__ import annotations

import pytest

from fluent_eql.event import encode_value
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver
from support.events import SECOND, Scene
from support.rules import driver, rule
from support.sequences import happened, names

MINUTE = 60 * SECOND


def restarted(runner: FilterDriver, *, elapsed: int = SECOND, now: int = 0) -> FilterDriver:
    """A fresh filter of the same rules that has taken up what the old one remembered."""
    old = runner.filter
    assert isinstance(old, EqlFilter)
    runner.flush()
    fresh = EqlFilter(old.rules, EqlOptions(reorder_window=0))
    assert fresh.restore(old.save(runner.now), now, elapsed) == []
    return FilterDriver(fresh, now=now)


def test_a_sequence_whose_events_straddle_a_restart_is_found() -> None:
    scene, runner = Scene(), driver()
    runner.send([scene.network(0)])
    again = restarted(runner)
    (tagged,) = again.send([scene.file(SECOND)]).out
    assert tagged["eql"]["alerts"][0]["sequence"]["span_ns"] == SECOND


def test_its_alert_has_the_id_that_it_would_have_had() -> None:
    scene, runner, whole = Scene(), driver(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    runner.send([network])
    whole.send([network, file])
    (alert,) = restarted(runner).send([file]).alerts
    assert alert == whole.flush().alerts[0]


def test_a_network_event_after_the_restart_completes_a_file_before_it_late() -> None:
    scene, runner = Scene(), driver()
    file = scene.file(SECOND)
    runner.send([file], tag="app")
    result = restarted(runner).send([scene.network(0)])
    (late,) = result.emitted
    assert late.record["event"]["id"] == file["event"]["id"]
    assert result.alerts[0]["late"] is True


def test_a_completed_sequence_is_not_told_again_after_a_restart() -> None:
    scene, runner = Scene(), driver()
    network, file = scene.network(0), scene.file(SECOND)
    runner.send([network, file])
    assert len(runner.flush().alerts) == 1
    result = restarted(runner).send([network, file])
    assert result.alerts == []
    assert [("eql" in record) for record in result.out] == [False, True]


def test_the_time_that_has_passed_counts_towards_the_ttl() -> None:
    scene, runner = Scene(), driver()
    runner.send([scene.network(0)])
    assert restarted(runner, elapsed=11 * MINUTE).send([scene.file(SECOND)]).alerts == []


def test_a_changed_rule_begins_anew_and_that_is_told() -> None:
    text = "sequence by k with maxspan=5s [n where true] [f where true]"
    old = EqlFilter([rule(text), rule(text, name="Gone")], EqlOptions(reorder_window=0))
    runner = FilterDriver(old)
    runner.send([happened("n1", "n", 0)])
    fresh = EqlFilter([rule(text.replace("5s", "6s"))], EqlOptions(reorder_window=0))
    told = fresh.restore(old.save(0), 0, 0)
    assert [line.partition(":")[0] for line in told] == ["id-Test rule", "id-Gone"]
    assert FilterDriver(fresh).send([happened("f1", "f", 1)]).alerts == []


def test_rules_that_stay_keep_what_they_remember() -> None:
    text = "sequence by k [n where true] [f where true]"
    old = EqlFilter([rule(text), rule(text, name="Gone")], EqlOptions(reorder_window=0))
    FilterDriver(old).send([happened("n1", "n", 0)])
    fresh = EqlFilter([rule(text)], EqlOptions(reorder_window=0))
    fresh.restore(old.save(0), 0, 0)
    (alert,) = FilterDriver(fresh).send([happened("f1", "f", 1)]).alerts
    assert names(alert) == ("n1", "f1")


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xc1",
        b"\x90",
        encode_value({}),
        encode_value({"format": 99}),
        encode_value({"format": 1, "arrivals": 1, "rules": {"id-Test rule": 5}}),
    ],
)
def test_bytes_that_are_no_state_are_an_error(state: bytes) -> None:
    fresh = EqlFilter([rule("sequence by k [n where true] [f where true]")], EqlOptions())
    with pytest.raises(ValueError, match="state"):
        fresh.restore(state, 0, 0)
