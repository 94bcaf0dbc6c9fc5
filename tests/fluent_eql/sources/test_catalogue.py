"""Each source's records, through the filter that runs the shipped rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from fluent_eql.event import Event, encode_value
from fluent_eql.needles import needles_of
from fluent_eql.sources import ECS, SOURCES, SourceFields, in_records, mapping_of
from support.events import MILLISECOND, SECOND, START
from support.rules import SHIPPED_SLUG, driver, rule
from support.sources import (
    AGENT,
    MAKERS,
    OUT,
    OUTSIDE,
    STORY,
    Doing,
    alerts_of,
    connects,
    count,
    creates,
    watching,
)

ALL = pytest.mark.parametrize("source", SOURCES)


def test_every_source_but_ecs_has_a_mapping_and_sample_records() -> None:
    assert set(SOURCES) == set(MAKERS)
    assert all(mapping.name == name for name, mapping in SOURCES.items())
    assert mapping_of(ECS, ()) is None


@ALL
def test_a_connection_followed_by_a_file_is_an_alert_under_ecs_names(source: str) -> None:
    records = [MAKERS[source](doing) for doing in (connects(), creates())]
    (alert,) = alerts_of(source, records)
    assert alert["sequence"]["span_ns"] == SECOND
    assert alert["sequence"]["by"]["host.id"] == "web-1"
    network, file = alert["sequence"]["events"]
    assert {name: network[name] for name in NETWORK} == NETWORK
    assert {name: file[name] for name in FILE} == FILE


NETWORK = {
    "stage": 0,
    "event.category": "network",
    "event.type": "start",
    "event.action": "connection_attempted",
    "host.os.type": "linux",
    "process.executable": AGENT,
    "destination.ip": OUTSIDE,
}
FILE = {
    "stage": 1,
    "event.category": "file",
    "event.type": "creation",
    "process.executable": AGENT,
    "process.name": "agent",
    "file.path": OUT,
    "file.name": "job.sh",
    "file.extension": "sh",
}


@ALL
def test_the_record_flows_on_with_nothing_but_the_alert_added(source: str) -> None:
    runner = watching(source)
    records = [MAKERS[source](doing) for doing in (connects(), creates())]
    out = [record for one in records for record in runner.send([one]).out]
    out += runner.flush().out
    assert out[0] == records[0]
    added = {"tags", "rule", "threat", "eql"}
    assert {key: value for key, value in out[1].items() if key not in added} == {
        key: value for key, value in records[1].items() if key not in added
    }
    assert out[1]["tags"][-2:] == ["eql-alert", SHIPPED_SLUG]


@ALL
@pytest.mark.parametrize(
    "doings",
    [
        (connects(ip="10.0.0.8"), creates()),
        (connects(ip="::1"), creates()),
        (connects(), creates(5 * SECOND + MILLISECOND)),
        (connects(), creates(pid=99)),
        (connects(), creates(host="web-2")),
        (connects(), creates(path="/opt/tmpfile")),
        (connects(), creates(path="/opt/a.lockfile")),
        (connects(), creates(path="/loki/wal/1")),
        (connects(executable="/usr/bin/x"), creates(executable="/usr/bin/x")),
        (connects(), connects(SECOND)),
        (creates(), creates(2 * SECOND)),
        (connects(2 * SECOND), creates()),
    ],
    ids=lambda doings: " ".join(str(doing.ip or doing.path) for doing in doings),
)
def test_what_the_rule_leaves_out_is_no_alert(source: str, doings: Sequence[Doing]) -> None:
    assert count(source, *doings) == 0


@ALL
def test_five_seconds_are_not_too_many(source: str) -> None:
    assert count(source, connects(), creates(5 * SECOND)) == 1


@ALL
def test_a_path_without_folder_or_extension_is_an_alert(source: str) -> None:
    assert count(source, connects(), creates(path="/payload")) == 1


@ALL
def test_the_story_has_two_alerts(source: str) -> None:
    found = alerts_of(source, [MAKERS[source](doing) for doing in STORY])
    assert [alert["sequence"]["span_ns"] for alert in found] == [2 * SECOND, 5 * SECOND]


@ALL
def test_the_time_of_an_event_is_the_records(source: str) -> None:
    runner = watching(source)
    for doing in (connects(1_234 * MILLISECOND), creates(5_678 * MILLISECOND)):
        event = Event("t", 7, encode_value(MAKERS[source](doing)))
        assert runner.filter.time_of(event) == START + doing.time


@ALL
def test_the_screen_asks_for_no_record_of_other_programs(source: str) -> None:
    runner = watching(source)
    others = [connects(executable="/usr/bin/curl"), creates(executable="/opt/app/bin/app")]
    body = b"".join(encode_value(MAKERS[source](doing)) for doing in others)
    assert list(runner.filter.screen(body) or ()) == []
    assert runner.filter.screen(encode_value(MAKERS[source](connects())))


@ALL
def test_stages_of_the_shipped_rule_are_screened(source: str) -> None:
    conditions = [
        condition for one in watching(source).filter.rules for condition in one.query.conditions
    ]
    for condition in in_records(conditions, SOURCES[source]):
        needles = needles_of(condition.expression)
        assert needles
        assert {needle.text for needle in needles} >= {"/tmp/", "/dev/shm/"}


@ALL
def test_a_name_that_a_source_does_not_map_is_read_as_it_stands(source: str) -> None:
    record = {**MAKERS[source](connects()), "mine": {"own": "x"}, "dns.question.name": "y"}
    fields = SourceFields(record, SOURCES[source])
    assert (fields["mine.own"], fields["dns.question.name"]) == (("x",), ("y",))


STARTS: dict[str, dict[str, Any]] = {
    "tetragon": {
        "process_exec": {
            "process": {"binary": "/usr/bin/curl", "arguments": "-s http://x", "uid": 0},
            "parent": {"binary": "/usr/bin/bash", "pid": 900},
        }
    },
    "falco": {
        "output_fields": {
            "evt.type": "execve",
            "proc.exepath": "/usr/bin/curl",
            "proc.args": "-s http://x",
            "proc.pname": "bash",
            "user.uid": 0,
        }
    },
    "tracee": {
        "eventName": "sched_process_exec",
        "executable": {"path": "/usr/bin/curl"},
        "userId": 0,
        "args": [{"name": "argv", "value": ["curl", "-s", "http://x"]}],
    },
    "sysmon": {"EventID": 1, "Image": "/usr/bin/curl", "ParentImage": "/usr/bin/bash"},
    "auditd": {
        "SYSCALL": {
            **{"SYSCALL": "execve", "success": "yes", "exe": "/usr/bin/curl", "uid": 0},
            "PPID": {"exe": "/usr/bin/bash"},
        },
        "EXECVE": {"ARGV": ["curl", "-s", "http://x"]},
    },
}


@ALL
def test_the_start_of_a_process_is_seen_as_one(source: str) -> None:
    query = 'process where event.type == "start" and event.action == "exec"'
    tests = ['process.name == "curl"']
    if source != "tracee":
        tests.append('process.parent.name == "bash"')
    if source != "sysmon":
        tests += ['process.args == "-s"', 'user.id == "0"']
    else:
        STARTS["sysmon"] |= {"User": "root"}
        tests += ['user.name == "root"']
    runner = driver(rule(" and ".join([query, *tests])), source=source)
    assert runner.send([STARTS[source]]).alerts, json.dumps(STARTS[source])
    assert not runner.send([MAKERS[source](connects())]).alerts
