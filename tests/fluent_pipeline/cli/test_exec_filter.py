from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fluent_eql.event import encode_value
from fluent_pipeline.cli.common import eql_filter
from fluent_pipeline.cli.exec_filter import Codec, JsonLines, MsgpackMaps, Session
from support.events import SECOND, Scene
from support.programs import FLUENT_EQL, WAIT, run_program, running_program

ALERT_TAG = "eql.alert.network_connection_followed_by_file_creation"
SCENE = Scene()
NETWORK, FILE = SCENE.network(0), SCENE.file(SECOND)
OTHER = {"message": "é", "n": 1.5, "tag": "x"}


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def session(codec: Codec, *, window: int = 2 * SECOND, tag_key: str | None = None) -> Session:
    return Session(eql_filter((), reorder_window=window), codec, tag_key)


def test_records_of_no_interest_come_out_as_they_went_in() -> None:
    odd = b'{ "a" : 1.50, "b":"\\u00e9" }\n'
    assert session(JsonLines()).take(odd + line(OTHER), 0, 0) == odd + line(OTHER)


def test_a_record_that_completes_a_sequence_comes_out_enriched_after_the_window() -> None:
    run = session(JsonLines())
    assert run.take(line(NETWORK) + line(FILE) + line(OTHER), 0, 0) == line(NETWORK) + line(OTHER)
    assert run.take(b"", 2 * SECOND - 1, 0) == b""
    enriched = json.loads(run.take(b"", 2 * SECOND, 0))
    assert enriched["event"]["id"] == FILE["event"]["id"]
    assert len(enriched["eql"]["alerts"]) == 1


def test_what_is_held_comes_out_at_the_end_of_the_input() -> None:
    run = session(JsonLines())
    assert run.take(line(FILE), 0, 0) == b""
    assert run.finish(0, 0) == line(FILE)


def test_a_record_may_come_in_pieces() -> None:
    run = session(JsonLines())
    text = line(OTHER)
    assert run.take(text[:5], 0, 0) == b""
    assert run.take(text[5:], 0, 0) == text


def test_a_last_line_without_an_end_is_a_record_too() -> None:
    run = session(JsonLines())
    assert run.take(line(OTHER)[:-1], 0, 0) == b""
    assert run.finish(0, 0) == line(OTHER)


def test_lines_that_are_no_records_pass_through(capsys: pytest.CaptureFixture[str]) -> None:
    run = session(JsonLines())
    junk = b"not json\n[1]\n{\n"
    assert run.take(junk + line(OTHER), 0, 0) == junk + line(OTHER)
    assert capsys.readouterr().err.count("passed on untouched") == 3


def test_what_is_not_held_comes_out_in_the_order_in_which_it_went_in() -> None:
    run = session(JsonLines())
    run.take(line(NETWORK) + line(FILE), 0, 0)
    junk = b"not json\n"
    source = line(OTHER) + junk + line(SCENE.file(9 * SECOND)) + line(NETWORK)
    passed = run.take(source, 2 * SECOND, 0)
    assert passed.startswith(line(OTHER) + junk + line(NETWORK))
    assert b"eql-alert" in passed[len(line(OTHER) + junk + line(NETWORK)) :]

    at_once = session(JsonLines(), window=0)
    first, second, third = at_once.take(line(NETWORK) + line(FILE) + junk, 0, 0).splitlines()
    assert [first, third] == [line(NETWORK).rstrip(), junk.rstrip()]
    assert b"eql-alert" in second


def test_what_the_filter_warns_of_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    detector = eql_filter((), reorder_window=0, max_entities=1)
    run = Session(detector, JsonLines(), None)
    for pid in range(3):
        run.take(line(SCENE.network(0, pid=pid)), 0, 0)
    assert "fluent-eql: " in capsys.readouterr().err


