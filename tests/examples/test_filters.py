from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.errors import FilterError
from fluent_eql.event import Event
from fluent_eql.registry import FilterRegistry
from fluent_eql.shim import PythonFilter
from fluent_eql.testing import SECOND, Failure, FilterDriver, Sent
from fluent_pipeline.config import StdoutOutputConfig, load_config, parse_config

FILTERS = Path(__file__).parents[2] / "examples/filters"
WINDOW = 30


def imported(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


Repeats = imported(FILTERS / "repeats.py").Repeats


@pytest.fixture
def masking() -> FilterDriver:
    script = str(FILTERS / "mask_secrets.py")
    return FilterDriver.of(PythonFilter, script=script, call="mask")


def repeating(**settings: Any) -> FilterDriver:
    return FilterDriver.of(Repeats, window=f"{WINDOW}s", **settings)


def lines(*messages: str) -> list[dict[str, str]]:
    return [{"message": message} for message in messages]


def test_secrets_are_masked_at_any_depth_and_in_any_case(masking: FilterDriver) -> None:
    record = {"user": "a", "Password": "x", "http": [{"headers": {"Authorization": "y"}}, 1]}
    result = masking.send([record])
    assert result.out == [
        {"user": "a", "Password": "***", "http": [{"headers": {"Authorization": "***"}}, 1]}
    ]


def test_a_record_without_secrets_is_kept_byte_for_byte(masking: FilterDriver) -> None:
    assert masking.send([{"user": "a", "n": [1]}]).kept == [{"user": "a", "n": [1]}]


def test_health_checks_are_dropped(masking: FilterDriver) -> None:
    assert masking.send([{"path": "/healthz"}]).dropped == [{"path": "/healthz"}]


def test_the_masks_configuration_runs_it_from_anywhere(tmp_path: Path) -> None:
    config = load_config(FILTERS / "mask_secrets.yaml", environ={}, working=tmp_path)
    (item,) = config.filters
    driver = FilterDriver(item.make())
    assert driver.send([{"token": "t"}]).out == [{"token": "***"}]
    assert [output.options for output in config.outputs] == [StdoutOutputConfig()]


def test_the_repeats_configuration_in_its_text_loads() -> None:
    item = Repeats.create.__globals__["__doc__"].split("::\n\n")[1].split("\n\ndocs/")[0]
    registry = FilterRegistry()
    registry.register("repeats", Repeats)
    config = parse_config(f"pipeline:\n  filters:\n{item}", environ={}, registry=registry)
    assert config.filters[0].options.fields == ("host", "message")
    assert config.filters[0].options.window == WINDOW * SECOND


def test_a_message_passes_once_and_its_repetitions_are_dropped() -> None:
    driver = repeating()
    result = driver.send(lines("a", "b", "a", "a"))
    assert result.out == lines("a", "b")
    assert result.dropped == lines("a", "a")
    assert driver.send(lines("a")).dropped == lines("a")
    assert driver.metric("repeats_dropped_total") == 3


def test_the_number_of_repetitions_is_told_when_the_window_ends() -> None:
    driver = repeating(summary_tag="said.again")
    driver.send(lines("a", "a", "b", "a"), time=7)
    assert driver.advance(WINDOW * SECOND - 1).emitted == []
    assert driver.advance(1).emitted == [Sent("said.again", 7, {"message": "a", "repeated": 2})]
    assert driver.send(lines("a")).out == lines("a")


def test_the_number_is_told_at_the_end_of_the_stream_too() -> None:
    driver = repeating()
    driver.send(lines("a", "a"))
    assert [sent.record for sent in driver.flush().emitted] == [{"message": "a", "repeated": 1}]


def test_the_window_begins_with_the_first_of_the_messages() -> None:
    driver = repeating()
    driver.send(lines("a"))
    driver.advance(f"{WINDOW - 1}s")
    assert driver.send(lines("a")).dropped
    driver.advance("1s")
    assert driver.send(lines("a")).kept


def test_other_tags_and_other_values_are_other_messages() -> None:
    driver = repeating(fields=["host", "message"])
    same = {"host": "h", "message": "a"}
    assert driver.send([same, {**same, "host": "i"}]).dropped == []
    assert driver.send([same], tag="other").dropped == []
    assert driver.send([{**same, "more": 1}]).dropped == [{**same, "more": 1}]


def test_a_record_without_the_fields_always_passes() -> None:
    driver = repeating()
    result = driver.send([{"n": 1}, {"n": 1}, *lines("a")])
    assert result.skipped == [{"n": 1}, {"n": 1}]
    assert result.dropped == []
    assert repeating(fields=["a", "b"]).send([{"a": 1}, {"a": 1}]).dropped == []


def test_no_more_messages_are_remembered_than_allowed() -> None:
    driver = repeating(max_keys="2")
    driver.send(lines("a", "a", "b"))
    assert [sent.record["message"] for sent in driver.send(lines("c")).emitted] == ["a"]
    assert driver.send(lines("b", "a")).dropped == lines("b")


def test_bytes_that_are_no_record_are_a_problem() -> None:
    broken = Event("app", 0, b"\x92\xa7message\x01")
    result = repeating().send([broken, *lines("a")])
    assert result.problems == [Failure({"raw": broken.raw}, "expected a map, found list")]
    assert result.out == [{"raw": broken.raw}, *lines("a")]


def test_fields_must_name_one() -> None:
    with pytest.raises(FilterError, match="fields names no field"):
        repeating(fields=[])
