from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import zstandard

from fluent_pipeline.errors import FluentPipelineError
from fluent_pipeline.flink import link_inputs

LINE = b'{"a": 1}\n'


def linked(folder: Path) -> dict[str, bytes]:
    return {link.name: link.read_bytes() for link in folder.iterdir()}


def test_a_file_is_linked_under_a_name_that_flink_reads(tmp_path: Path) -> None:
    path = tmp_path / "_events"
    path.write_bytes(LINE)
    assert link_inputs(path, tmp_path / "links") == [path]
    assert linked(tmp_path / "links") == {"000000.ndjson": LINE}


def test_all_files_of_a_folder_are_linked_hidden_ones_aside(tmp_path: Path) -> None:
    events = tmp_path / "events"
    for name in ("b/2.ndjson", "b/10.ndjson", "a.log", "_c", ".hidden", ".git/d"):
        (events / name).parent.mkdir(parents=True, exist_ok=True)
        (events / name).write_bytes(name.encode())
    files = link_inputs(events, tmp_path / "links")
    found = [str(file.relative_to(events)) for file in files]
    assert found == ["_c", "a.log", "b/2.ndjson", "b/10.ndjson"]
    assert [linked(tmp_path / "links")[f"{n:06d}.ndjson"].decode() for n in range(4)] == found


def test_what_is_packed_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    events = tmp_path / "events"
    events.mkdir()
    (events / "1.packed").write_bytes(gzip.compress(LINE))
    (events / "2.gz").write_bytes(LINE)
    link_inputs(events, tmp_path / "links")
    assert set(linked(tmp_path / "links")) == {"000000.ndjson.gz", "000001.ndjson"}


def test_links_of_a_run_before_are_gone(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "old").write_bytes(b"")
    path = tmp_path / "events"
    path.write_bytes(LINE)
    link_inputs(path, tmp_path / "links")
    assert list(linked(tmp_path / "links")) == ["000000.ndjson"]


def test_a_relative_path_is_linked_to_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events").write_bytes(LINE)
    monkeypatch.chdir(tmp_path)
    link_inputs(Path("events"), tmp_path / "deep" / "links")
    assert linked(tmp_path / "deep" / "links") == {"000000.ndjson": LINE}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zstandard.compress(LINE), "is packed with zstd; Flink reads gzip"),
        (b"BZh91AY", "is packed with bzip2; Flink reads gzip"),
        (b"\x92\xa3tag\x90", "is a forward stream; Flink reads NDJSON"),
    ],
    ids=["zstd", "bzip2", "forward"],
)
def test_what_flink_would_read_otherwise_is_refused(
    data: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    path.write_bytes(data)
    with pytest.raises(FluentPipelineError, match=f"^{path}: {reason}$"):
        link_inputs(path, tmp_path / "links")


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FluentPipelineError, match=f"^{tmp_path}/none: No such file or directory$"):
        link_inputs(tmp_path / "none", tmp_path / "links")


def test_a_folder_without_files_is_told(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "empty")
    with pytest.raises(FluentPipelineError, match=f"^{tmp_path}/empty: holds no file$"):
        link_inputs(tmp_path / "empty", tmp_path / "links")


def test_an_empty_file_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "events").touch()
    link_inputs(tmp_path / "events", tmp_path / "links")
    assert linked(tmp_path / "links") == {"000000.ndjson": b""}


def test_a_pattern_stands_for_what_fits_it(tmp_path: Path) -> None:
    for name in ("a.ndjson", "b.ndjson", "c.txt"):
        (tmp_path / name).write_bytes(LINE)
    files = link_inputs(tmp_path / "*.ndjson", tmp_path / "links")
    assert files == [tmp_path / "a.ndjson", tmp_path / "b.ndjson"]