def test_msgpack_maps_come_out_as_they_went_in() -> None:
    wide = b"\xdf\x00\x00\x00\x01\xd9\x01a\xcf\x00\x00\x00\x00\x00\x00\x00\x01"
    run = session(MsgpackMaps())
    assert run.take(wide[:7], 0, 0) == b""
    assert run.take(wide[7:] + wide, 0, 0) == wide * 2


def test_msgpack_records_are_enriched() -> None:
    run = session(MsgpackMaps(), window=0)
    run.take(encode_value(NETWORK), 0, 0)
    enriched = msgpack.unpackb(run.take(encode_value(FILE), 0, 0))
    assert enriched["tags"][0] == "eql-alert"


def test_a_late_alert_has_the_alert_tag_under_the_tag_key() -> None:
    run = session(JsonLines(), window=0, tag_key="fluent_tag")
    file, network = ({**record, "fluent_tag": "endpoint"} for record in (FILE, NETWORK))
    assert run.take(line(file), 0, 0) == line(file)
    passed, late = run.take(line(network), 0, 0).splitlines()
    assert json.loads(passed) == network
    assert json.loads(late)["fluent_tag"] == ALERT_TAG
    assert json.loads(late)["eql"]["alerts"][0]["late"] is True


def test_the_time_of_arrival_stands_for_a_time_that_the_record_lacks() -> None:
    run = session(JsonLines(), window=0)
    untimed = [
        {key: value for key, value in record.items() if key != "@timestamp"}
        for record in (NETWORK, FILE)
    ]
    run.take(line(untimed[0]), 0, 10 * SECOND)
    enriched = json.loads(run.take(line(untimed[1]), 0, 11 * SECOND))
    assert enriched["eql"]["alerts"][0]["sequence"]["span_ns"] == SECOND


def nested(record: dict[str, Any], depth: int) -> bytes:
    return (
        line(record).rstrip()[:-1]
        + b', "n": '
        + b'{"n":' * depth
        + b"1"
        + b"}" * (depth + 1)
        + b"\n"
    )


@pytest.mark.parametrize("depth", [400, 800])
def test_a_deeply_nested_record_is_enriched(depth: int) -> None:
    run = session(JsonLines(), window=0)
    run.take(line(NETWORK), 0, 0)
    assert b"eql-alert" in run.take(nested(FILE, depth), 0, 0)


def test_a_record_nested_too_deep_to_be_read_passes_through() -> None:
    run = session(JsonLines(), window=0)
    assert run.take(nested(FILE, 5000) + line(OTHER), 0, 0) == nested(FILE, 5000) + line(OTHER)


class Unwritable(JsonLines):
    """Reads JSON and can write nothing of its own."""

    def encode(self, raw: bytes) -> bytes:
        raise ValueError("nested too deep for JSON")


def test_a_record_that_cannot_be_written_enriched_comes_out_as_it_came_and_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = session(Unwritable(), window=0)
    run.take(line(NETWORK), 0, 0)
    assert run.take(line(FILE) + line(OTHER), 0, 0) == line(FILE) + line(OTHER)
    assert "without its alert: nested too deep for JSON" in capsys.readouterr().err


def test_a_late_alert_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run = session(Unwritable(), window=0)
    run.take(line(FILE), 0, 0)
    assert run.take(line(NETWORK), 0, 0) == line(NETWORK)
    told = f"a record for {ALERT_TAG} cannot be written: nested too deep for JSON"
    assert told in capsys.readouterr().err


def test_records_with_the_same_bytes_are_two_records() -> None:
    run = session(JsonLines())
    assert run.take(line(FILE) * 2, 0, 0) == b""
    assert run.finish(0, 0) == line(FILE) * 2


def test_half_of_a_character_hides_no_record() -> None:
    run = session(JsonLines(), window=0)
    run.take(line(NETWORK), 0, 0)
    cut = {**FILE, "message": "\ud83d"}
    enriched = json.loads(run.take(line(cut), 0, 0))
    assert enriched["message"] == "\ufffd"
    assert enriched["tags"][0] == "eql-alert"


