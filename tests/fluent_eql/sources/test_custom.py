"""One's own mapping, as a configuration has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fluent_eql.options import Named, Place
from fluent_eql.sources import FieldMapping
from fluent_eql.sources import mapping as tables
from fluent_eql.sources.custom import (
    MappedField,
    MappedValue,
    constant,
    map_of_fields,
    mapped_field,
    mapped_value,
    source_field,
    value_map,
)
from fluent_eql.sources.mapping import Fixed, places
from fluent_eql.sources.transforms import BASENAME
from fluent_eql.testing import FilterDriver
from fluent_pipeline.config import parse_config
from fluent_pipeline.errors import ConfigError
from support.events import SECOND, START

HERE = Place("x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("linux", "linux"),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("443", 443),
        ("-7", -7),
        ("4.5", "4.5"),
        ("99999999999999999999", "99999999999999999999"),
    ],
)
def test_a_constant_is_true_false_a_whole_number_or_a_text(text: str, value: Any) -> None:
    found = constant(text)
    assert (found, type(found)) == (value, type(value))


def test_an_empty_constant_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a text"):
        constant("")


def test_the_names_of_fields_are_paths() -> None:
    assert source_field("a[b=c].d") == tables.path("a[b=c].d")


def test_names_stand_for_what_is_under_them() -> None:
    inner = FieldMapping(names=(source_field("exe"),))
    assert mapped_field(Named("a.b", inner, HERE)) == MappedField("a.b", inner)
    assert mapped_value(Named("3", "7", HERE)) == MappedValue("3", 7)


@pytest.mark.parametrize("refuse", [map_of_fields, value_map])
def test_what_is_no_map_is_refused(refuse: Any) -> None:
    with pytest.raises(ValueError, match="expected a map of .*, found 'x'"):
        refuse("x")


def test_a_field_has_alternatives_of_all_its_names_and_a_value_at_last() -> None:
    names = (source_field("a"), source_field("b"))
    assert FieldMapping(names=names).alternatives == places("a", "b")
    assert FieldMapping(names=names, value="x").alternatives == (*places("a", "b"), Fixed("x"))
    assert FieldMapping(value=7).alternatives == (Fixed(7),)
    converted = FieldMapping(
        names=names[:1], convert="basename", values=(MappedValue("x", "y"), MappedValue("z", 1))
    )
    assert converted.alternatives == (tables.Place(names[0], BASENAME, {"x": "y", "z": 1}),)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "expected from or value, found neither"),
        ({"value": "x", "convert": "basename"}, "from is missing"),
        ({"value": "x", "values": (MappedValue("a", "b"),)}, "from is missing"),
        (
            {"names": (source_field("a"),), "values": (MappedValue("a", 1), MappedValue("a", 2))},
            "a value is given twice",
        ),
    ],
)
def test_a_mapping_that_says_nothing_is_refused(settings: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FieldMapping(**settings)


CONFIG = """\
pipeline:
  filters:
    - name: eql
      reorder_window: 0
      timestamp_field: [time, '@timestamp']
      fields:
        process.executable: exe
        process.entity_id: pid
        host.id: [machine, hostname]
        host.os.type: {value: linux}
        event.category: {from: type, values: {conn: network, 7: file}}
        event.type: {from: type, values: {conn: start, 7: creation}}
        event.action: {from: type, values: {conn: connection_attempted}}
        destination.ip: remote.address
        file.path: target
        file.name: {from: target, as: basename}
"""


def records() -> list[dict[str, Any]]:
    process = {"exe": "/dev/shm/x", "pid": 7, "hostname": "h"}
    second = START // SECOND
    connection = {"type": "conn", "remote": {"address": "93.184.216.34"}, "time": second * 1000}
    file = {"type": 7, "target": "/opt/y", "time": (second + 1) * 1000}
    return [connection | process, file | process]


def test_the_shipped_rule_runs_on_records_of_ones_own() -> None:
    (item,) = parse_config(CONFIG, environ={}, working=Path()).filters
    runner = FilterDriver(item.make())
    first, second = records()
    assert runner.send([first, {**second, "target": "/opt/tmp1"}]).alerts == []
    (alert,) = runner.send([second]).alerts
    assert alert["sequence"]["by"] == {"host.id": "h", "process.entity_id": 7}
    assert alert["sequence"]["events"][1]["file.name"] == "y"
    assert "type" not in alert["sequence"]["events"][1]


def test_the_screen_looks_for_ones_own_names() -> None:
    (item,) = parse_config(CONFIG, environ={}, working=Path()).filters
    runner = FilterDriver(item.make())
    assert runner.send([{**records()[0], "exe": "/usr/bin/x"}]).skipped


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a: ''", "from: expected a name such as a.b or a[key=value].b, found ''"),
        ("a: {}", "fields a: expected from or value, found neither"),
        ("a: {from: x, as: upper}", "expected one of basename, extension,"),
        ("a: {form: x}", "did you mean from?"),
        ("a: {from: 'x[y]'}", "found 'x[y]'"),
        ("a: {from: x, values: y}", "expected a map of values, found 'y'"),
        ("a: [x, {from: y}]", "expected a single value, found a map"),
    ],
)
def test_mistakes_are_shown_at_their_place(line: str, message: str) -> None:
    text = f"pipeline:\n  filters:\n    - name: eql\n      fields:\n        {line}\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, environ={}, working=Path())
    assert message in str(caught.value)
    assert ":5:" in str(caught.value)
