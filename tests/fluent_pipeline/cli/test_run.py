from __future__ import annotations

import signal
import socket
from pathlib import Path

from fluent_pipeline.bench.load import send
from fluent_pipeline.cli import run
from support.events import SECOND, Scene
from support.frames import ack_of, forward_frame
from support.programs import WAIT, port_of, run_program, running_program

QUIET = """
pipeline:
  inputs:
    - {name: forward, listen: 127.0.0.1, port: %s}
  filters:
    - {name: eql}
  outputs:
    - {name: file, path: ., file: out.ndjson}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "relay.yaml"
    path.write_text(text)
    return path


def test_records_go_through_and_sigterm_ends_it_well(tmp_path: Path) -> None:
    held = "{name: eql, reorder_window: 1h}"
    config = written(tmp_path, (QUIET % 0).replace("{name: eql}", held))
    scene = Scene()
    network = forward_frame([scene.network(0)], chunk="n")
    file = forward_frame([scene.file(SECOND)], chunk="f")
    with running_program("run", "--config", config, cwd=tmp_path) as relay:
        port = port_of(relay)
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as client:
            client.sendall(network.raw + file.raw)
            assert client.recv(100) == ack_of("n")
            relay.send_signal(signal.SIGTERM)
            assert client.recv(100) == ack_of("f")
        _, log = relay.communicate(timeout=WAIT)
        assert relay.returncode == 0
    assert (tmp_path / "out.ndjson").read_text().count("eql-alert") == 1
    assert b"stopping" in log
    assert b"alert " in log


def test_sigint_ends_it_as_well(tmp_path: Path) -> None:
    with running_program("run", "-c", written(tmp_path, QUIET % 0), cwd=tmp_path) as relay:
        send(port_of(relay), [forward_frame([{"a": 1}], chunk="c").raw])
        relay.send_signal(signal.SIGINT)
        assert relay.wait(WAIT) == 0


def test_a_wrong_configuration_is_told_before_any_port_is_opened(tmp_path: Path) -> None:
    config = written(tmp_path, QUIET % 0 + "  filter: []\n")
    done = run_program("run", "--config", config, cwd=tmp_path)
    assert done.returncode == 1
    assert f"{config}:9:3: ".encode() in done.stderr
    assert b"did you mean filters?" in done.stderr
    assert b"listening" not in done.stderr


def test_a_wrong_rule_is_told_before_any_port_is_opened(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        '[rule]\nname = "x"\nrule_id = "1"\nseverity = "low"\nrisk_score = 1\n'
        'query = "process where user.id = 5"\n'
    )
    config = written(tmp_path, (QUIET % 0).replace("{name: eql}", "{name: eql, rules: bad.toml}"))
    done = run_program("run", "--config", config, cwd=tmp_path)
    assert done.returncode == 1
    assert b"bad.toml:6:" in done.stderr
    assert b"^" in done.stderr
    assert b"listening" not in done.stderr


def test_a_port_in_use_is_told_with_its_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_program("run", "--config", written(tmp_path, QUIET % port), cwd=tmp_path)
    assert done.returncode == 1
    assert str(port).encode() in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_monitors_port_in_use_is_told_with_its_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = f"service: {{http_server: on, http_listen: 127.0.0.1, http_port: {port}}}\n"
        config = written(tmp_path, service + QUIET % 0)
        done = run_program("run", "--config", config, cwd=tmp_path)
    assert done.returncode == 1
    assert f"{port}".encode() in done.stderr.splitlines()[-1]
    assert b"Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run_program("run", "--config", tmp_path / "none.yaml")
    assert done.returncode == 1
    assert b"none.yaml" in done.stderr


def test_the_log_says_which_relative_path_won(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    config = written(tmp_path, (QUIET % 0).replace("{name: eql}", "{name: eql, rules: rules}"))
    with running_program("run", "--config", config, cwd=tmp_path) as relay:
        assert relay.stderr is not None
        log = relay.stderr.readline() + relay.stderr.readline()
        assert str(tmp_path / "rules").encode() in log


def test_every_level_that_the_configuration_knows_is_one_of_pythons() -> None:
    assert list(run.LEVELS) == ["error", "warn", "info", "debug"]
    assert list(run.LEVELS.values()) == sorted(run.LEVELS.values(), reverse=True)
