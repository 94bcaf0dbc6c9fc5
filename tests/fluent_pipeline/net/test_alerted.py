from __future__ import annotations

from typing import Any

import pytest

from fluent_eql.event import encode_value
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.net.alerted import alerted_records
from fluent_pipeline.protocol.compression import deflate
from fluent_pipeline.protocol.frames import Frame, frame_of
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.protocol.splice import encode_entry
from support.frames import forward_frame

ALERT = {"id": "a1", "rule": {"id": "r"}}


def found(*records: dict[str, Any]) -> list[list[str]]:
    """The ids of the alerts of each record that holds some."""
    return ids(forward_frame(records))


def ids(frame: Frame) -> list[list[str]]:
    return [[alert["id"] for alert in each.alerts] for each in alerted_records(frame, Limits())]


def packed(record: dict[str, Any], compressed: str) -> Frame:
    body = deflate(encode_entry(1, encode_value(record)), compressed)
    raw = b"\x93" + encode_value("t") + encode_value(body)
    return frame_of(raw + encode_value({"compressed": compressed}))


@pytest.mark.parametrize(
    "record",
    [
        {"eql": {"alerts": [ALERT]}},
        {"eql.alerts": [ALERT]},
        {"eql": {"other": 1, "alerts": [ALERT]}, "tags": "x"},
    ],
)
def test_alerts_are_found_however_the_field_is_spelled(record: dict[str, Any]) -> None:
    assert found({"message": "no alerts"}, record, {}) == [["a1"]]


@pytest.mark.parametrize("compressed", ["gzip", "zstd"])
def test_alerts_of_a_compressed_frame_are_found(compressed: str) -> None:
    assert ids(packed({"eql": {"alerts": [ALERT]}}, compressed)) == [["a1"]]


def test_a_record_is_given_with_its_alerts() -> None:
    record = {"message": "m", "eql.alerts": [ALERT, {"id": "a2"}]}
    (each,) = alerted_records(forward_frame([record]), Limits())
    assert each.record == record
    assert each.alerts == (ALERT, {"id": "a2"})


@pytest.mark.parametrize(
    "value", [None, "alerts", [], ["a1"], [{"id": 1}], [{"no": "id"}], {"id": "a1"}, [[ALERT]]]
)
def test_what_is_no_alert_is_passed_over(value: Any) -> None:
    assert found({"eql": {"alerts": value}}, {"eql.alerts": value}, {"eql": "alerts"}) == []


def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    good = encode_value({"eql.alerts": [ALERT]})
    with_an_array_as_a_key = b"\x81\x91\xa6alerts\x01"
    entries = [encode_entry(1, with_an_array_as_a_key), encode_entry(1, good)]
    raw = b"\x92" + encode_value("t") + b"\x92" + b"".join(entries)
    assert ids(frame_of(raw)) == [["a1"]]


def test_a_frame_without_the_name_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("looked through")

    monkeypatch.setattr("fluent_pipeline.net.alerted.records_of", fail)
    assert found({"message": "m"}) == []
    with pytest.raises(AssertionError):
        found({"eql.alerts": []})


def test_a_corrupt_body_is_an_error() -> None:
    raw = b"\x93" + encode_value("t") + encode_value(b"\x1f\x8b\x08")
    frame = frame_of(raw + encode_value({"compressed": "gzip"}))
    with pytest.raises(RemoteProtocolError):
        list(alerted_records(frame, Limits()))
