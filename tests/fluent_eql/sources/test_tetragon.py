from __future__ import annotations

from support.sources import MAKERS, alerts_of, connects, creates


def test_the_tag_of_a_tetragon_policy_says_that_a_file_was_created() -> None:
    created = MAKERS["tetragon"](creates())
    created["process_kprobe"] |= {"function_name": "my_hook"}
    assert len(alerts_of("tetragon", [MAKERS["tetragon"](connects()), created])) == 1
    created["process_kprobe"] |= {"tags": ["other"]}
    assert alerts_of("tetragon", [MAKERS["tetragon"](connects()), created]) == []


def test_lsm_hooks_of_tetragon_are_read_as_its_probes_are() -> None:
    records = []
    for doing, name in ((connects(), "socket_connect"), (creates(), "inode_create")):
        record = MAKERS["tetragon"](doing)
        hooked = record.pop("process_kprobe") | {"function_name": name}
        if doing.ip:
            address = {"family": "AF_INET", "addr": doing.ip, "port": 443}
            hooked["args"] = [{"sockaddr_arg": address}]
        records.append(record | {"process_lsm": hooked})
    assert len(alerts_of("tetragon", records)) == 1
