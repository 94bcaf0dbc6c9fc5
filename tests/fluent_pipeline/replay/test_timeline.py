from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601
from fluent_pipeline.replay.found import Found
from fluent_pipeline.replay.timeline import MOST_BARS, SECOND, bars_of, severity_of, timeline

HOUR = 3600 * SECOND


def found(time: int, severity: str = "low") -> Found:
    alert = {"id": "x", "severity": severity, "events": [{"@timestamp": iso_8601(time)}]}
    return Found(alert)


UNTIMED = Found({"id": "x", "severity": "low", "events": [{"@timestamp": "never"}]})
TIMES = st.integers(-(10**18), 4 * 10**18)


@given(st.lists(TIMES, min_size=1, max_size=50))
def test_each_alert_is_in_the_bar_of_its_time_and_the_bars_are_few(times: list[int]) -> None:
    span, bars = bars_of([found(time) for time in times])
    assert len(bars) <= MOST_BARS
    assert sum(counts.total() for _, counts in bars) == len(times)
    starts = [start for start, _ in bars]
    assert starts == list(range(starts[0], starts[0] + span * len(bars), span))
    assert starts[0] <= min(times)
    assert max(times) < starts[-1] + span
    assert bars[0][1]
    assert bars[-1][1]


def test_bars_begin_at_whole_spans() -> None:
    span, bars = bars_of([found(HOUR + 61 * SECOND), found(3 * HOUR)])
    assert span == 5 * 60 * SECOND
    assert bars[0][0] == HOUR


def test_alerts_without_a_time_are_in_no_bar() -> None:
    assert bars_of([UNTIMED]) == (SECOND, [])
    assert timeline([UNTIMED]) == ""
    assert timeline([]) == ""


def test_a_severity_that_is_none_is_other() -> None:
    assert severity_of(found(0, "high")) == "high"
    assert severity_of(found(0, '"><script>')) == "other"


@given(st.lists(st.tuples(TIMES, st.sampled_from(["low", "critical", "?"])), min_size=1))
def test_the_chart_is_well_formed_and_tells_all_alerts(alerts: list[tuple[int, str]]) -> None:
    chart = ElementTree.fromstring(timeline([found(*alert) for alert in alerts]))
    titles = [title.text or "" for title in chart.iter("title")]
    told = sum(int(count) for title in titles for count in re.findall(r"(\d+) [a-z]+", title[40:]))
    assert told == len(alerts)
    assert {rect.get("class") for rect in chart.iter("rect")} <= {"low", "critical", "other"}
    assert all(float(rect.get("height", "-1")) > 0 for rect in chart.iter("rect"))
