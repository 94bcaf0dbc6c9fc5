from __future__ import annotations

from fluent_eql.sources import SOURCES, SourceFields
from support.sources import MAKERS, OUT, alerts_of, connects, creates, tracee_v1


def test_tracees_newer_form_is_read_too() -> None:
    records = [tracee_v1(doing) for doing in (connects(), creates())]
    (alert,) = alerts_of("tracee", records)
    assert alert["sequence"]["by"]["host.id"] == "web-1"
    assert alert["sequence"]["events"][1]["file.path"] == OUT
    assert alerts_of("tracee", [tracee_v1(d) for d in (connects(ip="10.0.0.1"), creates())]) == []


def test_a_file_that_tracee_saw_opened_only_is_not_created() -> None:
    opened = MAKERS["tracee"](creates())
    opened["args"][1]["value"] = 0o2
    assert alerts_of("tracee", [MAKERS["tracee"](connects()), opened]) == []
    named = tracee_v1(creates())
    named["data"][1]["str"] = "O_RDONLY"
    assert alerts_of("tracee", [tracee_v1(connects()), named]) == []


def test_an_ipv6_address_of_tracee_is_read() -> None:
    record = MAKERS["tracee"](connects())
    address = {"sa_family": "AF_INET6", "sin6_addr": "2606:4700::1", "sin6_port": "443"}
    record["args"][1]["value"] = address
    fields = SourceFields(record, SOURCES["tracee"])
    assert (fields["destination.ip"], fields["destination.port"]) == (("2606:4700::1",), (443,))


def test_the_arguments_of_other_events_are_not_taken_for_an_address_or_a_path() -> None:
    record = {"eventName": "x", "args": [{"name": "local_addr", "value": {"sin_addr": "1.1.1.1"}}]}
    fields = SourceFields(record, SOURCES["tracee"])
    assert fields["destination.ip"] == fields["file.path"] == fields["event.category"] == ()
