"""The shipped rule, condition by condition, through the filter that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.fields import Fields
from fluent_eql.lang import SequenceQuery
from fluent_eql.rules import Rule, load_rules
from fluent_eql.shipped import shipped_rules
from fluent_eql.testing import read_ndjson
from fluent_pipeline.bench.defend import STORIES, host, told
from support.events import (
    MILLISECOND,
    MISSING,
    OUTSIDE,
    SECOND,
    SPELLINGS,
    START,
    Record,
    Scene,
    flat,
    with_fields,
)
from support.rules import SHIPPED_SLUG, driver

SAMPLES = Path(__file__).parents[1] / "samples"

DIRECTORIES = (
    "/boot/",
    "/dev/shm/",
    "/tmp/",
    "/var/tmp/",
    "/var/log/",
    "/var/run/user/",
    "/run/user/",
)
OTHER_PLACES = (
    "/TMP/x",
    "/Tmp/x",
    "/tmpfoo",
    "/tmp",
    "/usr/tmp/x",
    "/opt/tmp/x",
    "tmp/x",
    "/var/x",
    "/var/run/x",
    "/run/x",
    "/run/users/x",
    "/dev/shmem/x",
    "/dev/SHM/x",
    "/boots/x",
    "/var/logs/x",
    "/var/tmpx",
    "/home/a/tmp/x",
    " /tmp/x",
    "",
)
EXCLUDED_NETWORKS = (
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.168.0.0/16",
    "192.88.99.0/24",
    "224.0.0.0/4",
    "100.64.0.0/10",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "fe80::/10",
    "ff00::/8",
    "fc00::/7",
)


@pytest.fixture(scope="module")
def shipped() -> Rule:
    [rule] = load_rules([shipped_rules()]).rules
    return rule


@pytest.fixture(scope="module")
def query(shipped: Rule) -> SequenceQuery:
    assert isinstance(shipped.query, SequenceQuery)
    return shipped.query


def satisfies(query: SequenceQuery, stage: int, record: Mapping[str, Any]) -> bool:
    return query.stages[stage].condition.matches(Fields(record))


def alerts(*records: Record) -> int:
    """How many alerts the records give, each sent in a frame of its own, in this order."""
    runner = driver()
    found = sum(len(runner.send([record]).alerts) for record in records)
    return found + len(runner.flush().alerts)


def test_the_metadata_say_what_the_rule_is(shipped: Rule) -> None:
    assert shipped.name == "Network Connection Followed by File Creation"
    assert shipped.slug == SHIPPED_SLUG
    assert (shipped.severity, shipped.risk_score) == ("low", 21)
    for tag in ("Domain: Endpoint", "OS: Linux", "Data Source: Elastic Defend"):
        assert tag in shipped.tags
    assert "Use Case: Threat Detection" in shipped.tags


def test_the_rule_names_its_tactics_and_techniques(shipped: Rule) -> None:
    [control, execution] = shipped.threats
    assert (control.tactic.id, control.tactic.name) == ("TA0011", "Command and Control")
    assert [item.id for item in control.techniques] == ["T1071"]
    assert [item.name for item in control.techniques] == ["Application Layer Protocol"]
    assert [(i.id, i.name) for i in control.subtechniques] == [("T1071.001", "Web Protocols")]
    assert (execution.tactic.id, execution.tactic.name) == ("TA0002", "Execution")
    assert [item.id for item in execution.techniques] == ["T1059"]
    assert [item.name for item in execution.techniques] == ["Command and Scripting Interpreter"]
    assert [(i.id, i.name) for i in execution.subtechniques] == [("T1059.004", "Unix Shell")]


def test_the_sequence_is_by_host_and_process_within_five_seconds(query: SequenceQuery) -> None:
    assert query.maxspan == 5 * SECOND
    for stage in query.stages:
        keys = [(key.name, key.optional) for key in stage.by]
        assert keys == [("host.id", False), ("process.entity_id", False)]


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_a_program_under_a_scratch_directory_satisfies_both_stages(
    query: SequenceQuery, directory: str
) -> None:
    for executable in (f"{directory}x", f"{directory}a/b/c", directory):
        assert satisfies(query, 0, Scene().network(executable=executable))
        assert satisfies(query, 1, Scene().file(executable=executable))


@pytest.mark.parametrize("executable", OTHER_PLACES)
def test_a_program_elsewhere_satisfies_neither_stage(query: SequenceQuery, executable: str) -> None:
    assert not satisfies(query, 0, Scene().network(executable=executable))
    assert not satisfies(query, 1, Scene().file(executable=executable))


@pytest.mark.parametrize("value", [MISSING, None, [], [None], {}, 5])
def test_an_executable_without_a_value_satisfies_neither_stage(
    query: SequenceQuery, value: Any
) -> None:
    assert not satisfies(query, 0, Scene().network(process__executable=value))
    assert not satisfies(query, 1, Scene().file(process__executable=value))


@pytest.mark.parametrize("network", EXCLUDED_NETWORKS)
def test_every_address_of_an_excluded_network_is_internal(
    query: SequenceQuery, network: str
) -> None:
    net = ip_network(network)
    middle = net[net.num_addresses // 2]
    for address in (net[0], middle, net[-1]):
        assert not satisfies(query, 0, Scene().network(ip=str(address)))


def _just_outside(network: str) -> list[str]:
    net = ip_network(network)
    highest = 2**net.max_prefixlen - 1
    numbers = [int(net[0]) - 1, int(net[-1]) + 1]
    make = type(net[0])
    return [str(make(number)) for number in numbers if 0 <= number <= highest]


def _is_excluded(address: str) -> bool:
    found = ip_address(address)
    return any(found in ip_network(network) for network in EXCLUDED_NETWORKS)


NEIGHBOURS = sorted(
    {
        address
        for network in EXCLUDED_NETWORKS
        for address in _just_outside(network)
        if not _is_excluded(address)
    }
)


def test_the_neighbours_of_the_excluded_networks_are_many() -> None:
    assert len(NEIGHBOURS) > 25
    assert {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "fec0::"} <= {*NEIGHBOURS}


@pytest.mark.parametrize("address", NEIGHBOURS)
def test_an_address_beside_an_excluded_network_is_external(
    query: SequenceQuery, address: str
) -> None:
    assert satisfies(query, 0, Scene().network(ip=address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "::1",
        "0:0:0:0:0:0:0:1",
        "::ffff:10.0.0.1",
        "::ffff:a00:1",
        "::ffff:192.168.3.4",
        "::FFFF:127.0.0.1",
        "::ffff:0.0.0.0",
        "FE80::1",
        "fe80::1%eth0",
        "FC00::1",
        "fd00::12",
        "FF02::1",
    ],
)
def test_other_internal_addresses(query: SequenceQuery, address: str) -> None:
    assert not satisfies(query, 0, Scene().network(ip=address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1",
        "0.255.255.255",
        "::",
        "::2",
        "fec0::1",
        "FEC0::1",
        "::ffff:8.8.8.8",
        "::FFFF:808:808",
        "2606:2800:220:1:248:1893:25c8:1946",
        "2A01:4F8:C17:B0F::2",
        "2a01:4f8:c17:b0f::2%eth0",
        "8.8.8.8",
        "64:ff9b::a00:1",
    ],
)
def test_other_external_addresses(query: SequenceQuery, address: str) -> None:
    assert satisfies(query, 0, Scene().network(ip=address))


@pytest.mark.parametrize(
    "value",
    [
        MISSING,
        None,
        [],
        [None],
        {},
        "",
        "example.org",
        "8.8.8.8:443",
        "8.8.8",
        "8.8.8.8/32",
        "256.1.1.1",
        "08.8.8.8",
        " 8.8.8.8",
        134744072,
        True,
        ["not an address", None],
    ],
    ids=repr,
)
def test_a_destination_that_is_no_address_is_no_connection(
    query: SequenceQuery, value: Any
) -> None:
    assert not satisfies(query, 0, Scene().network(destination__ip=value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([OUTSIDE], True),
        ([None, OUTSIDE], True),
        ([OUTSIDE, "text"], True),
        ([OUTSIDE, "2001:4860::1"], True),
        ([OUTSIDE, "10.0.0.1"], False),
        (["10.0.0.1", OUTSIDE], False),
        ([OUTSIDE, "0.0.0.0"], False),
        (["10.0.0.1"], False),
    ],
    ids=repr,
)
def test_one_internal_address_of_several_excludes_the_connection(
    query: SequenceQuery, value: Sequence[Any], expected: bool
) -> None:
    assert satisfies(query, 0, Scene().network(destination__ip=value)) is expected


def test_bin_addresses_and_paths_are_read_as_text(query: SequenceQuery) -> None:
    record = Scene().network(destination__ip=OUTSIDE.encode(), process__executable=b"/tmp/x")
    assert satisfies(query, 0, record)
    assert not satisfies(query, 0, with_fields(record, {"destination.ip": b"10.0.0.1"}))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (
            "host.os.type",
            ["linux", ["linux"], ["windows", "linux"]],
            ["windows", "macos", "Linux", "linux ", None, [], MISSING],
        ),
        (
            "event.type",
            ["start", ["start"], ["connection", "start"]],
            ["end", "Start", ["creation"], ["starting"], None, MISSING],
        ),
        (
            "event.action",
            ["connection_attempted", ["connection_attempted"]],
            ["connection_accepted", "disconnect_received", "Connection_attempted", None, MISSING],
        ),
        (
            "event.category",
            ["network", ["network"], ["session", "network"]],
            ["file", ["Network"], [], None, MISSING],
        ),
    ],
)
def test_values_of_the_first_stage(
    query: SequenceQuery, field: str, good: Sequence[Any], bad: Sequence[Any]
) -> None:
    event = Scene().network()
    assert [satisfies(query, 0, with_fields(event, {field: v})) for v in good] == [True] * len(good)
    assert [satisfies(query, 0, with_fields(event, {field: v})) for v in bad] == [False] * len(bad)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (
            "host.os.type",
            ["linux", ["linux"], ["windows", "linux"]],
            ["windows", "Linux", None, [], MISSING],
        ),
        (
            "event.type",
            ["creation", ["creation"], ["change", "creation"]],
            ["change", "deletion", ["start"], "Creation", None, MISSING],
        ),
        (
            "event.category",
            ["file", ["file"], ["process", "file"]],
            ["network", ["File"], [], None, MISSING],
        ),
        ("event.action", ["creation", "rename", "anything", None, MISSING], []),
    ],
)
def test_values_of_the_second_stage(
    query: SequenceQuery, field: str, good: Sequence[Any], bad: Sequence[Any]
) -> None:
    event = Scene().file()
    assert [satisfies(query, 1, with_fields(event, {field: v})) for v in good] == [True] * len(good)
    assert [satisfies(query, 1, with_fields(event, {field: v})) for v in bad] == [False] * len(bad)


EXCLUDED_FILES: list[dict[str, Any]] = [
    {"file.name": "tmp"},
    {"file.name": "tmp4711"},
    {"file.name": "tmp.d.bin"},
    {"file.extension": "sqlite-journal"},
    {"file.extension": "db-journal"},
    {"file.extension": "lockfile"},
    {"file.extension": "tmp"},
    {"file.extension": ["txt", "tmp"]},
    {"file.path": "/loki/wal/"},
    {"file.path": "/loki/wal/00001/x"},
    {"file.path": "/dev/shm/.org.chromium.Chromium."},
    {"file.path": "/dev/shm/.org.chromium.Chromium.aB3"},
    {"file.path": "/opt/rapid7/nexpose/a/b"},
    {"file.path": "/usr/local/ltechagent"},
    {"file.path": "/usr/local/ltechagent_state"},
    {"file.path": "/var/lib/cloudendure/agent_keystore_temp"},
    {"file.path": "/var/cache/yum/x86_64/a"},
    {"file.path": "/run/aws-node/ipam.json.tmp"},
    {"file.path": "/run/aws-node/ipam.json.tmp123"},
    {"file.path": "/run/systemd/journal/streams/."},
    {"file.path": "/run/systemd/journal/streams/.#9:12345"},
    {"file.path": ["/opt/out", "/loki/wal/1"]},
    {"process.executable": "/tmp/terraform", "file.path": "/tmp/terraform-provider"},
    {"process.executable": "/tmp/terraform", "file.path": "/tmp/terraform-provider-aws_5"},
    {"process.name": "podman"},
    {"process.name": "minikube"},
    {"process.name": "logrotate"},
    {"process.name": "java"},
    {"process.name": "aws-k8s-agent"},
    {"process.name": "grafana"},
    {"process.name": "postman"},
    {"process.executable": "/tmp/token_handler"},
    {"process.executable": "/tmp/TOKEN_Handler"},
    {"process.executable": "/tmp/.sentry-cli.exe"},
    {"process.executable": "/tmp/.sentry-cli-2.1.exe"},
    {"process.executable": "/tmp/.Sentry-CLI9.EXE"},
    {"process.executable": ["/tmp/x", "/etc/cron.daily/logrotate"]},
    {"process.executable": ["/tmp/x", "/etc/update-motd.d/50-motd-news"]},
    {"process.executable": ["/tmp/x", "/etc/cron.hourly/0yum-hourly.cron"]},
    {"process.executable": ["/tmp/x", "/etc/cron.hourly/bitdefenderREDLINE"]},
    {"process.executable": ["/tmp/x", "/etc/cron.daily/0yum-daily.cron"]},
    {"process.executable": ["/tmp/x", "/etc/init.d/fortiedr"]},
]

NOT_EXCLUDED_FILES: list[dict[str, Any]] = [
    {"file.name": "Tmp4711"},
    {"file.name": "TMP"},
    {"file.name": "x.tmp"},
    {"file.name": "atmp"},
    {"file.name": None},
    {"file.name": MISSING},
    {"file.extension": MISSING},
    {"file.extension": None},
    {"file.extension": []},
    {"file.extension": ""},
    {"file.extension": "TMP"},
    {"file.extension": "tmp2"},
    {"file.extension": "journal"},
    {"file.extension": "lock"},
    {"file.path": "/loki/wal"},
    {"file.path": "/Loki/wal/1"},
    {"file.path": "/mnt/loki/wal/1"},
    {"file.path": "/dev/shm/.org.chromium.ChromiumX"},
    {"file.path": "/dev/shm/.org.chromium.chromium.a"},
    {"file.path": "/dev/shm/xorg.chromium.Chromium.a"},
    {"file.path": "/opt/rapid7/nexpose"},
    {"file.path": "/usr/local/ltechagen"},
    {"file.path": "/var/lib/cloudendure/agent_keystore_temp2"},
    {"file.path": "/var/cache/yum"},
    {"file.path": "/run/aws-node/ipam.json"},
    {"file.path": "/run/systemd/journal/streams/9:12345"},
    {"file.path": "/run/systemd/journal/streams/"},
    {"file.path": MISSING},
    {"process.executable": "/tmp/terraform", "file.path": "/tmp/other"},
    {"process.executable": "/tmp/terraform2", "file.path": "/tmp/terraform-provider-aws"},
    {"process.executable": "/tmp/Terraform", "file.path": "/tmp/terraform-provider-aws"},
    {"process.executable": "/var/tmp/terraform", "file.path": "/tmp/terraform-provider-aws"},
    {"process.name": "Java"},
    {"process.name": "javac"},
    {"process.name": MISSING},
    {"process.executable": "/tmp/token_handler2"},
    {"process.executable": "/tmp/a/token_handler"},
    {"process.executable": "/tmp/.sentry-cli"},
    {"process.executable": "/tmp/sentry-cli.exe"},
    {"process.executable": "/tmp/.sentry-cli.exe.bak"},
]


@pytest.mark.parametrize("fields", EXCLUDED_FILES, ids=repr)
def test_an_excluded_file_does_not_satisfy_the_second_stage(
    query: SequenceQuery, fields: dict[str, Any]
) -> None:
    assert not satisfies(query, 1, with_fields(Scene().file(), fields))


@pytest.mark.parametrize("fields", NOT_EXCLUDED_FILES, ids=repr)
def test_a_file_beside_an_exclusion_satisfies_the_second_stage(
    query: SequenceQuery, fields: dict[str, Any]
) -> None:
    assert satisfies(query, 1, with_fields(Scene().file(), fields))


@pytest.mark.parametrize("fields", EXCLUDED_FILES, ids=repr)
def test_an_excluded_file_neither_matches_nor_consumes(fields: dict[str, Any]) -> None:
    scene = Scene()
    excluded = with_fields(scene.file(SECOND), fields)
    assert alerts(scene.network(0), excluded) == 0
    assert alerts(scene.network(0), excluded, scene.file(2 * SECOND)) == 1


def test_the_exclusions_of_files_do_not_concern_connections(query: SequenceQuery) -> None:
    for executable in ("/tmp/token_handler", "/tmp/terraform", "/tmp/.sentry-cli-2.exe"):
        assert satisfies(query, 0, Scene().network(executable=executable))
    assert satisfies(query, 0, Scene().network(process__name="java"))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_rule_finds_its_sequence_in_every_spelling(spelling: str) -> None:
    scene = Scene()
    respell = SPELLINGS[spelling]
    assert alerts(respell(scene.network(0)), respell(scene.file(SECOND))) == 1


def test_the_two_events_may_be_spelled_differently() -> None:
    scene = Scene()
    assert alerts(flat(scene.network(0)), scene.file(SECOND)) == 1


@pytest.mark.parametrize(
    ("span", "expected"),
    [(1, 1), (5 * SECOND - 1, 1), (5 * SECOND, 1), (5 * SECOND + 1, 0), (-1, 0)],
)
def test_maxspan_is_inclusive_to_the_nanosecond(span: int, expected: int) -> None:
    scene = Scene()
    assert alerts(scene.network(0), scene.file(span)) == expected


def test_each_stage_tests_the_executable_of_its_own_event() -> None:
    scene = Scene()
    assert alerts(scene.network(0), scene.file(executable="/dev/shm/other")) == 1
    assert alerts(scene.network(0), scene.file(executable="/usr/bin/bash")) == 0
    assert alerts(scene.network(0, executable="/usr/bin/bash"), scene.file()) == 0


def test_an_internal_connection_neither_starts_nor_replaces_a_candidate() -> None:
    scene = Scene()
    assert alerts(scene.network(0, ip="10.0.0.1"), scene.file()) == 0
    runner = driver()
    external = scene.network(0)
    runner.send([external, scene.network(MILLISECOND, ip="10.0.0.1"), scene.file()])
    [alert] = runner.flush().alerts
    assert alert["sequence"]["events"][0]["event.id"] == external["event"]["id"]


def test_a_later_external_connection_replaces_the_candidate() -> None:
    scene = Scene()
    runner = driver()
    newer = scene.network(2 * SECOND, ip="8.8.8.8")
    runner.send([scene.network(0), newer, scene.file(6 * SECOND)])
    [alert] = runner.flush().alerts
    assert alert["sequence"]["events"][0]["event.id"] == newer["event"]["id"]
    assert alert["sequence"]["span_ns"] == 4 * SECOND


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [("nnff", 1), ("nfnf", 2), ("nff", 1), ("fn", 0), ("nf", 1), ("nnn", 0), ("fnf", 1)],
)
def test_connections_and_files_in_turn(kinds: str, expected: int) -> None:
    scene = Scene()
    make = {"n": scene.network, "f": scene.file}
    records = [make[kind](number * MILLISECOND) for number, kind in enumerate(kinds)]
    assert alerts(*records) == expected


def test_another_process_or_host_is_another_sequence() -> None:
    scene = Scene()
    assert alerts(scene.network(0, pid=7), scene.file(pid=8)) == 0
    assert alerts(scene.network(0), scene.file(host__id="another host")) == 0
    entity = scene.network(0)["process"]["entity_id"]
    assert alerts(scene.network(0), scene.file(process__entity_id=entity.swapcase())) == 0


@pytest.mark.parametrize("field", ["host.id", "process.entity_id"])
@pytest.mark.parametrize("value", [None, [], MISSING])
def test_an_event_without_a_join_key_takes_no_part(field: str, value: Any) -> None:
    scene = Scene()
    without = {field.replace(".", "__"): value}
    assert alerts(scene.network(0, **without), scene.file(**without)) == 0


def test_every_story_gives_its_alerts() -> None:
    for story in STORIES:
        assert (story.name, alerts(*story.tell(host(1), 6000, START))) == (story.name, story.alerts)


def test_the_stories_are_found_in_the_background() -> None:
    found = alerts(*told(4, records=600, start=START))
    assert found == sum(story.alerts for story in STORIES)


def test_the_sample_stream_gives_exactly_the_expected_alerts() -> None:
    records = read_ndjson((SAMPLES / "events.ndjson").read_text("utf-8"))
    lines = (SAMPLES / "expected_alerts.ndjson").read_text("utf-8").splitlines()
    expected = [json.loads(line) for line in lines]
    runner = driver()
    given = runner.send(records).alerts + runner.flush().alerts
    assert sorted(map(_told, given), key=str) == sorted(expected, key=str)


def _told(alert: Record) -> Record:
    network, file = alert["sequence"]["events"]
    return {
        "network_event_id": network["event.id"],
        "file_event_id": file["event.id"],
        **alert["sequence"]["by"],
        "destination.ip": network["destination.ip"],
        "file.path": file["file.path"],
        "network_timestamp": network["@timestamp"],
        "file_timestamp": file["@timestamp"],
    }
