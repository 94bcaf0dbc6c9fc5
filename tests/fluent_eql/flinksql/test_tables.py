"""The tables that a job reads and writes."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluent_eql.event_time import iso_8601
from fluent_eql.flinksql.tables import FOUND_TIME, NO_TIME, Kafka, Paths, Storage, tables
from fluent_eql.flinksql.times import interval
from support.flink_sql import is_whole, java, literals

SECOND = 10**9
FILES = Paths("/data/in", "/data/out", "/data/unread")
TOPICS = Kafka("k1:9092,k2:9092", "logs", "alerts", "unread")
NAMES = ["eql_events", "eql_alerts", "eql_unread"]


def options(statement: str) -> dict[str, str]:
    """The options of a table."""
    found = literals(statement[statement.index(") WITH (") :])
    return dict(zip(found[::2], found[1::2], strict=True))


def time_of(line: str) -> str | None:
    """The text in a line that the clock is set by."""
    [regex] = literals(FOUND_TIME)
    found = java(regex).search(line)
    return found[1] if found else None


@pytest.mark.parametrize("storage", [FILES, TOPICS])
def test_there_is_a_table_of_lines_for_each_of_events_alerts_and_what_is_unread(
    storage: Storage,
) -> None:
    made = tables(storage, "TRUE", None)
    assert [statement.split()[3] for statement in made] == NAMES
    for statement in made:
        assert statement.startswith("CREATE TEMPORARY TABLE ")
        assert "line STRING" in statement
        assert is_whole(statement)
        assert options(statement)["format"] == "raw"


def test_files_are_read_and_written_by_their_paths() -> None:
    made = [options(statement) for statement in tables(FILES, "TRUE", None)]
    assert [one["path"] for one in made] == ["/data/in", "/data/out", "/data/unread"]
    assert {one["connector"] for one in made} == {"filesystem"}


def test_topics_are_read_from_where_the_group_was_and_written_at_least_once() -> None:
    source, *sinks = [options(statement) for statement in tables(TOPICS, "TRUE", SECOND)]
    assert source["properties.group.id"] == "fluent-eql"
    assert source["scan.startup.mode"] == "group-offsets"
    assert source["properties.auto.offset.reset"] == "earliest"
    assert [one["topic"] for one in (source, *sinks)] == ["logs", "alerts", "unread"]
    for one in (source, *sinks):
        assert one["connector"] == "kafka"
        assert one["properties.bootstrap.servers"] == "k1:9092,k2:9092"
    assert all(one["sink.delivery-guarantee"] == "at-least-once" for one in sinks)


def test_a_quotation_mark_in_a_name_does_not_end_it() -> None:
    made = tables(Paths("/it's", "/a", "/b"), "TRUE", None)
    assert options(made[0])["path"] == "/it's"
    assert all(map(is_whole, made))


def test_the_clock_runs_behind_by_the_reorder_bound_or_not_before_all_is_read() -> None:
    bounded, unbounded = (tables(FILES, "TRUE", bound)[0] for bound in (3 * SECOND // 2, None))
    assert f"WATERMARK FOR event_time AS event_time - {interval(3 * SECOND // 2)}\n" in bounded
    assert f"WATERMARK FOR event_time AS {NO_TIME}\n" in unbounded


def test_only_lines_that_can_matter_move_the_clock() -> None:
    source = tables(FILES, "line LIKE '%x%'", SECOND)[0]
    assert "TO_TIMESTAMP_LTZ(CASE WHEN line LIKE '%x%' THEN COALESCE(" in source
    assert ", 0) ELSE -1 END, 3)" in source


@given(st.integers(40_000_000, 8_900_000_000).map(lambda second: second * SECOND), st.booleans())
def test_the_time_of_a_line_is_found_however_its_json_is_spaced(time: int, spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    for value in (iso_8601(time), iso_8601(time)[:19] + "+02:00", str(time), time // 10**6):
        for record in ({"@timestamp": value, "a": 5}, {"a": "x", "@timestamp": value}):
            assert time_of(json.dumps(record, separators=separators)) == str(value)


@pytest.mark.parametrize("line", ["{}", '{"@timestamp":null}', '{"@timestamp":"x"}', "", "no JSON"])
def test_a_line_without_a_time_has_none(line: str) -> None:
    assert time_of(line) is None


def test_the_first_time_of_a_line_is_taken() -> None:
    line = '{"a":{"@timestamp":"2026-01-01T00:00:00Z"},"@timestamp":"2027-01-01T00:00:00Z"}'
    assert time_of(line) == "2026-01-01T00:00:00Z"
    assert len(re.findall("@timestamp", FOUND_TIME)) == 1
