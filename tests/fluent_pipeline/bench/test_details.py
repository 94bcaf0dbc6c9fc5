from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from fluent_pipeline.bench.defend import (
    SECOND,
    file_event,
    host,
    network_event,
    process_event,
)
from fluent_pipeline.bench.details import BOOTED, Server, detailed, everyday, run_of
from fluent_pipeline.bench.programs import Program
from fluent_pipeline.bench.server import APT_GET, CELERY_WORKER, FETCH, LIST, LOGIN, NGINX_WORKER
from support.events import flat

NOW = BOOTED + 1_000 * SECOND
PLAIN, SESSION = (Server(host(number), session_data=number == 1) for number in range(2))
IDS = {"entity_id", "executable", "name", "pid", "command_line", "Ext.ancestry"}
IN_ALL = IDS | {"parent.entity_id"}
LEADER_IDS = {
    "entry_leader.entity_id",
    "entry_leader.parent.entity_id",
    "session_leader.entity_id",
    "group_leader.entity_id",
}
CAPABILITIES = {"thread.capabilities.effective", "thread.capabilities.permitted"}


def of_process(record: dict[str, Any]) -> dict[str, Any]:
    return flat(record["process"])


def processed(program: Program, action: str, server: Server = PLAIN) -> dict[str, Any]:
    run = run_of(program, 2_000, NOW)
    process = server.host.process(program.executable, run.pid)
    return detailed(process_event(server.host, process, NOW, action), server, run, NOW)


def filed(program: Program, server: Server = PLAIN) -> dict[str, Any]:
    run = run_of(program, 2_000, NOW)
    process = server.host.process(program.executable, run.pid)
    return detailed(file_event(server.host, process, NOW, "/srv/a.db"), server, run, NOW)


def connected(program: Program, server: Server = PLAIN) -> dict[str, Any]:
    run = run_of(program, 2_000, NOW)
    process = server.host.process(program.executable, run.pid)
    return detailed(network_event(server.host, process, NOW, "10.20.7.9"), server, run, NOW)


def test_a_file_event_tells_of_its_process_what_is_documented_and_no_more() -> None:
    assert set(of_process(filed(APT_GET))) == IN_ALL
    assert set(of_process(filed(APT_GET, SESSION))) == IN_ALL | LEADER_IDS


def test_a_network_event_has_uptime_and_capabilities_besides() -> None:
    assert set(of_process(connected(NGINX_WORKER))) == IN_ALL | {"uptime"}
    found = of_process(connected(CELERY_WORKER, SESSION))
    assert set(found) == IN_ALL | LEADER_IDS | CAPABILITIES | {"uptime"}
    assert found["uptime"] == 989
    assert found["thread.capabilities.effective"] == list(CELERY_WORKER.capabilities)


def test_a_process_event_has_arguments_hashes_and_a_whole_parent() -> None:
    process = processed(FETCH, "exec")["process"]
    assert process["args"] == list(FETCH.args)
    assert process["args_count"] == len(FETCH.args)
    assert process["working_directory"] == "/home/svc"
    assert {name: len(digest) for name, digest in process["hash"].items()} == {
        "md5": 32,
        "sha1": 40,
        "sha256": 64,
    }
    parent = process["parent"]
    assert (parent["executable"], parent["name"], parent["pid"]) == ("/bin/bash", "bash", 1_999)
    assert parent["command_line"] == "/bin/bash /srv/shop/bin/refresh.sh"
    assert not {"entry_leader", "session_leader", "group_leader", "user"} & set(process)


def test_only_an_end_has_an_end_and_an_exit_code() -> None:
    fields = {action: set(processed(FETCH, action)["process"]) for action in ("fork", "exec")}
    assert fields["fork"] == fields["exec"]
    assert set(processed(FETCH, "end")["process"]) - fields["exec"] == {"end", "exit_code"}


