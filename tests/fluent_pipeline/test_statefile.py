from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fluent_pipeline.statefile import SavedState, read_state, write_state

STATE = SavedState(b"\x00state\xff", 1_800_000_000_123_456_789)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "eql.0.state"
    write_state(path, SavedState(b"old", 1))
    write_state(path, STATE)
    assert read_state(path) == STATE
    assert [found.name for found in path.parent.iterdir()] == ["eql.0.state"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path / "none") is None


def test_a_write_that_fails_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "eql.0.state"
    write_state(path, STATE)
    (tmp_path / "eql.0.state.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_state(path, SavedState(b"new", 2))
    assert read_state(path) == STATE


def test_a_file_that_is_cut_off_or_changed_anywhere_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "eql.0.state"
    write_state(path, STATE)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place])
        with pytest.raises(ValueError, match="state|checksum"):
            read_state(path)
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError, match="state|checksum"):
            read_state(path)
