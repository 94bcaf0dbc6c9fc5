from __future__ import annotations

from fluent_eql.api import Metric
from fluent_pipeline.monitor.figures import TOTALS, Figures
from support.metric_names import metric_names


def metric(name: str, value: float, /, **labels: str) -> Metric:
    return Metric(f"fluent_eql_{name}", "help", "counter", value, tuple(labels.items()))


SAMPLES = [
    metric("input_frames_total", 2, name="in.0"),
    metric("input_records_total", 20, name="in.0"),
    metric("input_bytes_total", 200, name="in.0"),
    metric("input_open_connections", 1, name="in.0"),
    metric("input_refused_total", 3, name="in.0", reason="allow"),
    metric("input_frames_total", 1, name="in.1"),
    metric("input_records_total", 5, name="in.1"),
    metric("alerts_total", 4, rule="a", rule_id="A", late="false"),
    metric("alerts_total", 1, rule="a", rule_id="A", late="true"),
    metric("alerts_total", 2, rule="b", rule_id="B", late="false"),
    metric("stage_matches_total", 9, rule="a", rule_id="A"),
    metric("entities", 7, rule="a", rule_id="A"),
    metric("entities_evicted_total", 6, rule="a", rule_id="A"),
    metric("output_up", 1, name="forward.0"),
    metric("output_pending_frames", 3, name="forward.0"),
    metric("output_frames_total", 8, name="forward.0"),
    metric("output_bytes_total", 80, name="forward.0"),
    metric("output_retries_total", 1, name="forward.0"),
    metric("target_up", 1, name="forward.0", target="a:1"),
    metric("target_up", 0, name="forward.0", target="b:2"),
    metric("output_up", 0, name="file.0"),
    metric("output_pending_frames", 0, name="file.0"),
    metric("output_records_total", 12, name="file.0"),
]


def test_totals_are_over_all_parts() -> None:
    totals = Figures(SAMPLES).totals()
    assert (totals["records"], totals["frames"], totals["alerts"]) == (25, 3, 7)
    assert (totals["candidates"], totals["pending_frames"], totals["workers"]) == (7, 3, 0)


def test_the_metrics_that_totals_are_made_of_exist() -> None:
    assert set(TOTALS.values()) <= metric_names()


def test_inputs_tell_what_they_received() -> None:
    first, second = Figures(SAMPLES).inputs()
    assert first == {"name": "in.0", "records": 20, "bytes": 200, "frames": 2, "connections": 1}
    assert (second["name"], second["bytes"]) == ("in.1", 0)


def test_outputs_tell_what_they_count_and_how_their_targets_are() -> None:
    forward, file = Figures(SAMPLES).outputs()
    assert forward == {
        "name": "forward.0",
        "up": True,
        "pending_frames": 3,
        "frames": 8,
        "bytes": 80,
        "retries": 1,
        "targets": [{"address": "a:1", "up": True}, {"address": "b:2", "up": False}],
    }
    assert file == {
        "name": "file.0",
        "up": False,
        "pending_frames": 0,
        "records": 12,
        "targets": [],
    }


def test_rules_have_their_counts() -> None:
    assert Figures(SAMPLES).by_rule() == {
        "A": {"alerts": 5, "late": 1, "stage_matches": 9, "entities": 7, "evicted": 6},
        "B": {"alerts": 2, "late": 0},
    }


def test_fluent_bits_layout_has_inputs_and_outputs_and_every_sample() -> None:
    told = Figures(SAMPLES).as_fluent_bit()
    assert told["input"]["in.0"] == {"records": 20, "bytes": 200}
    assert told["output"]["file.0"]["proc_records"] == 12
    assert told["output"]["forward.0"]["retries"] == 1
    assert len(told["samples"]) == len(SAMPLES)
    assert told["samples"][0]["labels"] == {"name": "in.0"}


def test_nothing_gives_nothing() -> None:
    figures = Figures([])
    assert (figures.inputs(), figures.outputs(), figures.by_rule()) == ([], [], {})
    assert not any(figures.totals().values())
