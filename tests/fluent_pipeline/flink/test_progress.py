from __future__ import annotations

import gzip
import io
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tqdm import tqdm

from fluent_pipeline.flink import watch_job

WAIT = 20


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch, records: Callable[[str, str], int | None]) -> Terminal:
    """A terminal in the place of the standard error, on which every change is drawn.

    ``records`` says how many records the job has read.
    """
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    monkeypatch.setattr("fluent_pipeline.flink.progress.INTERVAL", 0.01)
    drawing = partial(tqdm, mininterval=0, miniters=0)
    monkeypatch.setattr("fluent_pipeline.flink.progress.tqdm", drawing)
    monkeypatch.setattr("fluent_pipeline.flink.progress.records_read", records)
    return terminal


def wait_for(terminal: Terminal, text: str) -> None:
    end = time.monotonic() + WAIT
    while text not in terminal.getvalue():
        assert time.monotonic() < end, terminal.getvalue()
        time.sleep(0.01)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of 400 lines together, one of them packed."""
    plain, packed = tmp_path / "a", tmp_path / "b"
    plain.write_bytes(b"{}\n" * 300)
    packed.write_bytes(gzip.compress(b"{}\n" * 100))
    return [plain, packed]


def test_the_share_of_all_records_is_shown_with_the_rate_and_the_time_that_is_left(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = watched(monkeypatch, lambda address, job: 100)
    with watch_job(files, "127.0.0.1:8081", "a1", False):
        wait_for(terminal, "100/400")
    seen = terminal.getvalue()
    assert "25%" in seen
    assert "records/s" in seen


def test_the_job_is_asked_for_at_its_address(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()

    def records(address: str, job: str) -> int:
        asked.add((address, job))
        return 7

    terminal = watched(monkeypatch, records)
    with watch_job(files, "127.0.0.1:8081", "a1", False):
        wait_for(terminal, "7.00/400")
    assert asked == {("127.0.0.1:8081", "a1")}


def test_of_a_job_that_has_resumed_no_share_is_shown(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = watched(monkeypatch, lambda address, job: 42)
    with watch_job(files, "127.0.0.1:8081", "a1", True):
        wait_for(terminal, "42.0 records")
    assert "%" not in terminal.getvalue()


def test_while_nothing_is_known_nothing_is_counted(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, None, 5])
    terminal = watched(monkeypatch, lambda address, job: next(answers, 5))
    with watch_job(files, "127.0.0.1:8081", "a1", True):
        wait_for(terminal, "5.00 records")


def test_files_that_cannot_be_read_do_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cut").write_bytes(gzip.compress(b"{}\n" * 100)[:-9])
    terminal = watched(monkeypatch, lambda address, job: 3)
    with watch_job([tmp_path / "none", tmp_path / "cut"], "127.0.0.1:8081", "a1", False):
        wait_for(terminal, "3.00")


def test_its_threads_end_with_it_also_after_an_error(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(monkeypatch, lambda address, job: 1)
    before = threading.active_count()
    with pytest.raises(ValueError, match="failed"):
        with watch_job(files, "127.0.0.1:8081", "a1", False):
            raise ValueError("failed")
    assert threading.active_count() == before


def test_nothing_is_asked_and_drawn_where_nobody_watches(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def records(address: str, job: str) -> int:
        raise AssertionError

    monkeypatch.setattr("fluent_pipeline.flink.progress.records_read", records)
    before = threading.active_count()
    with watch_job(files, "127.0.0.1:8081", "a1", False):
        assert threading.active_count() == before
    assert capsys.readouterr().err == ""
