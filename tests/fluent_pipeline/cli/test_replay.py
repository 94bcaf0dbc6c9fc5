from __future__ import annotations

import gzip
import io
import json
import os
import pty
import random
import re
import select
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from fluent_eql.event import encode_value
from fluent_eql.shipped import shipped_rules
from fluent_pipeline.cli import main
from fluent_pipeline.protocol.splice import encode_entry, encode_forward
from support.events import SECOND, Scene, with_fields
from support.programs import FLUENT_EQL, WAIT, run_program, running_program
from support.sequences import happened

TESTS = Path(__file__).parent.parent.parent
EVENTS = TESTS / "samples" / "events.ndjson"
EXPECTED = TESTS / "samples" / "expected_alerts.ndjson"
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
    assert "not JSON at column 2: " in told[0]
    assert "3 records, 5 unreadable, 1 alert in " in err


def test_only_the_first_unreadable_lines_are_told_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_text("x\n" * 500)
    main(["replay", str(path)])
    err = capsys.readouterr().err
    assert err.count(": not readable: ") == 20
    assert err.count("only counted") == 1
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


@pytest.mark.parametrize("options", [[], ["--reorder-window", "2s"], ["--speed", "1000000"]])
def test_a_record_that_the_filter_cannot_read_is_told_and_ends_nothing(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene()
    raw = encode_value(scene.network(0, pid=9))
    assert raw[0] in range(0x80, 0x8F)
    with_an_array_as_a_key = bytes([raw[0] + 1]) + raw[1:] + b"\x91\x01\x02"
    others = [encode_value(scene.network(0)), encode_value(scene.file(SECOND))]
    entries = [encode_entry(SECOND, record) for record in (with_an_array_as_a_key, *others)]
    path = tmp_path / "odd.forward"
    path.write_bytes(encode_forward("app", entries, {}))
    assert main(["replay", "--json", *options, str(path)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "app: a record: not readable: " in err
    assert "3 records, 1 unreadable, 1 alert in " in err


def test_with_a_window_an_alert_is_printed_while_its_input_goes_on() -> None:
    scene = Scene()
    with running_program("replay", "--json", "--reorder-window", "0", "-") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for record in (scene.network(0), scene.file(SECOND)):
            child.stdin.write(json.dumps(record).encode() + b"\n")
        child.stdin.flush()
        assert select.select([child.stdout], [], [], WAIT)[0]
        assert json.loads(child.stdout.readline())["sequence"]["span_ns"] == SECOND
        child.stdin.close()
        assert child.wait(WAIT) == 0


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


def test_a_time_beyond_all_waiting_is_waited_for_as_long_as_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    untimed = encode_value(with_fields(Scene().network(), {"@timestamp": None}))
    times = (b"\x01", b"\xcf" + b"\xff" * 8)
    entries = [b"\x92" + time + untimed for time in times]
    path = tmp_path / "far.forward"
    path.write_bytes(encode_forward("app", entries, {}))
    replayed(capsys, "--speed", "0.001", path)
    assert 10**7 < max(slept) < threading.TIMEOUT_MAX


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf", "1e-300"])
def test_a_speed_that_is_none_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", "--speed", speed, str(EVENTS)])
    assert caught.value.code == 2
    assert f"expected a number from 0.001 to 1000000, found '{speed}'" in capsys.readouterr().err


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


@pytest.mark.parametrize("options", [[], ["--reorder-window", "2s"]])
def test_a_reader_that_goes_away_is_no_trouble(options: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [FLUENT_EQL, "replay", "--json", *options, EVENTS]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.returncode == 141
    assert b"roken pipe" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_output_that_is_full_is_not_taken_for_an_unreadable_input() -> None:
    command: list[str | Path] = [FLUENT_EQL, "replay", "--json", "--reorder-window", "2s", EVENTS]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert EVENTS.name.encode() not in done.stderr


def seen_on_a_terminal(*arguments: str | Path) -> bytes:
    """What ``fluent-eql`` writes to a standard error that is a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen([FLUENT_EQL, *arguments], stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        seen = b""
        try:
            while data := os.read(ours, 4096):
                seen += data
        except OSError:
            pass
        os.close(ours)
    return seen


def test_a_progress_bar_is_drawn_on_a_terminal_only() -> None:
    assert b"%" not in run_program("replay", EVENTS).stderr
    seen = seen_on_a_terminal("replay", EVENTS)
    assert b"%" in seen
    assert b"928 records" in seen


def test_a_progress_bar_makes_room_for_what_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_text("x\n" * 2)
    seen = seen_on_a_terminal("replay", path)
    assert b"%" in seen
    for number in (1, 2):
        assert re.search(rb"[\r\n]%s: line %d: " % (re.escape(bytes(path)), number), seen)


@pytest.mark.parametrize("window", [[], ["--reorder-window", "1s"]])
def test_what_a_sequence_ends_without_is_missing_at_the_end_of_a_recording(
    window: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[rule]\nname = "r"\nrule_id = "r"\nseverity = "low"\nrisk_score = 1\n'
        'query = "sequence by k with maxspan=5s [n where true] ![f where true]"\n'
    )
    events = written(tmp_path, happened("n1", "n", 0), happened("n2", "n", SECOND, k="other"))
    alerts = replayed(capsys, "--rules", rules, *window, events)
    assert [alert["sequence"]["by"]["k"] for alert in alerts] == ["a", "other"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("path", [EVENTS, TWO_INPUTS], ids=lambda path: path.name)
def test_packed_recordings_are_read_whatever_their_names(
    path: Path,
    pack: Callable[[bytes], bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = tmp_path / "any.name"
    packed.write_bytes(pack(path.read_bytes()))
    assert [in_short(alert) for alert in replayed(capsys, packed)] == lines_of(EXPECTED)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed.read_bytes())))
    assert len(replayed(capsys, "-")) == 4


def test_folders_and_patterns_are_one_stream_with_the_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = EVENTS.read_bytes().splitlines(keepends=True)
    parts = [b"".join(lines[number::3]) for number in range(3)]
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "one.gz").write_bytes(gzip.compress(parts[0]))
    (tmp_path / "two.zst").write_bytes(zstandard.compress(parts[1]))
    (tmp_path / "three").write_bytes(parts[2])
    places = [tmp_path / "folder", f"{tmp_path}/*.zst", tmp_path / "three"]
    assert replayed(capsys, *places) == replayed(capsys, EVENTS)
    assert main(["replay", f"{tmp_path}/*.none", f"{tmp_path}/three", f"{tmp_path}/t*"]) == 1
    err = capsys.readouterr().err
    assert f"fluent-eql: {tmp_path}/*.none: fits no file" in err
    assert f"fluent-eql: {tmp_path}/three: named more than once, and read once" in err


def test_a_packed_file_that_is_cut_off_is_told_and_what_is_whole_of_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(EVENTS.read_bytes())[:-4])
    assert main(["replay", "--json", str(path)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert f"fluent-eql: {path}: cut off: the gzip data lacks its end" in err


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The shipped rule, for which one of its directories is not suspect any more."""
    text = shipped_rules().joinpath("network_connection_followed_by_file_creation.toml").read_text()
    path = tmp_path / "changed.toml"
    path.write_text(text.replace('"/dev/shm/*"', '"/nowhere/*"'))
    return path


def test_a_comparison_tells_what_a_change_of_rules_removes_and_adds(
    changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = str(shipped_rules())
    assert main(["replay", "--compare", shipped, str(changed), str(EVENTS)]) == 3
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[2] == ["total", "1", "0", "3"]
    assert f"Only in A, {shipped}:" in out
    assert "Only in B" not in out
    assert out.splitlines()[-1].split()[-2:] == ["0.812", "s"]
    assert "928 records, 0 unreadable, 1 alert only in A, 0 only in B, 3 in both in " in err
    assert main(["replay", "--json", "--compare", str(changed), shipped, str(EVENTS)]) == 3
    alerts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [alert["in"] for alert in alerts] == ["b", "both", "both", "both"]
    assert in_short(alerts[0])["file.path"] == "/dev/shm/stage2"


@pytest.mark.parametrize("window", [[], ["--reorder-window", "2s"]])
def test_the_exit_code_of_a_comparison_without_a_difference_is_0(
    window: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = str(shipped_rules())
    assert main(["replay", "--compare", shipped, shipped, *window, str(TWO_INPUTS)]) == 0
    assert "0 alerts only in A, 0 only in B, 4 in both" in capsys.readouterr().err


def test_a_recording_that_cannot_be_read_makes_a_comparison_fail(
    changed: Path, tmp_path: Path
) -> None:
    files = [str(EVENTS), str(tmp_path / "missing")]
    assert main(["replay", "--compare", str(shipped_rules()), str(changed), *files]) == 1


def test_an_event_that_both_filters_cannot_read_is_told_once(
    changed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = encode_value(Scene().network(0, pid=9))
    odd = bytes([raw[0] + 1]) + raw[1:] + b"\x91\x01\x02"
    path = tmp_path / "odd.forward"
    path.write_bytes(encode_forward("app", [encode_entry(SECOND, odd)], {}))
    assert main(["replay", "--compare", str(changed), str(changed), str(path)]) == 0
    assert "1 records, 1 unreadable" in capsys.readouterr().err.replace("1 record,", "1 records,")


def configured(folder: Path, name: str, **settings: Any) -> str:
    path = folder / name
    filters = [{"name": "eql", **settings}]
    path.write_text(json.dumps({"pipeline": {"filters": filters}}))
    return str(path)


def test_configurations_can_be_replayed_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule_id = "6d3b5c0e-9a41-4f0b-8f5e-2c7b1f7a9d64"
    exception = 'file.path == "/dev/shm/stage2"'
    tuning = {rule_id: {"severity": "high", "exceptions": [exception]}}
    plain = configured(tmp_path, "plain.yaml")
    tuned = configured(tmp_path, "tuned.yaml", tuning=tuning)
    alerts = replayed(capsys, "--config", tuned, EVENTS)
    assert [alert["severity"] for alert in alerts] == ["high"] * 3
    assert main(["replay", "--json", "--compare", plain, tuned, str(EVENTS)]) == 3
    compared = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [alert["in"] for alert in compared] == ["a", "both", "both", "both"]


def test_a_configuration_needs_one_filter_of_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text("pipeline: {filters: [{name: eql}, {name: eql}]}")
    assert main(["replay", "--config", str(path), str(EVENTS)]) == 1
    assert "expected one filter of the name eql, found 2" in capsys.readouterr().err


def test_a_rule_that_is_refused_beside_others_is_told(
    changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed.with_name("bad.toml").write_text("[rule\n")
    assert len(replayed(capsys, "--rules", changed.parent, EVENTS)) == 3
    main(["replay", "--rules", str(changed.parent), str(EVENTS)])
    assert f"fluent-eql: {changed.with_name('bad.toml')}:1:" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--report", "x.html"], ["--speed", "2"], ["--rules", "x"]])
def test_what_does_not_go_with_a_comparison_is_refused(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", "--compare", "a", "b", *more, str(EVENTS)])
    assert caught.value.code == 2
    assert "not allowed with" in (err := capsys.readouterr().err) or "goes neither" in err


@pytest.mark.parametrize("options", [[], ["--json"], ["--json", "--reorder-window", "2s"]])
def test_a_report_is_written_beside_the_output(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.html"
    assert main(["replay", *options, "--report", str(path), str(EVENTS)]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 5 - ("--json" in options)
    assert err.endswith(f"report: {path}\n")
    page = path.read_text("utf-8")
    for told in ("<b>4</b> alerts", "<b>928</b> records", "db-01", "/dev/shm/stage2", "<svg "):
        assert told in page


def test_a_report_that_cannot_be_written_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "missing" / "out.html"
    assert main(["replay", "--report", str(path), str(EVENTS)]) == 1
    out, err = capsys.readouterr()
    assert (out, "No such file or directory" in err) == ("", True)
