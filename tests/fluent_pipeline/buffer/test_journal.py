from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fluent_pipeline.buffer.journal import Journal

SECOND = 10**9


@dataclass
class Clock:
    """Nanoseconds since the epoch, as the test says."""

    now: int = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@dataclass
class Kept:
    """A folder with journals, one after another."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    limit: int = 10**9
    segment_size: int = 100

    def journal(self) -> Journal:
        return Journal(
            self.folder,
            60 * SECOND,
            self.limit,
            clock=self.clock,
            segment_size=self.segment_size,
        )

    def write(self, *notes: bytes, every: int = 0) -> None:
        journal = self.journal()
        list(journal.open())
        for note in notes:
            journal.append(note)
            self.clock.now += every
        journal.close()

    def read(self) -> list[tuple[int, bytes]]:
        journal = self.journal()
        try:
            return list(journal.open())
        finally:
            journal.close()

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.notes"))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state" / "eql.0")


def test_notes_come_again_in_their_order_with_their_age(kept: Kept) -> None:
    notes = [bytes([n]) * 30 for n in range(10)]
    kept.write(*notes, every=SECOND)
    assert len(kept.files) > 3
    assert kept.read() == [((10 - n) * SECOND, note) for n, note in enumerate(notes)]
    kept.write(b"more")
    assert [note for _, note in kept.read()] == [*notes, b"more"]


def test_notes_survive_a_process_that_closes_nothing(kept: Kept) -> None:
    journal = kept.journal()
    list(journal.open())
    journal.append(b"note")
    assert [path.stat().st_size > 0 for path in kept.files] == [True]


def test_notes_that_are_too_old_are_neither_given_nor_kept(kept: Kept) -> None:
    kept.write(b"old" * 40)
    kept.clock.now += 50 * SECOND
    kept.write(b"new" * 40)
    kept.clock.now += 11 * SECOND
    assert kept.read() == [(11 * SECOND, b"new" * 40)]
    assert len(kept.files) == 1


def test_segments_go_while_new_notes_come(kept: Kept) -> None:
    kept.write(*[b"x" * 90] * 200, every=SECOND)
    assert 60 <= len(kept.files) <= 63


def test_past_the_limit_the_oldest_are_let_go_and_that_is_told(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.limit = 1_000
    kept.write(*[b"%03d" % n + b"x" * 90 for n in range(100)])
    assert sum(path.stat().st_size for path in kept.files) <= 1_300
    assert kept.read()[-1][1].startswith(b"099")
    assert "before its time" in caplog.text


def test_a_clock_that_was_put_back_makes_no_note_younger_than_new(kept: Kept) -> None:
    kept.write(b"a")
    kept.clock.now -= 5 * SECOND
    kept.write(b"b")
    assert kept.read() == [(0, b"a"), (0, b"b")]


def test_only_the_owner_can_read_them(kept: Kept) -> None:
    kept.write(b"a")
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept.files] == [0o600]


def test_two_processes_do_not_share_a_folder(kept: Kept) -> None:
    journal = kept.journal()
    list(journal.open())
    with pytest.raises(BlockingIOError):
        list(kept.journal().open())
    journal.close()
    assert kept.read() == []


def test_a_file_cut_off_anywhere_gives_all_whole_notes_and_takes_new_ones(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.segment_size = 10_000
    kept.write(b"first", b"second")
    (path,) = kept.files
    content = path.read_bytes()
    last = content.rindex(b"\xf1EQL")
    for length in range(last, len(content)):
        path.write_bytes(content[:length])
        assert [note for _, note in kept.read()] == [b"first"]
    assert "damaged" in caplog.text
    kept.write(b"third")
    assert [note for _, note in kept.read()] == [b"first", b"third"]


def test_a_flipped_bit_costs_at_most_its_note(kept: Kept) -> None:
    kept.segment_size = 10_000
    notes = [b"note %d" % n for n in range(8)]
    kept.write(*notes)
    (path,) = kept.files
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert len({note for _, note in kept.read()} & set(notes)) >= len(notes) - 1
