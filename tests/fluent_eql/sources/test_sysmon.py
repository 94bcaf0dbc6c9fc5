from __future__ import annotations

from typing import Any

import pytest

from fluent_eql.sources import SOURCES, SourceFields
from support.sources import alerts_of, connects, creates, sysmon


@pytest.mark.parametrize(
    "shape",
    [
        lambda record: {"Event": record},
        lambda record: {**record["System"], **record["EventData"]},
        lambda record: {
            "winlog": {
                "event_id": int(record["System"]["EventID"]),
                "record_id": int(record["System"]["EventRecordID"]),
                "computer_name": record["System"]["Computer"],
                "event_data": record["EventData"],
            }
        },
    ],
    ids=["Event", "flat", "winlog"],
)
def test_sysmons_other_forms_are_read_too(shape: Any) -> None:
    records = [shape(sysmon(doing)) for doing in (connects(), creates())]
    (alert,) = alerts_of("sysmon", records)
    assert alert["sequence"]["by"]["host.id"] == "web-1"


def test_a_connection_that_sysmon_saw_accepted_is_not_attempted() -> None:
    accepted = sysmon(connects())
    accepted["EventData"]["Initiated"] = "false"
    fields = SourceFields(accepted, SOURCES["sysmon"])
    assert fields["event.action"] == ("connection_accepted",)
    assert alerts_of("sysmon", [accepted, sysmon(creates())]) == []


def test_events_of_sysmon_in_the_same_millisecond_are_in_the_order_of_their_numbers() -> None:
    first, second = sysmon(connects()), sysmon(creates(0))
    for number, record in enumerate((first, second)):
        record["System"]["EventRecordID"] = str(number)
    assert len(alerts_of("sysmon", [second, first])) == 1
    first["System"]["EventRecordID"] = "5"
    assert alerts_of("sysmon", [second, first]) == []
