from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from fluent_eql.api import Metric
from fluent_pipeline.monitor.metrics import MetricsPage

SAMPLES = [
    Metric("fluent_eql_frames_total", "Frames", "counter", 5, (("name", 'a"b\\c\n'),)),
    Metric("fluent_eql_frames_total", "Frames", "counter", 7, (("name", "d"),)),
    Metric("fluent_eql_held_events", "Held", "gauge", 1.5),
]


def families(page: MetricsPage) -> dict[str, object]:
    text = page.render().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_the_page_is_what_prometheus_reads() -> None:
    found = families(MetricsPage(lambda: SAMPLES))
    frames, held = found["fluent_eql_frames"], found["fluent_eql_held_events"]
    assert (frames.type, frames.documentation) == ("counter", "Frames")  # type: ignore[attr-defined]
    values = {sample.labels["name"]: sample.value for sample in frames.samples}  # type: ignore[attr-defined]
    assert values == {'a"b\\c\n': 5, "d": 7}
    assert held.type == "gauge"  # type: ignore[attr-defined]
    assert held.samples[0].value == 1.5  # type: ignore[attr-defined]


def test_the_page_has_what_the_process_costs() -> None:
    found = families(MetricsPage(list))
    assert "process_cpu_seconds" in found
    assert "process_resident_memory_bytes" in found


def test_each_page_is_sampled_anew() -> None:
    values = iter([1, 2])
    page = MetricsPage(lambda: [Metric("fluent_eql_x", "X", "gauge", next(values))])
    assert b"fluent_eql_x 1.0" in page.render()
    assert b"fluent_eql_x 2.0" in page.render()


def test_a_rule_of_two_filters_is_one_sample_and_has_the_sum_of_both() -> None:
    alerts = Metric("fluent_eql_alerts_total", "Alerts", "counter", 2, (("rule", "a"),))
    other = Metric("fluent_eql_alerts_total", "Alerts", "counter", 3, (("rule", "b"),))
    text = MetricsPage(lambda: [alerts, other, alerts]).render().decode()
    samples = [line for line in text.splitlines() if line.startswith("fluent_eql_alerts_total{")]
    assert samples == [
        'fluent_eql_alerts_total{rule="a"} 4.0',
        'fluent_eql_alerts_total{rule="b"} 3.0',
    ]