def test_half_of_a_character_in_a_record_of_no_interest_is_left_as_it_came() -> None:
    odd = b'{"a": "\\ud83d", "b": "\xff", "c": NaN}\r\n'
    assert session(JsonLines()).take(odd, 0, 0) == odd


def test_msgpack_values_that_are_no_maps_pass_through(capsys: pytest.CaptureFixture[str]) -> None:
    run = session(MsgpackMaps(), tag_key="tag")
    assert run.take(b"\x05\xc0\x81\xa1a\x01", 0, 0) == b"\x05\xc0\x81\xa1a\x01"
    assert capsys.readouterr().err.count("passed on untouched") == 2


def test_a_msgpack_record_without_its_end_is_an_error_that_says_where() -> None:
    codec = MsgpackMaps()
    run = session(codec)
    assert run.take(b"\x80\x81\xa1a", 0, 0) == b"\x80"
    assert codec.error is None
    assert run.finish(0, 0) == b""
    assert codec.error == "the input ends within the record at byte 1"


def test_as_a_program_it_lets_go_of_a_held_record_without_more_input() -> None:
    with running_program("filter", "--reorder-window", "100ms") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(line(NETWORK) + line(FILE))
        child.stdin.flush()
        assert child.stdout.readline() == line(NETWORK)
        assert b"eql-alert" in child.stdout.readline()
        child.stdin.close()
        assert child.wait(WAIT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_program_it_decides_what_it_holds_when_it_is_told_to_stop(number: int) -> None:
    with running_program("filter", "--reorder-window", "1h") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(line(NETWORK) + line(FILE))
        child.stdin.flush()
        assert child.stdout.readline() == line(NETWORK)
        child.send_signal(number)
        assert b"eql-alert" in child.stdout.readline()
        assert child.wait(WAIT) == 0


def test_as_a_program_it_reads_what_its_pipe_holds_before_it_stops() -> None:
    with running_program("filter", "--reorder-window", "1h") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(line(OTHER))
        child.stdin.flush()
        assert child.stdout.readline() == line(OTHER)
        child.send_signal(signal.SIGSTOP)
        child.stdin.write(line(NETWORK) + line(FILE))
        child.stdin.close()
        child.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGCONT)
        assert child.stdout.readline() == line(NETWORK)
        assert b"eql-alert" in child.stdout.readline()
        assert child.wait(WAIT) == 0


def test_as_a_program_it_stops_while_its_input_goes_on() -> None:
    endless = line({"text": "x" * 1000})
    with subprocess.Popen(["yes", endless.rstrip()], stdout=subprocess.PIPE) as source:
        child = subprocess.Popen(
            [FLUENT_EQL, "filter"], stdin=source.stdout, stdout=subprocess.PIPE
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == endless
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=WAIT)
        source.kill()
    assert child.returncode == 0


def test_as_a_program_it_reads_msgpack_to_the_end(tmp_path: Path) -> None:
    source = encode_value(NETWORK) + encode_value(FILE) + encode_value(OTHER)
    done = run_program("filter", "--format", "msgpack", input=source)
    assert done.returncode == 0
    unpacker = msgpack.Unpacker()
    unpacker.feed(done.stdout)
    records = list(unpacker)
    assert sorted("eql" in record for record in records) == [False, False, True]


def test_bytes_that_are_no_msgpack_end_it_once_all_before_them_is_out() -> None:
    held = encode_value(FILE)
    done = run_program("filter", "--format", "msgpack", input=b"\x80" + held + b"\xc1")
    assert done.returncode == 1
    assert done.stdout == b"\x80" + held
    assert b"fluent-eql: " in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    pipeline = f"yes '{{}}' | '{FLUENT_EQL}' filter | head -n 1"
    done = subprocess.run(["bash", "-c", pipeline], capture_output=True, timeout=WAIT, check=True)
    assert done.stdout == b"{}\n"
    assert b"Traceback" not in done.stderr
