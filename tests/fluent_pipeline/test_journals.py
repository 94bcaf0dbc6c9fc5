from __future__ import annotations

import time
from pathlib import Path

import pytest

from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import FilterDriver
from fluent_pipeline.engine import Stage
from fluent_pipeline.journals import Journals
from support.rules import rule
from support.sequences import happened

TWO = "sequence by k [n where true] [f where true]"


def stage(*queries: str, name: str = "eql.0") -> Stage:
    rules = [rule(query) for query in queries]
    return Stage(name, EqlFilter(rules, EqlOptions(reorder_window=0)), lambda tag: True)


def note() -> bytes:
    (written,) = FilterDriver(stage(TWO).filter).send([happened("n1", "n", 0)]).notes
    return written


def test_a_fresh_filter_knows_what_was_noted(tmp_path: Path) -> None:
    before = Journals([stage(TWO)], tmp_path, 1_000)
    before.open()
    before.append("eql.0", note())
    before.close()
    fresh = stage(TWO)
    after = Journals([fresh], tmp_path, 1_000)
    after.open()
    runner = FilterDriver(fresh.filter, now=time.monotonic_ns())
    assert len(runner.send([happened("f1", "f", 1)]).alerts) == 1
    after.close()


def test_each_stage_has_notes_of_its_own(tmp_path: Path) -> None:
    journals = Journals([stage(TWO), stage(TWO, name="other")], tmp_path, 1_000)
    journals.open()
    journals.append("other", note())
    journals.close()
    assert [path.parent.name for path in tmp_path.glob("*/*.notes")] == ["other"]


def test_a_filter_that_remembers_nothing_has_no_folder(tmp_path: Path) -> None:
    journals = Journals([stage("any where true")], tmp_path, 1_000)
    journals.open()
    journals.append("eql.0", b"")
    journals.close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_used_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journals = Journals([stage(TWO)], tmp_path, 1_000)
    journals.open()
    journals.append("eql.0", b"nonsense")
    journals.close()
    again = Journals([stage(TWO)], tmp_path, 1_000)
    again.open()
    again.close()
    assert "eql.0: 1 notes cannot be read" in caplog.text


def test_a_folder_in_use_is_an_error_that_names_the_filter(tmp_path: Path) -> None:
    journals = Journals([stage(TWO)], tmp_path, 1_000)
    journals.open()
    with pytest.raises(BlockingIOError, match=r"eql\.0"):
        Journals([stage(TWO)], tmp_path, 1_000).open()
    journals.close()


def test_a_note_that_cannot_be_kept_is_trouble_until_one_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journals = Journals([stage(TWO)], tmp_path, 1_000)
    journals.open()
    folder = tmp_path / "eql.0"
    folder.rename(tmp_path / "away")
    journals.append("eql.0", note())
    journals.append("eql.0", note())
    assert journals.trouble is not None
    assert caplog.text.count("cannot be kept") == 1
    (tmp_path / "away").rename(folder)
    journals.append("eql.0", note())
    assert journals.trouble is None
    journals.close()
