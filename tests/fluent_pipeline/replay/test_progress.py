from __future__ import annotations

import gzip
import io
import os
import sys
from functools import partial
from pathlib import Path

import pytest
from tqdm import tqdm

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.replay.progress import Progress, say


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in the place of the standard error, on which every change is drawn."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    drawing = partial(tqdm, mininterval=0, miniters=0, ncols=120)
    monkeypatch.setattr("fluent_pipeline.replay.progress.tqdm", drawing)
    return terminal


def read_all(progress: Progress, *names: str) -> bytes:
    data = b""
    for name in names:
        with progress.opened(name) as stream:
            while part := stream.read(1000):
                data += part
    return data


def test_files_are_read_unpacked_and_counted_as_they_are_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = watched(monkeypatch)
    names = [str(tmp_path / "a.gz"), str(tmp_path / "b")]
    Path(names[0]).write_bytes(gzip.compress(b"a" * 100_000))
    Path(names[1]).write_bytes(os.urandom(50_000))
    with Progress(names, lambda: 12_345) as progress:
        assert len(read_all(progress, *names)) == 150_000
    seen = terminal.getvalue()
    assert "a.gz (1 of 2):" in seen
    assert "b (2 of 2): 100%" in seen
    assert "50.1k/50.1k" in seen
    assert "B/s" in seen
    assert "records/s" in seen
    assert "00:00<00:00" in seen


def test_without_a_size_there_is_a_rate_and_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 5000)))
    with Progress(["-"], lambda: 1) as progress:
        assert read_all(progress, "-") == b"x" * 5000
    assert "5.00kB" in terminal.getvalue()
    assert "%" not in terminal.getvalue()


def test_nothing_is_drawn_where_nobody_watches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with Progress([str(path)], lambda: 1) as progress:
        read_all(progress, str(path))
        say("told", sys.stderr)
    assert capsys.readouterr().err == "told\n"


def test_a_file_that_cannot_be_opened_or_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    progress = Progress([missing, str(tmp_path)], lambda: 0)
    for name, reason in ((missing, "No such file"), (str(tmp_path), "Is a directory")):
        with pytest.raises(FluentPipelineError, match=f"^{name}: {reason}"):
            read_all(progress, name)


def test_a_pipe_has_no_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Progress([str(pipe)], lambda: 0):
        assert "0.00B [" in terminal.getvalue()
