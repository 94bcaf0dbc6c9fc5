from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fluent_pipeline.bench import targets
from fluent_pipeline.bench.targets import COPY, Contestant, contestants, running
from fluent_pipeline.bench.usage import family
from fluent_pipeline.bench.workloads import FORMS, MAIN


def broken(text: str) -> Contestant:
    return replace(COPY, command=lambda place, workload: [sys.executable, "-c", text])


def test_a_relay_runs_while_the_context_lasts(tmp_path: Path) -> None:
    with running(COPY, MAIN, tmp_path / "copy", 9) as (pid, port):
        assert port > 0
        assert family(pid) == [pid]
    assert not Path(f"/proc/{pid}").exists()


def test_a_relay_that_ends_at_once_is_an_error_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such rule"):
        with running(broken("raise SystemExit('no such rule')"), MAIN, tmp_path / "x", 9):
            pass


def test_agents_join_where_they_are_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    alone = {contestant.name for contestant in contestants()}
    for name in ("fluent-bit", "fluentd"):
        (tmp_path / name).touch(mode=0o755)
    found = {contestant.name: contestant for contestant in contestants()}
    assert set(found) - alone == {"fluent-bit", "fluentd"}
    assert found["fluent-bit"].takes(MAIN)
    assert not found["fluentd"].takes(MAIN)
    assert found["fluentd"].takes(FORMS[0])


def test_the_floor_comes_first() -> None:
    assert contestants()[0] is targets.COPY
