from __future__ import annotations

import pytest

from fluent_eql.sources import SOURCES, SourceFields
from support.sources import MAKERS, connects, creates, watching

ALL = pytest.mark.parametrize("source", SOURCES)


@ALL
def test_a_host_without_a_name_is_the_tag(source: str) -> None:
    runner = watching(source)
    nameless = ("node_name", "hostname", "hostName", "NODE")
    for doing in (connects(), creates()):
        record = {k: v for k, v in MAKERS[source](doing).items() if k not in nameless}
        if source == "sysmon":
            record["System"] = {**record["System"], "Computer": None}
        runner.send([record], tag="audit.web-7")
    (alert,) = runner.flush().alerts
    assert alert["sequence"]["by"]["host.id"] == "audit.web-7"


@ALL
@pytest.mark.parametrize("name", ["hostname", "host.name", "host", "_HOSTNAME"])
def test_a_name_that_an_agent_has_added_is_the_hosts(source: str, name: str) -> None:
    fields = SourceFields({name: "db-1"}, SOURCES[source])
    assert fields["host.id"] == fields["host.name"] == ("db-1",)


@ALL
def test_a_field_of_the_alert_that_is_the_same_in_every_source_is_linux(source: str) -> None:
    assert SourceFields({}, SOURCES[source])["host.os.type"] == ("linux",)
    windows = SourceFields({"host": {"os": {"type": "windows"}}}, SOURCES[source])
    assert windows["host.os.type"] == ("windows",)