def test_a_cron_job_is_in_the_session_of_its_shell_and_entered_by_cron() -> None:
    process = processed(FETCH, "exec", SESSION)["process"]
    roles = ("entry_leader", "session_leader", "group_leader")
    assert [process[role]["name"] for role in roles] == ["cron", "sh", "sh"]
    assert process["entry_leader"]["entry_meta"] == {"type": "init"}
    assert process["entry_leader"]["parent"]["pid"] == 1
    assert process["previous"][0]["executable"] == "/bin/bash"
    assert process["real_user"] == {"id": "1000", "name": "svc"}
    assert not process["interactive"]


def test_a_job_at_a_terminal_leads_its_group_in_the_session_of_the_login_shell() -> None:
    process = processed(LIST, "exec", SESSION)["process"]
    assert process["group_leader"]["same_as_process"]
    assert process["group_leader"]["entity_id"] == process["entity_id"]
    assert process["session_leader"]["args"] == ["-bash"]
    assert process["entry_leader"]["entry_meta"] == {
        "type": "sshd",
        "source": {"ip": "10.20.7.250"},
    }
    assert process["interactive"]
    assert process["tty"] == {"char_device": {"major": 136, "minor": 0}}


def test_what_runs_in_a_container_was_entered_there() -> None:
    entry = processed(CELERY_WORKER, "fork", SESSION)["process"]["entry_leader"]
    assert entry["entry_meta"] == {"type": "container"}
    assert (entry["pid"], entry["parent"]["pid"]) == (1512, 1490)


def test_the_ancestry_goes_up_to_init() -> None:
    process = processed(LOGIN, "exec")["process"]
    ancestry = process["Ext"]["ancestry"]
    assert ancestry[0] == process["parent"]["entity_id"]
    assert ancestry[-1] == PLAIN.host.process("", 1)["entity_id"]
    assert len(ancestry) == 3


def test_the_user_and_the_group_are_those_of_the_program() -> None:
    record = filed(NGINX_WORKER)
    web = {"id": "33", "name": "www-data"}
    assert record["user"] == record["group"] == web | {"Ext": {"real": web}}


def test_what_identifies_an_event_and_its_process_is_kept() -> None:
    run = run_of(FETCH, 2_000, NOW)
    process = PLAIN.host.process(FETCH.executable, run.pid) | {"entity_id": "another"}
    bare = file_event(PLAIN.host, process, NOW, "/srv/a.db")
    record = detailed(bare, PLAIN, run, NOW)
    assert record["process"]["entity_id"] == "another"
    assert record["event"] == bare["event"] | {"outcome": "unknown"}
    assert record["file"] == bare["file"]


@pytest.fixture(scope="module")
def stream() -> list[dict[str, Any]]:
    random = Random(3)
    return [everyday(random, [PLAIN, SESSION], NOW) for _ in range(2_000)]


def test_every_kind_is_as_frequent_as_in_the_background(stream: list[dict[str, Any]]) -> None:
    kinds = Counter(record["event"]["action"] for record in stream)
    expected = {"connection_attempted": 700, "creation": 700, "fork": 200, "exec": 200, "end": 200}
    assert kinds.keys() == expected.keys()
    assert all(abs(kinds[kind] - count) < 80 for kind, count in expected.items())


def test_names_agree_with_executables(stream: list[dict[str, Any]]) -> None:
    for record in stream:
        process = record["process"]
        for each in [process, *(role for role in process.values() if isinstance(role, dict))]:
            if "name" in each and "executable" in each:
                assert each["name"] == each["executable"].rpartition("/")[2]


def test_capabilities_are_rights_of_root_alone(stream: list[dict[str, Any]]) -> None:
    for record in stream:
        if record["event"]["category"] != ["file"]:
            assert ("thread" in record["process"]) is (record["user"]["id"] == "0")


def test_a_process_is_as_old_as_its_parent_at_most(stream: list[dict[str, Any]]) -> None:
    with_start = [r["process"] for r in stream if "start" in r["process"]]
    assert with_start
    assert all(process["parent"]["start"] <= process["start"] for process in with_start)


def test_session_data_comes_from_hosts_whose_policy_collects_it(
    stream: list[dict[str, Any]],
) -> None:
    for record in stream:
        collects = record["host"]["name"] == SESSION.host.name
        assert ("entry_leader" in record["process"]) is collects
