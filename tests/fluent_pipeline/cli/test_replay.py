from __future__ import annotations

import io
import json
import os
import pty
import random
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest

from fluent_pipeline.cli import main
from fluent_pipeline.cli.replay import BATCH
from support.events import SECOND, Scene
from support.programs import FLUENT_EQL, run_program

TESTS = Path(__file__).parent.parent.parent
EVENTS = TESTS / "samples" / "events.ndjson"
EXPECTED = TESTS / "samples" / "expected_alerts.ndjson"
MORE_THAN_A_BATCH = 1 + BATCH // 928
"""How often the events must be read for alerts to be printed while there is more to read."""
TWO_INPUTS = TESTS / "captures" / "fb_two_inputs.bin"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def in_short(alert: dict[str, Any]) -> dict[str, str]:
    """An alert in the form of the expected ones."""
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


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    assert main(["replay", "--json", *map(str, arguments)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def shuffled(tmp_path: Path) -> Path:
    lines = EVENTS.read_bytes().splitlines(keepends=True)
    random.Random(4).shuffle(lines)
    path = tmp_path / "shuffled.ndjson"
    path.write_bytes(b"".join(lines))
    return path


def written(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("path", [EVENTS, TWO_INPUTS], ids=lambda path: path.name)
def test_exactly_the_expected_alerts_are_found(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [in_short(alert) for alert in replayed(capsys, path)] == lines_of(EXPECTED)


def test_the_order_of_the_lines_makes_no_difference(
    shuffled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(capsys, shuffled) == replayed(capsys, EVENTS)


def test_standard_input_is_read_for_a_dash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TWO_INPUTS.read_bytes())))
    assert len(replayed(capsys, "-")) == 4


def test_the_events_of_one_sequence_may_lie_in_two_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = written(tmp_path / "a", scene.file(SECOND))
    second = written(tmp_path / "b", scene.network(0))
    assert len(replayed(capsys, first, second)) == 1


def test_an_alert_has_the_documented_shape(capsys: pytest.CaptureFixture[str]) -> None:
    alert = replayed(capsys, EVENTS)[0]
    assert list(alert) == ["id", "rule", "severity", "risk_score", "sequence"]
    assert alert["rule"] == {
        "id": "6d3b5c0e-9a41-4f0b-8f5e-2c7b1f7a9d64",
        "name": "Network Connection Followed by File Creation",
    }
    assert (alert["severity"], alert["risk_score"]) == ("low", 21)
    assert list(alert["sequence"]) == ["by", "span_ns", "events"]
    assert list(alert["sequence"]["by"]) == ["host.id", "process.entity_id"]
    assert alert["sequence"]["span_ns"] == 812_000_000
    assert [event["stage"] for event in alert["sequence"]["events"]] == [0, 1]


def test_without_json_a_table_is_printed_and_the_summary_goes_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", str(EVENTS)]) == 0
    out, err = capsys.readouterr()
    head, *rows = out.splitlines()
    assert head.split() == ["RULE", "HOST", "PROCESS", "DESTINATION", "FILE", "SPAN"]
    assert [row.split()[-1] for row in rows] == ["s"] * 4
    assert err.startswith("928 records, 0 unreadable, 4 alerts in ")


def test_lines_that_cannot_be_read_are_counted_and_told_with_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene()
    path = tmp_path / "bad.ndjson"
    lines = [
        json.dumps(scene.network(0)).encode(),
        b"{not json",
        b"",
        b"[1, 2]",
        b'"text"',
        b'{"n": 123456789012345678901234567890}',
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
        b'{"not utf-8": "\xff\xfe"}',
        b"  ",
    ]
    path.write_bytes(b"\r\n".join(lines) + b"\n" + json.dumps(scene.file(SECOND)).encode())
    assert main(["replay", "--json", str(path)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    told = [line for line in err.splitlines() if "not readable" in line]
    assert [line.split(": ")[1] for line in told] == [f"line {n}" for n in (2, 4, 5, 6, 7)]
    assert "expected a JSON object, found list" in told[1]
    assert "3 records, 5 unreadable, 1 alerts" in err


def test_only_the_first_unreadable_lines_are_told_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_text("x\n" * 500)
    main(["replay", str(path)])
    err = capsys.readouterr().err
    assert 10 < err.count("not readable") < 100
    assert "0 records, 500 unreadable" in err


def test_a_forward_stream_that_is_cut_off_gives_what_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes(TWO_INPUTS.read_bytes()[:-1])
    assert main(["replay", "--json", str(path)]) == 0
    assert "the last message lacks its end" in capsys.readouterr().err


def test_a_forward_stream_is_read_up_to_its_malformed_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "malformed.bin"
    path.write_bytes(TWO_INPUTS.read_bytes() + b"\x92\xa1t\xc1")
    assert main(["replay", "--json", str(path)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert f"byte {TWO_INPUTS.stat().st_size}: not readable: malformed msgpack" in err


def test_a_file_that_cannot_be_opened_is_told_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.ndjson"
    assert main(["replay", "--json", str(missing), str(EVENTS)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert f"fluent-eql: {missing}: No such file or directory" in err


def test_an_empty_file_holds_no_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert main(["replay", str(path)]) == 0
    assert "0 records, 0 unreadable, 0 alerts" in capsys.readouterr().err


def test_with_a_reorder_window_events_that_come_too_late_give_late_alerts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene()
    records = [scene.file(SECOND), scene.network(60 * SECOND, pid=9), scene.network(0)]
    path = written(tmp_path, *records)
    (alert,) = replayed(capsys, "--reorder-window", "2s", path)
    assert alert["late"] is True
    (alert,) = replayed(capsys, "--reorder-window", "2m", path)
    assert "late" not in alert
    (alert,) = replayed(capsys, path)
    assert "late" not in alert


def test_the_speed_is_a_multiple_of_how_fast_the_events_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    scene = Scene()
    path = written(tmp_path, scene.network(0), scene.file(4 * SECOND))
    assert len(replayed(capsys, "--speed", "2", path)) == 1
    assert max(slept) == pytest.approx(2.0)


def test_a_record_without_a_time_does_not_set_the_pace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    scene = Scene()
    untimed = scene.network(0, pid=9)
    del untimed["@timestamp"]
    path = written(tmp_path, untimed, scene.network(0), scene.file(SECOND))
    assert len(replayed(capsys, "--speed", "1", path)) == 1
    assert max(slept) == pytest.approx(1.0)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf", "1e-300"])
def test_a_speed_that_is_none_is_refused(speed: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", "--speed", speed, str(EVENTS)])
    assert caught.value.code == 2


def test_rules_of_ones_own_take_the_place_of_the_shipped_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = tmp_path / "root.toml"
    rule.write_text(
        '[rule]\nname = "Root"\nrule_id = "1"\nseverity = "high"\nrisk_score = 73\n'
        'type = "eql"\nlanguage = "eql"\n'
        "query = 'file where file.path : \"/ROOT/*\"'\n"
    )
    alerts = replayed(capsys, "--rules", rule, EVENTS)
    assert {alert["rule"]["name"] for alert in alerts} == {"Root"}
    assert "sequence" not in alerts[0]
    assert len(alerts[0]["events"]) == 1


def test_a_rule_that_is_wrong_is_told_and_nothing_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = tmp_path / "bad.toml"
    rule.write_text("[rule\n")
    assert main(["replay", "--rules", str(rule), str(EVENTS)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"fluent-eql: {rule}:1:")


@pytest.mark.parametrize("options", ["", "--reorder-window 2s"])
def test_a_reader_that_goes_away_is_no_trouble(options: str) -> None:
    files = f"'{EVENTS}' " * MORE_THAN_A_BATCH
    command = f"'{FLUENT_EQL}' replay --json {options} {files} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 141
    assert "roken pipe" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_is_full_is_not_taken_for_an_unreadable_input() -> None:
    files = [EVENTS] * MORE_THAN_A_BATCH
    command = [FLUENT_EQL, "replay", "--json", "--reorder-window", "2s", *files]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert EVENTS.name.encode() not in done.stderr


def test_a_progress_bar_is_drawn_on_a_terminal_only() -> None:
    assert b"%" not in run_program("replay", EVENTS).stderr
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen([FLUENT_EQL, "replay", EVENTS], stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        seen = b""
        try:
            while data := os.read(ours, 4096):
                seen += data
        except OSError:
            pass
        os.close(ours)
    assert b"%" in seen
    assert b"928 records" in seen
