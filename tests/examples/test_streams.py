"""Every sample stream replays to its golden output, and is what the script makes."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fluent_pipeline.cli import main
from fluent_pipeline.recordings import read_events

ROOT = Path(__file__).parent.parent.parent
STREAMS = ROOT / "examples" / "streams"
GOLDEN = {path.name.split(".")[0]: path for path in STREAMS.glob("*.alerts.ndjson")}
REPLAYED = sorted(path for path in STREAMS.iterdir() if path not in GOLDEN.values())


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = script("make_streams").MADE


def test_there_are_streams_of_both_kinds() -> None:
    assert {path.suffix for path in REPLAYED} == {".ndjson", ".forward"}
    assert len(REPLAYED) >= 4


@pytest.mark.parametrize("path", REPLAYED, ids=lambda path: path.name)
def test_a_stream_replays_to_its_golden_output(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = ROOT / "conf" / "rules"
    assert main(["replay", "--json", "--rules", str(rules), str(path)]) == 0
    assert capsys.readouterr().out == GOLDEN[path.name.split(".")[0]].read_text()


@pytest.mark.parametrize("name", [name for name in MADE if ".gz." not in name])
def test_a_stream_is_what_the_script_makes(name: str) -> None:
    assert (STREAMS / name).read_bytes() == MADE[name]()


def test_the_compressed_stream_holds_the_events_of_the_plain_one() -> None:
    told: list[object] = []
    names = ("endpoint.ndjson", "endpoint.gz.forward")
    plain, compressed = (
        [
            event.record
            for event in read_events(
                io.BytesIO((STREAMS / name).read_bytes()), "", lambda *what: told.append(what)
            )
        ]
        for name in names
    )
    assert plain == compressed
    assert told == []


def test_the_demo_finds_the_four_alerts_and_ends_well() -> None:
    command = [sys.executable, ROOT / "examples" / "demo.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("Network Connection")]
    expected = (ROOT / "tests" / "samples" / "expected_alerts.ndjson").read_text().splitlines()
    assert len(rows) == 4
    for row, alert in zip(rows, map(json.loads, expected), strict=True):
        assert alert["file.path"] in row
        assert alert["destination.ip"] in row
