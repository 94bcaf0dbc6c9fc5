from __future__ import annotations

import json
from pathlib import Path

import pytest

from fluent_eql.flinksql import Job
from fluent_pipeline.bench import flink
from fluent_pipeline.bench.flink import Pace, inline, main, table, write_stream
from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink import Cluster, Ran, Workspace


def test_a_stream_is_cut_into_two_files_of_the_same_length(tmp_path: Path) -> None:
    write_stream(tmp_path / "events", 100)
    counts = [len(path.read_text().splitlines()) for path in (tmp_path / "events").iterdir()]
    assert counts == [50, 50]


def test_inline_is_timed_by_what_replay_says_and_finds_alerts(tmp_path: Path) -> None:
    write_stream(tmp_path / "events", 20_000)
    found = inline(tmp_path / "events", 20_000)
    assert found.name == "inline"
    assert found.rate > 0
    assert found.alerts


def test_the_table_has_the_rates_beside_that_of_the_first() -> None:
    paces = [Pace("inline", 1000, frozenset("a")), Pace("Flink", 25_500, frozenset("a"))]
    assert table(paces).splitlines()[2:] == [
        "| inline | 1,000 | 1.00 |",
        "| Flink | 25,500 | 25.50 |",
    ]


def test_other_alerts_are_an_error() -> None:
    paces = [Pace("inline", 1, frozenset("ab")), Pace("Flink", 1, frozenset("bc"))]
    with pytest.raises(FluentPipelineError, match="^Flink: 2 alerts are not those of inline$"):
        table(paces)


def test_each_parallelism_is_measured_after_a_smaller_job_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[int, int]] = []

    def run_job(job: Job, workspace: Workspace, cluster: Cluster, interval: int) -> Ran:
        texts = [path.read_text() for path in workspace.inputs.iterdir()]
        ran.append((cluster.parallelism, "".join(texts).count("\n")))
        workspace.alerts.mkdir()
        (workspace.alerts / "part").write_text(json.dumps({"id": "a"}) + "\n")
        return Ran(0.5, resumed=False)

    monkeypatch.setattr(flink, "run_job", run_job)
    monkeypatch.setattr(flink, "inline", lambda *_: Pace("inline", 500, frozenset("a")))
    assert main(["--records", "1000"]) == 0
    assert ran == [(1, 100), (1, 1000), (2, 100), (2, 1000)]
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| inline | 500 | 1.00 |",
        "| Flink, parallelism 1 | 2,000 | 4.00 |",
        "| Flink, parallelism 2 | 2,000 | 4.00 |",
    ]
